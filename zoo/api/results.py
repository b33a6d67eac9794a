"""What Python is given of a run, or of samples: numbers as tables, and what a notebook shows of them."""

from __future__ import annotations

import base64
import html
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from zoo.ambient import undisturbed
from zoo.errors import ZooError, briefly
from zoo.runs.naming import title
from zoo.runs.rundir import METRICS, SAMPLES

if TYPE_CHECKING:
    import pandas
    from numpy.typing import ArrayLike

    from zoo.runs.sampling import Sampler


def paragraphs(sentences: Iterable[str]) -> str:
    """As HTML."""
    return "\n".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)


class Shown(ABC):
    """What a notebook shows: a table or several, sentences, and a picture where there is one."""

    if TYPE_CHECKING:  # read only; at run time a dataclass would take a property of its base for a field's default

        @property
        def verdict(self) -> list[str]: ...

    @abstractmethod
    def table(self) -> pandas.DataFrame:
        """The table, one of several, or the first."""

    def _tables(self) -> list[str]:
        """As HTML."""
        return [self.table().to_html(float_format="{:.4g}".format, na_rep="")]

    def _sentences(self) -> list[str]:
        return self.verdict

    def _picture(self) -> bytes:
        return b""

    def _repr_html_(self) -> str:
        parts = [*self._tables(), paragraphs(self._sentences())]
        if picture := self._picture():
            parts.append(
                f'<img style="max-width:100%" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
            )
        return "\n".join(parts)


def folder_named(out: Any) -> Path:
    """``ZooError`` for what is no path."""
    if not isinstance(out, str | Path):
        raise ZooError(f"out is the path of a folder, not {briefly(out)}.")
    return Path(out)


def whole_number(name: str, value: Any, least: int) -> int:
    """``value`` as Python's own; ``ZooError`` unless it is whole, and ``least`` or more."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ZooError(f"{name} is a whole number, at least {least}, not {briefly(value)}.")
    return int(value)


def several(what: str, given: Any, kind: Any) -> tuple[Any, ...]:
    """One name or several as several; ``ZooError`` where something is no name."""
    names = (given,) if isinstance(given, str | Path) or not isinstance(given, Iterable) else tuple(given)
    if not all(isinstance(name, kind) for name in names):
        raise ZooError(f"'{what}' is a name, as text, or a list of names, not {briefly(given)}.")
    return names


@dataclass(frozen=True)
class Result(Shown):
    """A finished run: its folder, and what is in it."""

    folder: Path
    summary: dict[str, Any] = field(repr=False)

    @property
    def samples(self) -> np.ndarray:
        """The final samples ``[S, N, *data]``."""
        with np.load(self.folder / SAMPLES) as file:
            return file["samples"]

    @property
    def metrics(self) -> pandas.DataFrame:
        """Every evaluation: one row per seed and round."""
        import pandas

        return pandas.read_csv(self.folder / METRICS)

    @property
    def verdict(self) -> list[str]:
        """What happened to the seeds, in words."""
        told: list[str] = self.summary["verdict"]
        return told

    def __str__(self) -> str:
        """What it is of, its modes, and what happened to the seeds: a line each."""
        told, modes, covered = self.summary, self.summary["metrics"].get("modes", {}).get("mean"), ""
        if modes is not None and math.isfinite(modes):
            whole, several = told["reference"].get("data", {}).get("modes"), len(told["seeds"]) > 1
            covered = f": {modes:.4g}{f' of {whole:.4g}' if whole else ''} modes covered{' on average' * several}"
        first = title(told["variant"], told["options"], told["data"], told["seeds"])
        return "\n".join([first + covered, *self.verdict])

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

    @undisturbed()
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
        are yours, or some of ``Result.latents``. ``ZooError`` for a seed that is not there, and for latents of another shape or too few.
        """
        from zoo.runs import sampling

        sampler, start = self._sampler(seed_of_run), whole_number("first", first, 0)
        if latents is None:
            return sampler.sample(sampler.latents(start + whole_number("n", n, 1)))[start:].numpy()
        if start:
            raise ZooError(
                "first goes on among the run's own samples; of latents of your own give those that you want."
            )
        given = latents.detach().cpu().numpy() if isinstance(latents, Tensor) else np.asarray(latents)
        z = sampling.as_latents(given, sampler.latent, "the array")
        many = len(z) if n is None else whole_number("n", n, 1)
        if many > len(z):
            raise ZooError(f"The array holds {len(z)} latents, fewer than n = {many}.")
        return sampler.sample(z[:many]).numpy()

    @undisturbed()
    def latents(self, n: int, *, first: int = 0, seed_of_run: int | None = None) -> np.ndarray:
        """The latents ``[n, latent]`` that ``sample(n, first=first)`` is made of."""
        sampler, start = self._sampler(seed_of_run), whole_number("first", first, 0)
        return sampler.latents(start + whole_number("n", n, 1))[start:].numpy()

    @undisturbed()
    def interpolate(self, a: int, b: int, n: int = 10, *, seed_of_run: int | None = None) -> np.ndarray:
        """A walk ``[n, *data]`` from sample number ``a`` to number ``b``, as `zoo sample --interpolate`: between normal latents on a great circle."""
        from zoo.runs import sampling

        ends = whole_number("a", a, 0), whole_number("b", b, 0)
        return sampling.draw(self._sampler(seed_of_run), whole_number("n", n, 2), between=ends).numpy()

    @undisturbed()
    def export(self, path: str | Path, *, seed_of_run: int | None = None) -> dict[str, Any]:
        """Write one seed's generator as a program that PyTorch loads without the zoo (`zoo export`, docs/export.md); what it takes and gives."""
        from zoo.runs import exporting

        return exporting.export(self._sampler(seed_of_run), Path(path))

    def _sampler(self, seed_of_run: int | None) -> Sampler:
        from zoo.runs import sampling

        return sampling.open_run(self.folder, seed_of_run, asked_by="seed_of_run")

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
