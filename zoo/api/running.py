"""One run, or samples of any origin, from Python.

result = zoo.run("unrolled", data="ring", k=5, seeds=8)
result = zoo.open_run("runs/ring/unrolled/...")
zoo.evaluate(samples, "grid")
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

import toy_data
from zoo.ambient import undisturbed
from zoo.api.results import Evaluation, Result, folder_named, several
from zoo.errors import ZooError, briefly
from zoo.recipe import fields
from zoo.runs import pictures, rundir, session
from zoo.runs.cell import plan

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@undisturbed()
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
    from zoo.progress.terminal import Live, judge_bar, terminal
    from zoo.runs.command import going_on

    folder = None if out is None or out == "" else folder_named(out)
    changes = {name: options.pop(name) for name in fields() if name in options}
    cell = plan(
        variant, options, data=data, recipe=recipe, changes=changes, seeds=seeds, protocol=protocol, data_root=data_root
    )
    listener = Live(terminal()) if progress else session.Listener()
    with judge_bar(quiet=not progress) as listener.judging:
        made = session.start(cell, out=folder, device=device, compile=compile, tf32=tf32, listener=listener)
    try:
        summary = made.train(pictures.draw)
    except KeyboardInterrupt:
        print(
            f"Stopped after {made.training.played:,} rounds. Go on with: {going_on(made.cell, made.folder)}",
            file=sys.stderr,
        )
        raise
    finally:
        listener.close()
    if track and (failure := tracking.try_log(made.folder, tracking.root_of(made.folder))):
        print(f"zoo: {failure}", file=sys.stderr)
    return Result(made.folder, summary)


def open_run(folder: str | Path) -> Result:
    """The finished run in ``folder``, as ``run`` returned it. ``ZooError`` where there is none."""
    found = rundir.read(folder)
    found.must_be_finished()
    return Result(found.path, dict(found.summary))


@undisturbed()
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
        plain = samples.detach()
        if plain.layout is not torch.strided or plain.is_floating_point():  # NumPy has no bfloat16
            plain = foreign.single("The tensor", plain)
        samples = plain.cpu().numpy()
    try:
        array = np.asarray(samples)
    except ValueError as error:  # rows of unlike lengths
        raise ZooError(f"Samples are an array or a tensor of numbers, not {briefly(samples)}.") from error
    metrics, references = (
        None if names is None else several(what, names, str)
        for what, names in (("metrics", metrics), ("references", references))
    )
    source = subjects.Source(foreign.checked(foreign.numbers("The array", array), chosen), chosen, how)
    found = scored.evaluate(source.mixed, chosen, metrics, protocol=how, references=references)
    verdict = subjects.in_words(source) if "modes" in found["metrics"] else []
    return Evaluation(found["metrics"], found["reference"], found["unavailable"], verdict, found["better"])
