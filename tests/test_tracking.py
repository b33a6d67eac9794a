"""MLflow: what is logged from a run's files, that logging again replaces, that a failure loses nothing, and the prepared views."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer

from tests.synthetic_runs import write_run
from zoo import tracking, tracking_store
from zoo.cli.app import track
from zoo.errors import ZooError
from zoo.looking import server, views
from zoo.looking.compare import compare
from zoo.runs import film, pictures, rundir, session
from zoo.runs.cell import plan

SMALL = {"rounds": 6, "width": 8, "batch": 16, "every": 3}


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, Path]:
    """Two cells on the ring with two seeds each, logged; the first one twice."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    root = tmp_path_factory.mktemp("runs")
    for variant, options in (("unrolled", {"k": 1}), ("ns", {})):
        run = session.start(plan(variant, options, seeds="3,5", changes=SMALL), out=root / variant)
        run.train()
        pictures.draw(run)
        tracking.log_run(root / variant, root)
    tracking.log_run(root / "unrolled", root)
    return root, json.loads((root / "unrolled" / "summary.json").read_text()), root / "unrolled"


def runs(root: Path, experiment: str) -> list:
    store = tracking.client(root)
    return store.search_runs([store.get_experiment_by_name(experiment).experiment_id])


def test_one_run_per_cell_and_logging_again_replaces(logged) -> None:
    root, summary, folder = logged
    cells = {r.data.params["variant"]: r for r in runs(root, "ring")}
    assert len(runs(root, "ring")) == 2
    metrics, params = cells["unrolled"].data.metrics, cells["unrolled"].data.params
    modes = summary["metrics"]["modes"]
    assert metrics["final/modes"] == metrics["coverage/modes"] == modes["mean"]
    assert [metrics["final/modes.lo"], metrics["final/modes.hi"]] == modes["ci95"]
    assert [metrics["coverage/modes.lo"], metrics["coverage/modes.hi"]] == pytest.approx(modes["ci95"])
    assert {"dist/reverse_kl", "coverage/high_quality.lo", "loss/D.hi", "cost/seconds_per_seed"} <= metrics.keys()
    recipe = json.loads((folder / "config.json").read_text())["recipe"]
    assert (params["unrolled.k"], params["lr_d"], params["n_seeds"]) == ("1", str(recipe["lr_d"]), "2")
    assert cells["unrolled"].info.status == "FINISHED"
    shared = set(cells["ns"].data.params) - {"n_seeds"}
    assert shared <= set(params)


def test_the_curve_is_the_mean_over_seeds_by_round_and_finals_are_bars(logged) -> None:
    root, _, folder = logged
    run = next(r for r in runs(root, "ring") if r.data.params["variant"] == "unrolled")
    store = tracking.client(root)
    curve = {p.step: p.value for p in store.get_metric_history(run.info.run_id, "loss/D")}
    rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    column = rows[0].index("loss/D")
    for r in (3, 6):
        values = [float(row[column]) for row in rows[1:] if row[1] == str(r)]
        assert curve[r] == pytest.approx(sum(values) / 2)
    assert [p.step for p in store.get_metric_history(run.info.run_id, "final/modes")] == [0]


def test_a_damaged_run_is_told_of_and_the_others_are_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, "ns", [2, 3])
    (write_run(tmp_path, "r1", [8, 8]) / "summary.json").write_text("{")
    monkeypatch.setattr(tracking, "try_log", lambda folder, root: None)
    with pytest.raises(typer.Exit):
        track([tmp_path])
    told = capsys.readouterr()
    assert (told.out.count("logged"), "A damaged run is left out" in told.err) == (1, True)


def test_one_flat_run_per_seed(logged) -> None:
    root, summary, _ = logged
    seeds = [r for r in runs(root, "ring/seeds") if r.data.params["variant"] == "unrolled"]
    found = {int(r.data.params["seed"]): r.data.metrics["final/modes"] for r in seeds}
    assert found == dict(zip((3, 5), summary["metrics"]["modes"]["per_seed"], strict=True))
    assert not any("mlflow.parentRunId" in r.data.tags for r in seeds)


