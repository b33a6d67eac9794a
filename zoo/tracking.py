"""Runs in MLflow, from their files. The only import of mlflow.

Files are the source of truth: a run is logged after it has finished, in one go, and can be logged again at any time (`zoo track DIR`), which
replaces what was there. One experiment per data set holds one run per *cell* (variant x options), its metrics aggregated over seeds; the
experiment `<data>/seeds` one flat run per seed (the UI hides the metrics of nested ones).
"""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import views
from zoo.errors import ZooError
from zoo.statistics import bands

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported; a user's own setting stands

if TYPE_CHECKING:
    from mlflow import MlflowClient

ROOT = Path("runs")
COVERAGE = {"modes", "high_quality", "effective_modes"}
DISTANCE = {"reverse_kl", "forward_kl", "js", "chi_square"}
ARTIFACTS = (
    "config.json",
    "summary.json",
    "metrics.csv",
    "samples.png",
    "losses.png",
    "strip.png",
    "samples.gif",
    "report.html",
)
POINTS_PER_CALL, IMAGES = 1000, 6


def uri(root: Path = ROOT) -> str:
    """Where runs are logged: MLFLOW_TRACKING_URI, else a SQLite file beside the runs."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(root / 'mlflow.db').absolute()}"


def client(root: Path = ROOT) -> MlflowClient:
    """A client of that store; it never touches mlflow's global state."""
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
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"The run is complete in {folder}, but MLflow could not log it ({reason}); log it later with: zoo track {folder}"
    return None


def log_run(folder: Path, root: Path = ROOT) -> None:
    """Log the run in ``folder``: its cell, its seeds, its artifacts. Raises ``ZooError`` when the folder holds no finished run."""
    config, summary, rows = _read(folder)
    store = client(root)
    stamp = {
        "zoo.run": str(folder.absolute()),
        "zoo.device": summary["device"],
        "zoo.git": config.get("git") or "unknown",
    }
    stamp |= {"zoo.version": summary["versions"]["mode-collapse-zoo"], "zoo.protocol": summary["protocol"]["name"]}
    params = _params(config)
    name = _method(config)

    run = _fresh_run(store, config["data"], name, stamp, root)
    _batches(store, run, _aggregated(rows, summary), params | {"n_seeds": str(len(config["seeds"]))})
    for file in (folder / name for name in ARTIFACTS):
        if file.exists():
            store.log_artifact(run, str(file))
    if (folder / "generator.safetensors").exists():
        store.log_artifact(run, str(folder / "generator.safetensors"))
    _images(store, run, folder, sorted({int(row["round"]) for row in rows}))
    store.set_terminated(run)

    by_seed = _grouped(rows, "seed")
    for i, seed in enumerate(config["seeds"]):
        run = _fresh_run(store, f"{config['data']}/seeds", f"{name} s{seed}", stamp | {"zoo.seed": str(seed)}, root)
        points = [
            (_key(k), float(v), int(row["round"]))
            for row in by_seed[seed]
            for k, v in row.items()
            if k not in ("seed", "round")
        ]
        finals = [(f"final/{k}", m["per_seed"][i], 0) for k, m in summary["metrics"].items()]
        _batches(store, run, points + finals, params | {"seed": str(seed)})
        store.set_terminated(run)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, str]]]:
    try:
        config, summary = (
            json.loads((folder / f).read_text(encoding="utf-8")) for f in ("config.json", "summary.json")
        )
        with (folder / "metrics.csv").open(encoding="utf-8") as file:
            return config, summary, list(csv.DictReader(file))
    except (OSError, ValueError) as error:
        raise ZooError(f"{folder} holds no finished run ({error}).") from error


def _grouped(rows: Sequence[dict[str, str]], column: str) -> dict[int, list[dict[str, str]]]:
    """Rows by the value of a column, in one pass: a sweep's table has tens of thousands."""
    groups: dict[int, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        groups[int(row[column])].append(row)
    return groups


def _params(config: dict[str, Any]) -> dict[str, str]:
    """What people group and filter by: the same keys for every run, and the variant's own options under its name."""
    own = {f"{config['variant']}.{k}": v for k, v in config["options"].items()}
    every = {
        "variant": config["variant"],
        "method": _method(config),
        "data": config["data"],
        "recipe": config["recipe_name"],
    }
    return {k: str(v) for k, v in (every | config["recipe"] | own).items()}


def _method(config: dict[str, Any]) -> str:
    """The variant with its options: ``unrolled k=5``."""
    return " ".join([config["variant"], *(f"{k}={v}" for k, v in config["options"].items() if v is not False)])


def _key(metric: str) -> str:
    """A metric's name in MLflow, where the part before the slash is a section of the page."""
    if "/" in metric:
        return metric
    section = "coverage" if metric in COVERAGE else "dist" if metric in DISTANCE else "quality"
    return f"{section}/{metric}"


Point = tuple[str, float, int]


def _aggregated(rows: Sequence[dict[str, str]], summary: dict[str, Any]) -> list[Point]:
    """Mean over seeds by round with .lo and .hi (95 % bootstrap), and final values at step 0, which the page draws as bars."""
    by_round = _grouped(rows, "round")
    rounds = sorted(by_round)
    points: list[Point] = []
    for metric in [k for k in rows[0] if k not in ("seed", "round")]:
        table = np.array([[float(row[metric]) for row in by_round[r]] for r in rounds])
        low, high = bands(table)
        for key, line in ((_key(metric), table.mean(1)), (f"{_key(metric)}.lo", low), (f"{_key(metric)}.hi", high)):
            points += [(key, float(v), r) for v, r in zip(line, rounds, strict=True)]
    for name, m in summary["metrics"].items():
        ends = zip(("", ".lo", ".hi"), (m["mean"], *m["ci95"]), strict=True)
        points += [(f"final/{name}{end}", v, 0) for end, v in ends]
    return points + [(f"cost/{name}", float(v), 0) for name, v in summary["cost"].items()]


def _fresh_run(store: MlflowClient, experiment: str, name: str, tags: dict[str, str], root: Path) -> str:
    """A new run; one of the same folder (and seed) that is there already is deleted."""
    found = store.get_experiment_by_name(experiment)
    if found is None:
        local = not uri(root).startswith("http")
        place = (root / "mlartifacts" / experiment).absolute().as_uri() if local else None
        identifier = store.create_experiment(experiment, artifact_location=place)
        for key, value in views.tags("/" not in experiment).items():
            store.set_experiment_tag(identifier, key, value)
    else:
        identifier = found.experiment_id
    wanted = " and ".join(f"tags.`{k}` = '{v}'" for k, v in tags.items() if k in ("zoo.run", "zoo.seed"))
    for old in store.search_runs([identifier], wanted):
        store.delete_run(old.info.run_id)
    run_id: str = store.create_run(identifier, run_name=name, tags=tags).info.run_id
    return run_id


def _batches(store: MlflowClient, run: str, points: Iterable[Point], params: dict[str, str]) -> None:
    from mlflow.entities import Metric, Param

    metrics = [Metric(key, value, 0, step) for key, value, step in points if value is not None]
    store.log_batch(run, params=[Param(k, v) for k, v in params.items()])
    for start in range(0, len(metrics), POINTS_PER_CALL):
        store.log_batch(run, metrics=metrics[start : start + POINTS_PER_CALL])


def _images(store: MlflowClient, run: str, folder: Path, rounds: list[int]) -> None:
    """A few frames of the film as images by step: the page's image grid then has a slider."""
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
