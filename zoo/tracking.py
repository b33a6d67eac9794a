"""Runs in MLflow, from their files. Nothing but this file and ``tracking_store`` imports mlflow.

Files are the source of truth: a run is logged after it has finished, in one go, and can be logged again at any time (`zoo track DIR`), which
replaces what was there. One experiment per data set, called as its folder of runs (of a user's own data with the beginning of their fingerprint),
holds one run per *cell* (variant x options), its metrics aggregated over seeds; the experiment `<data>/seeds` one flat run per seed (the UI hides
the metrics of nested ones).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoo.errors import ZooError, first_line
from zoo.files import in_turn
from zoo.looking import views
from zoo.looking.caveats import clock
from zoo.metrics.spec import BY_NAME
from zoo.runs import naming, rundir, settings
from zoo.runs.rundir import Run
from zoo.statistics import bands
from zoo.tracking_store import Entry, Point, finish

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported; a user's own setting stands

if TYPE_CHECKING:
    from mlflow import MlflowClient

ROOT, FILE, SQLITE = Path("runs"), "mlflow.db", "sqlite:///"
ARTIFACTS = (
    rundir.GENERATOR,
    rundir.CONFIG,
    rundir.SUMMARY,
    rundir.METRICS,
    "samples.png",
    "losses.png",
    "strip.png",
    "samples.gif",
)
SEEDS = "/seeds"
"""What the name of an experiment ends in whose runs are single seeds."""
IMAGES = 6
MOST_SEEDS = 50_000
"""What MLflow gives at most in one answer."""


def uri(root: Path = ROOT) -> str:
    """Where runs are logged: MLFLOW_TRACKING_URI, else a SQLite file beside the runs."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{(root / FILE).absolute()}"


def root_of(folder: Path) -> Path:
    """Where what is at or below ``folder`` is logged: beside the nearest file of MLflow's above it, else in ``runs`` if that is above it or
    the folder is a run itself, else in the folder."""
    here = folder.resolve()
    for place in (here, *here.parents):
        if (place / FILE).exists():
            return place
    return ROOT if here.is_relative_to(ROOT.resolve()) or (folder / rundir.CONFIG).exists() else folder


def client(root: Path = ROOT) -> MlflowClient:
    """A client of that store; it never touches mlflow's global state."""
    with _turn(root):
        return _client(root)


def _turn(root: Path) -> AbstractContextManager[None]:
    """Wait until no other process makes or fills the store, where it is a SQLite file: MLflow's first two at once lose one's tables."""
    where = uri(root)
    if not where.startswith(SQLITE):
        return nullcontext()
    file = Path(where.removeprefix(SQLITE))
    file.parent.mkdir(parents=True, exist_ok=True)
    return in_turn(file) if os.access(file.parent, os.W_OK) else nullcontext()


def _client(root: Path) -> MlflowClient:
    import logging

    logging.getLogger("alembic").setLevel(logging.WARNING)  # migrations of a new file are no news
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return MlflowClient(uri(root))


def try_log(folder: Path, root: Path = ROOT) -> str | None:
    """Log a finished run; None, or one sentence that says what failed and how to log it later. Never raises: the files are there."""
    try:
        log_run(folder, root)
    except Exception as error:
        return f"The run is complete in {folder}, but MLflow could not log it ({first_line(error)}); log it later with: zoo track {folder}"
    return None


def log_run(folder: Path, root: Path = ROOT) -> None:
    """Log the run in ``folder``: its cell, its seeds, its artifacts. Raises ``ZooError`` when the folder holds no finished run."""
    run = rundir.read(folder)
    if not run.finished:
        raise ZooError(f"{folder} holds no finished run: it has no {rundir.SUMMARY}.")
    with _turn(root):
        _log(run, folder, root)