def test_artifacts_and_images_by_step(logged) -> None:
    root, _, _ = logged
    run = next(r for r in runs(root, "ring") if r.data.params["variant"] == "unrolled")
    store = tracking.client(root)
    names = {a.path for a in store.list_artifacts(run.info.run_id)}
    assert {
        "config.json",
        "summary.json",
        "samples.png",
        "losses.png",
        "samples.gif",
        "generator.safetensors",
        "images",
    } <= names
    images = [a.path for a in store.list_artifacts(run.info.run_id, "images") if a.path.endswith(".png")]
    assert len(images) == 2
    assert not any(a.endswith((".pkl", ".pt", ".pth")) for a in names)


def test_images_carry_the_rounds_that_the_film_was_taken_at(tmp_path: Path) -> None:
    """Of more evaluations than a film keeps, it keeps every second or fourth."""
    run = session.start(plan("ns", seeds=1, changes=SMALL | {"rounds": 140, "every": 2}), out=tmp_path / "ns")
    run.train()
    pictures.draw(run)
    tracking.log_run(tmp_path / "ns", tmp_path)
    (cell,) = runs(tmp_path, "ring")
    made = [a.path for a in tracking.client(tmp_path).list_artifacts(cell.info.run_id, "images")]
    steps = {int(re.search(r"\+step\+(\d+)\+", path).group(1)) for path in made}
    assert steps <= set(film.film_rounds(run.cell.as_dict()["recipe"]))
    assert max(steps) == 140
    assert len(steps) == tracking.IMAGES


def test_rows_put_into_the_database_read_as_those_that_mlflow_puts(logged, tmp_path: Path) -> None:
    store = tracking.client(tmp_path)
    experiment = store.create_experiment("both")
    inserted, sent = (store.create_run(experiment, run_name=name).info.run_id for name in ("inserted", "sent"))
    values = [1.5, float("nan"), -2.0, float("inf"), None]
    points = [(name, value, step) for name in ("loss/D", "final/modes") for step, value in enumerate(values)]
    points += [("late", 3.0, 7), ("late", 1.0, 2)]
    params = {"variant": "ns", "lr_d": "0.1"}
    assert tracking_store._insert(store, [tracking_store.Entry(inserted, params, points)])
    tracking_store._send(store, tracking_store.Entry(sent, params, points))
    told = [store.get_run(run) for run in (inserted, sent)]
    assert told[0].data.params == told[1].data.params == params
    assert told[0].data.metrics == told[1].data.metrics
    assert told[0].data.metrics["late"] == 3.0
    assert [run.info.status for run in told] == ["FINISHED"] * 2
    assert told[0].info.end_time >= told[0].info.start_time
    for key in ("loss/D", "final/modes", "late"):
        histories = [[(p.step, repr(p.value)) for p in store.get_metric_history(run, key)] for run in (inserted, sent)]
        assert sorted(histories[0]) == sorted(histories[1])


def test_tables_that_are_not_known_get_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.store.tracking.dbmodels import models

    tracking.client(tmp_path).search_experiments()  # its tables are made
    monkeypatch.delattr(models, "SqlLatestMetric")
    tracking.log_run(write_run(tmp_path, "ns", [3, 4]), tmp_path)
    (cell,) = runs(tmp_path, "ring")
    assert (cell.data.metrics["final/modes"], cell.info.status) == (3.5, "FINISHED")
    assert [p.step for p in tracking.client(tmp_path).get_metric_history(cell.info.run_id, "loss/D")] == [
        100,
        200,
        300,
        400,
    ]


def test_the_stores_copies_are_no_runs(logged) -> None:
    root, _, folder = logged
    assert list((root / "mlartifacts").rglob("config.json"))
    assert rundir.find([root]) == [root / "ns", folder]


def decode(text: str) -> dict:
    """The inverse of ``views.encode``."""
    return json.loads(zlib.decompress(base64.b64decode(text.removeprefix("deflate;"))))


