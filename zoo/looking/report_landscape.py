"""The report's animation of D's landscape, and a sentence for the runs that have none."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from zoo.looking.report_parts import Film, data_of
from zoo.runs.rundir import Run

CAPTION = (
    "D's output over the plane, from where it says made up (violet) to where it says real (orange), relative to its median at that time; arrows "
    "point to where it grows, which is where G is sent. Dots are samples, ellipses the modes at three standard "
    "deviations. The first seed of each run."
)


def films(named: Mapping[str, Run]) -> tuple[list[Film], list[str]]:
    """The film of all runs in the plane that kept a landscape, and sentences about those that did not."""
    first = next(iter(named.values()))
    data = data_of(first)
    if data is None or data.shape != (2,):
        return [], []
    from zoo.looking import plots_landscape

    scapes, single, older = {}, [], []
    for label, run in named.items():
        kept = run.arrays("landscape", "plane", "history", "rounds")
        if len(kept) < 4:
            older.append(label)
        elif not kept["landscape"].shape[1]:
            single.append(label)
        else:
            scapes[label] = plots_landscape.Scape(
                kept["rounds"], kept["landscape"][:, 0], kept["history"][:, 0], kept["plane"]
            )
    told = []
    if single:
        told.append(f"No landscape of {', '.join(single)}: no single D there judges points one by one.")
    if older and scapes:
        told.append(f"No landscape of {', '.join(older)}: it was not kept by that run.")
    if not scapes:
        return [], told
    sheet, count = plots_landscape.frames(scapes, data)
    alt = f"The landscape of D in {len(scapes)} runs at {count} times in training, with the samples on it."
    return [Film("What D says, and where it sends G", CAPTION, alt, base64.b64encode(sheet).decode(), count)], told
