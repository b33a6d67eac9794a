"""The gate on speed: ratios to a plain loop measured in turn with it, never seconds; and what the benchmark counts."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import toy_data
from benchmarks import cores, gpu, metrics, record, throughput
from benchmarks.throughput import ring
from tests.engines.test_compiling import needs_compiler
from tests.engines.test_onednn import needs_kernels
from zoo.engines import onednn
from zoo.engines.tracing import Traced
from zoo.evaluation.evaluate import measure
from zoo.evaluation.setting import Setting
from zoo.metrics.modes import PROTOCOLS

needs_traced_kernels = pytest.mark.skipif(
    not onednn.plays(), reason="traced rounds have oneDNN's kernels on AMD's processors, by a compiler"
)


@pytest.mark.parametrize(
    ("setting", "engine", "seeds", "most"),
    [
        (ring("ns", 128, 2), "traced", 8, 0.75),
        (ring("ns", 128, 2), "traced", 1, 0.95),
        (ring("unrolled", 128, 2, k=5), "traced", 8, 0.55),
        pytest.param(ring("ns", 128, 2), "traced", 8, 0.5, marks=needs_traced_kernels),
        pytest.param(ring("unrolled", 128, 2, k=5), "traced", 8, 0.4, marks=needs_traced_kernels),
        pytest.param(ring("ns", 128, 2), "compiled", 8, 0.5, marks=needs_compiler),
        pytest.param(ring("ns", 512, 256), "compiled", 8, 0.8, marks=needs_compiler),
    ],
    ids=lambda v: v.label if isinstance(v, throughput.Setting) else str(v),
)
def test_a_seed_costs_less_than_in_the_plain_loop(
    setting: throughput.Setting, engine: str, seeds: int, most: float
) -> None:
    """Margins are about half as much again as what was measured or more: a regression, not a busy machine, breaks them."""
    (row,) = throughput.rows_of(setting, [seeds], seconds=1.0, turns=7, engines=[engine])
    assert row["ratio"] < most


@needs_compiler
@needs_kernels
def test_a_compiled_product_is_no_slower_than_mkl_s() -> None:
    """2.3 times its rate was measured with AVX-512 of full width, 1.2 times with AVX2; nothing in between."""
    rates = throughput.product_rates(512)
    assert rates["compiled"] > 0.9 * rates["mm"]


def test_every_setting_can_be_planned_and_is_told_from_the_others() -> None:
    labels = [s.label for s in throughput.SETTINGS]
    assert len(set(labels)) == len(labels)
    assert all(setting.loop() for setting in throughput.RING)


@pytest.mark.parametrize("setting", [ring("ns", 512, 256), ring("unrolled", 128, 2, k=2)], ids=lambda s: s.label)
def test_the_plain_loop_does_the_same_work(setting: throughput.Setting) -> None:
    """Counted in operations of matrix products: neither side may have the smaller nets."""
    loop = setting.loop()
    assert loop is not None
    loop()  # the first call makes Adam's state
    with FlopCounterMode(display=False) as plain:
        loop()
    ours = throughput.Lap(throughput.of(setting), 4).flops
    assert ours == pytest.approx(plain.get_total_flops(), rel=0.1)


def test_the_gpu_s_benchmark_counts_what_it_should() -> None:
    """On the CPU, traced, with two seeds: its numbers hang together."""
    cpu = torch.device("cpu")
    (found,) = gpu.points(ring("ns", 128, 2), cpu, {"traced": Traced()}, 2, turns=1, each=0.01)
    assert found["seed_rounds_per_second"] == pytest.approx(2e3 / found["ms"])
    assert found["times_plain"] == pytest.approx(2 * found["plain_ms"] / found["ms"])
    assert found["whole_s"] == pytest.approx(25 * found["ms"])
    reached = throughput.Lap(throughput.of(ring("ns", 128, 2)), 2).flops * found["seed_rounds_per_second"]
    assert found["share_of_limit"] * found["limit_tflops"] * 1e12 == pytest.approx(reached)
    many = gpu.images(ring("ns", 128, 2), cpu, Traced(), [1, 2], turns=1, each=0.01)
    assert [row["S"] for row in many] == [1, 2]
    assert all(row["together_ms"] > 0 and row["streams_ms"] > 0 for row in many)
    run = gpu.whole(ring("ns", 128, 2), cpu, tf32=False, seeds=2, rounds=20)
    assert 0 < run["training_s"] < run["all_s"]
    told = gpu.table(
        {"device": "one", "torch": "2", "command": "it"}
        | {"points": [found | {"tf32": False}], "images": many, "whole": [run]}
    )
    assert told.count("| ns, ring, batch 128, z 2 |") == 4


def test_the_folder_of_a_record_is_there_before_anything_is_measured(tmp_path: Path) -> None:
    made = record.folder(str(tmp_path / "a" / "b"))
    assert made.is_dir()
    assert record.folder(str(made)) == made


def test_a_record_keeps_the_rows_of_its_device_and_puts_new_ones_in_their_place(tmp_path: Path) -> None:
    def shown(made: dict[str, Any]) -> str:
        return f"{len(made['rows'])} of {made['device']}"

    def begun(anew: bool) -> record.Record:
        return record.begin(tmp_path / "it", torch.device("cpu"), shown, ["rows"], anew=anew)

    first = begun(anew=True)
    first.keep("rows", [{"setting": "a", "ms": 1}, {"setting": "b", "ms": 2}], "setting")
    begun(anew=False).keep("rows", [{"setting": "a", "ms": 3}], "setting")
    made = json.loads((tmp_path / "it.json").read_text())
    assert made["rows"] == [{"setting": "b", "ms": 2}, {"setting": "a", "ms": 3}]
    assert (tmp_path / "it.md").read_text() == f"2 of {made['device']}"
    assert begun(anew=True).made["rows"] == []
    fewer = begun(anew=True)
    fewer.keep("rows", [{"setting": "a", "S": n, "ms": n} for n in (1, 64)], "setting", "S")
    fewer.keep("rows", [{"setting": "a", "S": 1, "ms": 9}], "setting", "S")  # what was measured of 64 seeds stays
    assert {row["S"]: row["ms"] for row in fewer.made["rows"]} == {64: 64, 1: 9}
    (tmp_path / "it.json").write_text(json.dumps(made | {"device": "another"}))
    assert begun(anew=False).made["rows"] == []


def test_degrees_of_collapse_and_of_scatter_are_what_they_say() -> None:
    grid, n = toy_data.load("grid"), 4000
    setting = Setting(grid, PROTOCOLS["pacgan"], n)
    for what, covered, good in (
        ("collapse", [25, 22, 18, 12, 8, 2], [1.0] * 6),
        ("scatter", [25] * 5, list(metrics.KEPT)),
    ):
        samples = metrics.DEGREES[what](grid, n, torch.Generator().manual_seed(0))
        found, _ = measure(setting, samples, ["modes", "high_quality"])
        assert found["modes"].tolist()[: len(covered)] == covered
        assert found["high_quality"].tolist() == pytest.approx(good, abs=0.03)  # .024 of noise lies near a mode


def test_cores_are_timed_and_a_game_is_made_once() -> None:
    setting = cores.SETTINGS[0]
    assert cores.seconds(setting, "traced", 2, 2, 2) > 0
    assert cores.played(setting.label, "traced", 2) is cores.played(setting.label, "traced", 2)


@needs_compiler
def test_a_lap_plays_in_groups_as_a_run_does() -> None:
    setting = ring("ns", 128, 2)
    together, apart = (throughput.Lap(throughput.of(setting), 3, 1, together=size) for size in (None, 1))
    compiled = throughput.Lap(throughput.of(setting, throughput.ENGINES["compiled"]), 3)
    assert [[lanes.seeds for lanes, _ in lap.groups] for lap in (together, compiled)] == [[[0, 1, 2]], [[0], [1], [2]]]
    assert [lap.flops for lap in (apart, compiled)] == pytest.approx([together.flops] * 2, rel=0.01)
    assert together.rounds == 1 < compiled.rounds
    before = [lanes.played for lanes, _ in compiled.groups]
    compiled()
    assert [lanes.played for lanes, _ in compiled.groups] == [at + compiled.rounds for at in before]