def test_views_round_trip_and_are_on_the_experiment(logged) -> None:
    root, _, _ = logged
    state = views.by_variant("coverage/high_quality", "cpu_seconds_per_seed")
    assert decode(views.encode(state)) == state
    store = tracking.client(root)
    tags = store.get_experiment_by_name("ring").tags
    for key, grouped in ((views.BY_VARIANT, True), (views.SAMPLES, False)):
        kept = json.loads(tags[views.PREFIX + key])
        assert kept.keys() == {"name", "createdAt", "updatedAt", "state"}
        decoded = decode(kept["state"])
        assert bool(decoded["groupBy"]) == grouped
        assert decoded["runsHiddenMode"] == "SHOWALL"
        assert {c.get("step") for c in decoded["compareRunCharts"] if c["type"] == "IMAGE"} <= {6}  # the last round
        grouped_by = {key["groupByData"] for key in (decoded["groupBy"] or {"groupByKeys": []})["groupByKeys"]}
        assert grouped_by <= runs(root, "ring")[0].data.params.keys()
        metrics = {c.get("metricKey") for c in decoded["compareRunCharts"]} - {None}
        (cell, *_) = runs(root, "ring")
        assert metrics <= cell.data.metrics.keys()


@pytest.mark.parametrize("use", [tracking.client, lambda root: tracking.log_run(root / "ring" / "ns" / "a", root)])
def test_a_local_store_is_opened_and_filled_by_one_at_a_time(
    use: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow makes the tables of a new file, and an experiment, without looking whether another does so just now."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    write_run(tmp_path, "ns", [8])
    asked = []

    def refuse(root: Path) -> None:
        asked.append((root / ".mlflow.db.lock").exists())
        raise ConnectionError

    monkeypatch.setattr(tracking, "_client", refuse)
    with pytest.raises(ConnectionError):
        use(tmp_path)
    assert asked == [True]


def test_no_two_settings_are_one_group_of_the_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    told = {"a": {}, "b": {"recipe": {"lr_d": 5e-3}}, "c": {"rounds": 800}, "d": {"protocol": {"name": "dyngan"}}}
    for name, setting in told.items():
        tracking.log_run(write_run(tmp_path, "hinge", [8], name=name, **setting), tmp_path)
    found = runs(tmp_path, "ring")
    keys = [key["groupByData"] for key in views.by_variant("x", "y")["groupBy"]["groupByKeys"]]
    assert len({tuple(run.data.params[key] for key in keys) for run in found}) == len(told)
    names = [run.info.run_name for run in found]
    assert len(set(names)) == 3
    assert sum("lr_d=0.005" in name for name in names) == 1
    assert all(name.startswith("hinge rounds=") for name in names)


@pytest.mark.parametrize(("kind", "told"), [("cpu", "cpu_seconds_per_seed"), ("cuda", "seconds_per_seed")])
def test_the_view_tells_time_as_compare_does(
    kind: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = write_run(tmp_path, "ns", [8], cost={"seconds_per_seed": 3.0, "cpu_seconds_per_seed": 2.0})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"kind": kind}))
    tracking.log_run(folder, tmp_path)
    tags = tracking.client(tmp_path).get_experiment_by_name("ring").tags
    charts = decode(json.loads(tags[views.PREFIX + views.BY_VARIANT])["state"])["compareRunCharts"]
    assert [c["metricKey"] for c in charts if c.get("metricKey", "").startswith("cost/")] == [f"cost/{told}"]
    (comparison,) = compare([tmp_path])
    assert comparison.clock == told


def test_views_of_images_show_the_fid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = session.start(plan("ns", data="digits", seeds=2, changes=SMALL), out=tmp_path / "one")
    run.train()
    tracking.log_run(tmp_path / "one", tmp_path)
    (cell,) = runs(tmp_path, "digits")
    for name in ("digits", f"digits{tracking.SEEDS}"):
        tags = tracking.client(tmp_path).get_experiment_by_name(name).tags
        decoded = decode(json.loads(tags[views.PREFIX + views.BY_VARIANT])["state"])
        metrics = {c.get("metricKey") for c in decoded["compareRunCharts"]} - {None}
        assert "final/fid" in metrics
        assert metrics <= cell.data.metrics.keys()


