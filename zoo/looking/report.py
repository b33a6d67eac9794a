"""One HTML file that settles an argument: verdicts in words, the table, every seed, training over time, and the commands that made it.

Self-contained: pictures stand inside, nothing is fetched (its own content policy forbids it), and there is no script.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

from zoo.errors import ZooError, counted
from zoo.files import write_text
from zoo.looking import report_landscape
from zoo.looking.compare import Comparison, compare
from zoo.looking.labels import by_data, labels
from zoo.looking.report_parts import Picture, Section, Table, TableRow, data_of, picture
from zoo.looking.sentences import verdicts
from zoo.looking.tables import caption, costs, notes, results
from zoo.metrics.spec import BY_NAME
from zoo.runs import rundir
from zoo.runs.rundir import Run
from zoo.statistics import FEW, bands, number

MAIN = ("modes", "high_quality", "fid")
"""Metrics whose curves and strips are drawn, where they were measured."""
QUALITY = {"high_quality": ("high-quality share of samples", "right"), "fid": ("FID of our judge's features", "left")}
"""What stands for quality beside the modes, and on which side it is good."""
FRAMES = 6


def write_report(
    folders: Sequence[Path | str], path: Path, *, data: str | None = None, reference: str | None = None
) -> Path:
    """Write the report of the finished runs at or below ``folders`` to ``path``; ``ZooError`` where there are none."""
    import jinja2

    runs, damaged = rundir.read_all(folders)
    sets = {of: group for of, group in sorted(by_data(runs).items()) if data in (None, of, group[0].data)}
    sets = {of: group for of, group in sets.items() if any(run.finished for run in group)}
    finished = [run for group in sets.values() for run in group if run.finished]
    if not finished:
        about = f" on {data}" if data else ""
        raise ZooError(
            f"None of the {len(runs)} runs is finished{about}; zoo run --resume {runs[0].path} goes on with the first."
        )
    sections = [_section(f"data{i}", name, group, reference) for i, (name, group) in enumerate(sets.items())]
    for section in sections:
        section.warnings.extend(damaged)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("zoo.looking"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    seeds = sum(len(run.seeds) for run in finished)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = environment.get_template("report.html").render(
        title=f"Mode collapse on {', '.join(sets)}",
        subtitle=f"{counted(len(finished), 'run')}, {counted(seeds, 'trained seed')}, {made}, mode-collapse zoo {_version()}",
        version=_version(),
        sections=sections,
        frames=max((film.count for section in sections for film in section.films), default=0),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)
    return path


def _version() -> str:
    try:
        return metadata.version("mode-collapse-zoo")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _section(identifier: str, name: str, found: list[Run], reference: str | None) -> Section:
    runs = [run for run in found if run.finished]
    measured = [m for m in runs[0].metrics if all(m in run.metrics for run in runs)]
    main = [m for m in MAIN if m in measured] or measured[:1]
    folders = [run.path for run in found]  # of those that have not ended the comparison warns
    compared = {m: compare(folders, m, reference=reference)[0] for m in main}
    protocol = runs[0].protocol
    told = ", ".join(f"{k} {v}" for k, v in protocol.items())
    section = Section(
        identifier, name, f"Protocol of the first run: {told}.", list(dict.fromkeys(r.command for r in runs))
    )
    for metric, comparison in compared.items():
        section.tables.append(_table(comparison, protocol.get("hits", 1)))
        if metric == main[0]:
            section.verdicts.extend(verdicts(comparison))
            section.warnings.extend(comparison.warnings)
    if main:
        section.tables.append(_costs(compared[main[0]]))
    else:
        section.warnings.append("No metric was measured by all of these runs, so that only samples are shown.")
    order = [row.path for row in compared[main[0]].rows] if main else [str(run.path) for run in runs]
    ranked = sorted(runs, key=lambda run: order.index(str(run.path)))
    names = dict(zip([str(run.path) for run in runs], labels(runs), strict=True))
    named = {names[str(run.path)]: run for run in ranked}
    section.pictures.extend(_pictures(named, compared))
    films, left_out = report_landscape.films(named)
    section.films.extend(films)
    section.notes.extend(left_out)
    return section


def _table(comparison: Comparison, hits: int) -> Table:
    head, *body = results(comparison)
    declared = BY_NAME.get(comparison.metric)
    said = declared.about.replace("`hits`", str(hits)).replace("`", "") if declared else ""
    about = f"{said[0].upper()}{said[1:]}. " if said else ""
    told = " ".join([f"{about}{caption(comparison)}.", *(n for n in notes(comparison) if not n.startswith("Warning"))])
    count = len(comparison.rows)
    return Table(
        comparison.metric.replace("_", " ").capitalize(),
        told,
        head,
        [TableRow(c, i >= count) for i, c in enumerate(body)],
    )


def _costs(comparison: Comparison) -> Table:
    head, *body = costs(comparison)
    told = "The same runs: how long they trained, and what a seed took."
    return Table("Cost", told, head, [TableRow(c, False) for c in body])


def _pictures(named: dict[str, Run], compared: dict[str, Comparison]) -> list[Picture]:
    from zoo.looking import plots_report

    found = []
    for metric, comparison in compared.items():
        title, total = (
            metric.replace("_", " "),
            comparison.modes if metric == "modes" else 1 if metric == "high_quality" else None,
        )
        values = {label: run.values(metric) for label, run in named.items()}
        rows = {row.label: row for row in comparison.rows}
        middles = {label: (rows[label].mean, *rows[label].ci95) for label in named}
        spread = "; ".join(
            f"{label} from {np.nanmin(v):.3g} to {np.nanmax(v):.3g}"
            for label, v in values.items()
            if np.isfinite(v).any()
        )
        png = plots_report.strips(values, middles, title, comparison.samplers)
        note = "Each dot is one seed; ring and bar are the mean and its 95 % interval. Dashed: the reference samplers."
        found.append(picture(f"Every seed: {title}", note, f"{title} of each seed: {spread}.", png))
        lines = {label: _curve(run, metric) for label, run in named.items()}
        png = plots_report.curves(lines, title, total, comparison.samplers)
        ends = "; ".join(f"{label} ends at {c[1][-1]:.3g}" for label, c in lines.items())
        note = "Mean over seeds with its 95 % bootstrap interval at every evaluation; the other runs in grey behind."
        found.append(picture(f"Over training: {title}", note, f"Mean {title} over rounds: {ends}.", png))
    for measure in [m for m in QUALITY if {m, "modes"} <= compared.keys()]:
        name, side = QUALITY[measure]
        points = {label: (run.values(measure), run.values("modes")) for label, run in named.items()}
        quality, modes = (compared[m].samplers for m in (measure, "modes"))
        both = {k: (quality[k], modes[k]) for k in quality if k in modes}
        told = "; ".join(
            f"{k} {number(float(np.nanmean(x)))} and {number(float(np.nanmean(y)))} modes"
            for k, (x, y) in points.items()
        )
        png = plots_report.trade(points, (name, "modes covered"), both)
        note = f"Small marks are seeds, large ones means, crosses the reference samplers. A good generator stands top {side}."
        found.append(picture("Quality against diversity", note, f"Means of {name} and modes: {told}.", png))
    return found + _over_time(named, compared)


def _over_time(named: dict[str, Run], compared: dict[str, Comparison]) -> list[Picture]:
    """The grid of densities, runs by training time, of each run's median seed."""
    from zoo.looking import plots_report

    data = data_of(next(iter(named.values())))
    histories, chosen = {}, []
    for label, run in named.items():
        kept = run.arrays("history", "rounds")
        if len(kept) < 2:
            continue
        lane = _median_lane(run, next(iter(compared), None))
        histories[label] = (kept["rounds"].tolist(), kept["history"][:, lane])
        chosen.append(f"{label}: seed {run.seeds[lane]}")
    if data is None or not histories:
        return []
    png = plots_report.density_grid(histories, data, FRAMES)
    note = f"Rounds stand above each panel; the last column is the data. One seed of each run, the median one: {'; '.join(chosen)}."
    return [
        picture(
            "Samples while training",
            note,
            f"Sample densities of {len(histories)} runs at {FRAMES} times in training.",
            png,
        )
    ]


def _median_lane(run: Run, metric: str | None) -> int:
    """The seed in the middle of its run, so that neither the best nor the worst is shown."""
    if metric is None:
        return 0
    values = np.nan_to_num(run.values(metric), nan=-math.inf)
    return int(np.argsort(values, kind="stable")[(len(values) - 1) // 2])


def _curve(run: Run, metric: str) -> tuple[rundir.Values, rundir.Values, rundir.Values, rundir.Values]:
    rounds, _, values = rundir.by_round(run.table, metric)
    mean, low, high = bands(values)
    few = (~np.isnan(values)).sum(-1) < FEW
    return rounds, mean, np.where(few, np.nan, low), np.where(few, np.nan, high)
