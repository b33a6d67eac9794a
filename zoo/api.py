"""The zoo from Python, in a notebook too, where what is returned shows its table, its verdict and its picture.

result = zoo.run("unrolled", data="ring", k=5, seeds=8)
result = zoo.open_run("runs/ring/unrolled/...")
zoo.evaluate(samples, "grid")
"""

from __future__ import annotations

import base64
import contextlib
import html
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

import toy_data
from zoo.errors import ZooError, briefly
from zoo.recipe import fields
from zoo.runs import pictures, rundir, session
from zoo.runs.cell import plan

if TYPE_CHECKING:
    import pandas
    from numpy.typing import ArrayLike


class Shown:
    """What a notebook shows: a table, sentences, and a picture where there is one."""

    verdict: list[str]

    def table(self) -> pandas.DataFrame:
        raise NotImplementedError

    def _picture(self) -> bytes:
        return b""

    def _repr_html_(self) -> str:
        parts = [self.table().to_html(float_format="{:.4g}".format, na_rep="")]
        parts += [f"<p>{html.escape(sentence)}</p>" for sentence in self.verdict]
        if picture := self._picture():
            parts.append(
                f'<img style="max-width:100%" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
            )
        return "\n".join(parts)


def _number(name: str, value: Any, least: int) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ZooError(f"{name} is a whole number, at least {least}, not {briefly(value)}.")
    return int(value)


@dataclass(frozen=True)
class Result(Shown):
    """A finished run: its folder, and what is in it."""

    folder: Path
    summary: dict[str, Any] = field(repr=False)

    @property
    def samples(self) -> np.ndarray:
        """The final samples ``[S, N, *data]``."""
        with np.load(self.folder / "samples.npz") as file:
            return file["samples"]

    @property
    def metrics(self) -> pandas.DataFrame:
        """Every evaluation: one row per seed and round."""
        import pandas

        return pandas.read_csv(self.folder / "metrics.csv")

    @property
    def verdict(self) -> list[str]:  # type: ignore[override]
        """What happened to the seeds, in words."""
        told: list[str] = self.summary["verdict"]
        return told

    def table(self) -> pandas.DataFrame:
        """One row per metric: mean, median, 95 % interval, and what the reference samplers score."""
        import pandas

        from zoo.statistics import shown

        rows = {}
        for name, m in self.summary["metrics"].items():
            low, high = shown(m["ci95"], len(m["per_seed"]) - m["missing"])
            rows[name] = {"mean": m["mean"], "median": m["median"], "low": low, "high": high}
            rows[name] |= {sampler: scores.get(name) for sampler, scores in self.summary["reference"].items()}
        return pandas.DataFrame.from_dict(rows, orient="index")

    def sample(
        self,
        n: int | None = None,
        *,
        first: int = 0,
        latents: ArrayLike | Tensor | None = None,
        seed_of_run: int | None = None,
    ) -> np.ndarray:
        """New samples ``[n, *data]`` of one seed's generator: of the seed ``seed_of_run`` that was trained, else of the run's first.

        The same call gives the same samples: they are numbered, and ``first=100`` goes on where ``sample(100)`` ends. ``latents [n, latent]``
        are yours, or some of ``Result.latents``. ``ZooError`` for a seed that is not there, and for latents of another shape.
        """
        from zoo.runs import sampling

        sampler = sampling.open_run(self.folder, seed_of_run)
        if latents is None:
            return sampler.sample(sampler.latents(_number("first", first, 0) + _number("n", n, 1)))[first:].numpy()
        given = latents.detach().cpu().numpy() if isinstance(latents, Tensor) else np.asarray(latents)
        z = sampling.as_latents(given, sampler.latent, "the array")
        return sampler.sample(z if n is None else z[: _number("n", n, 1)]).numpy()

    def latents(self, n: int, *, first: int = 0, seed_of_run: int | None = None) -> np.ndarray:
        """The latents ``[n, latent]`` that ``sample(n, first=first)`` is made of."""
        from zoo.runs import sampling

        sampler = sampling.open_run(self.folder, seed_of_run)
        return sampler.latents(_number("first", first, 0) + _number("n", n, 1))[first:].numpy()

    def interpolate(self, a: int, b: int, n: int = 10, *, seed_of_run: int | None = None) -> np.ndarray:
        """A walk ``[n, *data]`` from sample number ``a`` to number ``b``, as `zoo sample --interpolate`: between normal latents on a great circle."""
        from zoo.runs import sampling

        ends = _number("a", a, 0), _number("b", b, 0)
        return sampling.draw(sampling.open_run(self.folder, seed_of_run), _number("n", n, 2), between=ends).numpy()

    def export(self, path: str | Path, *, seed_of_run: int | None = None) -> dict[str, Any]:
        """Write one seed's generator as a program that PyTorch loads without the zoo (`zoo export`, docs/export.md); what it takes and gives."""
        from zoo.runs import exporting, sampling

        return exporting.export(sampling.open_run(self.folder, seed_of_run), Path(path))

    def _picture(self) -> bytes:
        path = self.folder / "samples.png"
        return path.read_bytes() if path.exists() else b""