def _log(run: Run, folder: Path, root: Path) -> None:
    store, curves, params = _client(root), _curves(run), _params(run)
    method = params["method"]
    stamp = {
        "zoo.run": str(folder.resolve()),
        "zoo.device": run.summary["device"],
        "zoo.git": run.config.get("git") or "unknown",
        "zoo.version": run.summary["versions"]["mode-collapse-zoo"],
        "zoo.protocol": run.protocol["name"],
    }
    rounds = [int(r) for r in np.unique(run.table["round"])]

    experiment = naming.data_folder(run.data, run.fingerprint)
    quality = _key(next((name for name in views.QUALITY if name in run.metrics), "high_quality"))
    cells = _experiment(store, experiment, root, views.tags(rounds[-1], quality, clock([run])))
    _forget(store, cells, folder)
    cell = store.create_run(cells, run_name=method, tags=stamp).info.run_id
    for file in (folder / name for name in ARTIFACTS):
        if file.exists():
            store.log_artifact(cell, str(file))
    _images(store, cell, folder, [int(r) for r in run.arrays("rounds").get("rounds", rounds)])
    entries = [Entry(cell, params | {"n_seeds": str(len(run.seeds))}, _aggregated(run, curves, rounds))]

    seeds = _experiment(store, f"{experiment}{SEEDS}", root, views.tags(None, quality, clock([run])))
    _forget(store, seeds, folder)
    finals = {name: run.values(name) for name in run.metrics}
    lanes = {int(seed): lane for lane, seed in enumerate(np.unique(run.table["seed"]))}
    for i, seed in enumerate(run.seeds):
        one = store.create_run(seeds, run_name=f"{method} s{seed}", tags=stamp | {"zoo.seed": str(seed)}).info.run_id
        points: list[Point] = [
            (k, float(v), r)
            for k, values in curves.items()
            for v, r in zip(values[:, lanes[seed]], rounds, strict=True)
        ]
        points += [(f"final/{name}", float(values[i]), 0) for name, values in finals.items()]
        entries.append(Entry(one, params | {"seed": str(seed)}, points))
    finish(store, entries)


def _params(run: Run) -> dict[str, str]:
    """What people group and filter by: the same keys for every run, and the variant's own options under its name."""
    recipe = run.config["recipe_name"]
    method = settings.label(run.variant, run.options, run.recipe, recipe)
    every = {"variant": run.variant, "method": method, "data": run.data, "recipe": recipe}
    own = {f"{run.variant}.{k}": v for k, v in run.options.items()}
    return {k: str(v) for k, v in (every | {"protocol": run.protocol["name"]} | dict(run.recipe) | own).items()}


def _curves(run: Run) -> dict[str, NDArray[np.float64]]:
    """Everything that was measured, by its name in MLflow: values ``[R, S]``."""
    return {_key(name): rundir.by_round(run.table, name)[2] for name in run.table if name not in ("seed", "round")}


def _key(metric: str) -> str:
    """A metric's name in MLflow, where the part before the slash is a section of the page."""
    if "/" in metric:
        return metric
    known = BY_NAME.get(metric)
    return f"{known.group if known else 'quality'}/{metric}"


def _aggregated(run: Run, curves: dict[str, NDArray[np.float64]], rounds: Sequence[int]) -> list[Point]:
    """Mean over seeds by round with .lo and .hi (95 % bootstrap), and final values at step 0, which the page draws as bars."""
    points: list[Point] = []
    for name, values in curves.items():
        for end, line in zip(("", ".lo", ".hi"), bands(values), strict=True):
            points += [(f"{name}{end}", float(v), r) for v, r in zip(line, rounds, strict=True) if not np.isnan(v)]
    for name, m in run.summary["metrics"].items():
        ends = zip(("", ".lo", ".hi"), (m["mean"], *m["ci95"]), strict=True)
        points += [(f"final/{name}{end}", v, 0) for end, v in ends if v is not None and not np.isnan(v)]
    return points + [(f"cost/{name}", float(v), 0) for name, v in run.summary["cost"].items()]


def _experiment(store: MlflowClient, name: str, root: Path, prepared: dict[str, str]) -> str:
    """The experiment's id, made where it is not there yet, with its prepared views as tags."""
    found = store.get_experiment_by_name(name)
    if found is None:
        local = not uri(root).startswith("http")
        place = (root / rundir.STORE / name).absolute().as_uri() if local else None
        identifier: str = store.create_experiment(name, artifact_location=place)
    else:
        identifier = found.experiment_id
    for key, value in prepared.items():
        store.set_experiment_tag(identifier, key, value)
    return identifier


def _forget(store: MlflowClient, experiment: str, folder: Path) -> None:
    """Delete what was logged of this folder before."""
    quote = '"' if "'" in str(folder.resolve()) else "'"
    wanted = f"tags.`zoo.run` = {quote}{folder.resolve()}{quote}"
    for old in store.search_runs([experiment], wanted, max_results=MOST_SEEDS):
        store.delete_run(old.info.run_id)


def _images(store: MlflowClient, run: str, folder: Path, rounds: list[int]) -> None:
    """A few frames of the film, which were taken at these rounds, as images by step: the page's image grid then has a slider."""
    from PIL import Image

    path = folder / "samples.gif"
    if not path.exists():
        return
    with Image.open(path) as film:
        frames = getattr(film, "n_frames", 1)
        for i in np.unique(np.linspace(0, frames - 1, IMAGES).round().astype(int)):
            film.seek(int(i))
            store.log_image(
                run, np.asarray(film.convert("RGB")), key="samples", step=rounds[min(int(i), len(rounds) - 1)]
            )