def test_a_failure_is_a_sentence_and_loses_nothing(logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, folder = logged
    (tmp_path / "mlflow.db").write_text("not a database")
    sentence = tracking.try_log(folder, tmp_path)
    assert sentence is not None
    assert f"zoo track {folder}" in sentence
    assert "\n" not in sentence
    assert (folder / "summary.json").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    assert tracking.uri() == "sqlite:///elsewhere.db"


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="not a run directory"):
        tracking.log_run(tmp_path, tmp_path)
    with pytest.raises(ZooError, match="no finished run"):
        tracking.log_run(write_run(tmp_path, "ns", [3], finished=False), tmp_path)


def test_the_server_is_loopback_and_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    command = server.command("sqlite:///x.db", 5123)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--workers") + 1] == "1"
    assert server.quiet()["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert server.quiet()["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_ui_without_a_store_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ZooError, match="Nothing is logged yet"):
        server.serve(root=tmp_path)


@pytest.mark.parametrize("data", ["/elsewhere/mine.npz", "mine/mine.npz"], ids=["absolute", "relative"])
def test_data_given_by_path_is_logged_and_shown_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = write_run(tmp_path / "made", "ns", [3, 4])
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"data": data, "fingerprint": "0123456789abcdef"}))
    tracking.log_run(folder, tmp_path)
    assert [name for name, _ in server.experiments(tmp_path)] == ["mine-012345"]
    (cell,) = runs(tmp_path, "mine-012345")
    assert cell.data.params["data"] == data
    assert "config.json" in {a.path for a in tracking.client(tmp_path).list_artifacts(cell.info.run_id)}
    assert len(runs(tmp_path, "mine-012345/seeds")) == 2


def test_more_cells_than_the_page_loads_are_told(logged, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _, _ = logged
    links = server.experiments(root)
    assert server.more_than_a_page(root, links) == []
    monkeypatch.setattr(server, "PAGE", 1)
    assert server.more_than_a_page(root, links) == ["ring"]


def test_runs_are_logged_beside_the_file_that_their_folder_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("runs/ring/ns/a", "sweep/ring/ns/a", "elsewhere/a"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / rundir.CONFIG).touch()
    assert tracking.root_of(Path("runs")) == Path("runs")
    assert tracking.root_of(Path("runs/ring")) == Path("runs")
    assert tracking.root_of(Path("sweep")) == Path("sweep")
    assert tracking.root_of(Path("elsewhere/a")) == Path("runs")  # one run: where `zoo run` logs
    (tmp_path / "sweep" / tracking.FILE).touch()
    assert tracking.root_of(Path("sweep/ring/ns/a")) == tmp_path / "sweep"


def test_a_run_whose_path_has_a_quote_or_another_name_is_logged_once(tmp_path: Path) -> None:
    made = write_run(tmp_path / "it's", "ns", [3, 4])
    (made / "samples.gif").unlink(missing_ok=True)
    other = tmp_path / "it's" / "ring" / ".." / made.relative_to(tmp_path / "it's")
    for folder in (made, other):
        tracking.log_run(folder, tmp_path)
    assert len(runs(tmp_path, "ring")) == 1


def test_a_seed_without_a_number_hides_nobody_else_s(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "ns", [3, float("nan"), 5])
    run = rundir.read(folder)
    curves = {"coverage/modes": np.array([[1.0, 2.0, 3.0], [4.0, math.nan, 6.0]])}
    points = {(name, step): value for name, value, step in tracking._aggregated(run, curves, [5, 9])}
    assert points["coverage/modes", 9] == 5
    assert points["coverage/modes.lo", 9] == 4
    assert not any(math.isnan(value) for value in points.values())