@dataclass(frozen=True)
class Evaluation(Shown):
    """What samples of any origin score: by metric a number (a list over seeds), and the same of the reference samplers."""

    metrics: dict[str, Any]
    reference: dict[str, dict[str, float]]
    unavailable: dict[str, str]
    """Why a metric could not be had, in a sentence."""
    verdict: list[str]
    better: dict[str, str]
    """By metric: higher, lower, or what it should be near."""

    def table(self) -> pandas.DataFrame:
        """One row per metric: mean and 95 % interval over seeds, what is better, and what the reference samplers score."""
        import pandas

        from zoo.statistics import shown, summarise

        rows: dict[str, dict[str, Any]] = {}
        for name, value in self.metrics.items():
            over = summarise(value if isinstance(value, list) else [value])
            low, high = shown(over.ci95, over.n)
            rows[name] = {"mean": over.mean, "low": low, "high": high, "better": self.better[name]}
            rows[name] |= {sampler: scores.get(name) for sampler, scores in self.reference.items()}
        return pandas.DataFrame.from_dict(rows, orient="index")


def run(
    variant: str | None = None,
    *,
    data: str | Path | None = None,
    recipe: str | Path | None = None,
    seeds: str | int | Sequence[int] = 8,
    protocol: str | None = None,
    data_root: str | Path | None = None,
    device: str | torch.device = "auto",
    compile: bool | None = None,
    tf32: bool = False,
    out: str | Path | None = None,
    track: bool = False,
    progress: bool = True,
    **options: Any,
) -> Result:
    """Train ``variant`` (else the recipe's own) with ``options``: its own, and fields of the recipe (rounds, lr_d, ...), as on the command line.

    ``compile`` says whether a round is compiled; by itself it is where that is repaid. ``tf32`` lets a GPU multiply with fewer bits.
    ``track`` logs the finished run to MLflow, as the command line does unasked (later: `zoo track FOLDER`).
    Raises ``ZooError`` for anything that is not right, before a file is written. An option that neither has is refused.
    """
    from zoo import tracking
    from zoo.cli.terminal import Live, terminal
    from zoo.cli.training import going_on

    if not isinstance(out, str | Path | None):
        raise ZooError(f"out is the path of a folder, not {briefly(out)}.")
    changes = {name: options.pop(name) for name in fields() if name in options}
    cell = plan(
        variant,
        options,
        data=data,
        recipe=recipe,
        changes=changes,
        seeds=seeds,
        protocol=protocol,
        data_root=data_root,
    )
    listener = Live(terminal()) if progress else session.Listener()
    folder = Path(out) if out else None
    made = session.start(cell, out=folder, device=device, compile=compile, tf32=tf32, listener=listener)
    with contextlib.ExitStack() as stack:
        if isinstance(listener, Live):
            stack.callback(listener.close)
        try:
            summary = made.train(pictures.draw)
        except KeyboardInterrupt:
            print(f"Stopped after {made.training.played:,} rounds. Go on with: {going_on(made)}", file=sys.stderr)
            raise
    if track and (failure := tracking.try_log(made.folder, tracking.root_of(made.folder))):
        print(f"zoo: {failure}", file=sys.stderr)
    return Result(made.folder, summary)


def open_run(folder: str | Path) -> Result:
    """The finished run in ``folder``, as ``run`` returned it. ``ZooError`` where there is none."""
    found = rundir.read(folder)
    found.must_be_finished()
    return Result(found.path, dict(found.summary))


def evaluate(
    samples: ArrayLike | Tensor,
    data: str | Path,
    metrics: str | Sequence[str] | None = None,
    *,
    protocol: str | None = None,
    references: str | Sequence[str] | None = None,
    data_root: str | Path | None = None,
) -> Evaluation:
    """How collapsed are these samples, ``[N, *data]`` or over seeds ``[S, N, *data]``? As `zoo eval` says it.

    Args:
        samples: an array or a tensor of any generator's, on the scale of the data.
        data: the name of what they imitate, or the user's own file, as for ``run``.
        metrics: a name of ``zoo list metrics``, or several; by default the cheap ones that this data allows.
        protocol: how samples are counted; by default as published numbers on this data are.
        references: a sampler, or several, to stand beside (``baselines.samplers.SAMPLERS``); by default the data, one mode, and noise.

    Raises ``ZooError`` with one sentence.
    """
    from zoo.evaluation import evaluate as scored
    from zoo.evaluation import foreign, subjects

    chosen = toy_data.load(data, data_root)
    how = scored.protocol_named(protocol, chosen)
    if isinstance(samples, Tensor):
        plain = samples.detach().cpu()
        samples = (plain.float() if plain.is_floating_point() else plain).numpy()  # NumPy has no bfloat16
    array = np.asarray(samples)
    metrics, references = ([n] if isinstance(n, str) else n for n in (metrics, references))
    source = subjects.Source(foreign.stand(foreign.numbers("The array", array), chosen), chosen, how)
    found = scored.evaluate(source.samples, chosen, metrics, protocol=how, references=references)
    verdict = subjects.in_words(source) if "modes" in found["metrics"] else []
    return Evaluation(found["metrics"], found["reference"], found["unavailable"], verdict, found["better"])
