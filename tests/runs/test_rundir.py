"""Run directories read back, and every way in which one can be damaged."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests.synthetic_runs import write_run
from zoo.errors import ZooError
from zoo.runs import rundir
from zoo.runs.cell import read_cell


def test_what_was_written_is_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "unrolled", [8, 7, 6], options={"k": 5, "saddle": False}, diverged=[2])
    run = rundir.read(folder)
    assert (run.variant, run.data, run.seeds, run.rounds) == ("unrolled", "ring", [0, 1, 2], 400)
    assert run.label == "unrolled k=5"
    assert run.finished
    assert run.diverged == [2]
    np.testing.assert_array_equal(run.values("modes"), [8, 7, 6])
    np.testing.assert_array_equal(run.values("coverage/modes"), [8, 7, 6])
    assert run.cost == {"D_updates": 400, "G_updates": 400, "seconds_per_seed": 2, "seconds": 6}
    assert run.players == ["D", "G"]
    rounds, seeds, modes = rundir.by_round(run.table, "modes")
    assert rounds.tolist() == [100, 200, 300, 400]
    assert seeds.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(modes[-1], [8, 7, 6])
    assert run.arrays("samples", "nothing").keys() == {"samples"}


def test_a_number_that_was_not_finite_is_nan(tmp_path: Path) -> None:
    run = rundir.read(write_run(tmp_path, "ns", [8, float("nan")], diverged=[1]))
    assert "null" in (run.path / "summary.json").read_text()
    np.testing.assert_array_equal(run.values("modes"), [8, np.nan])


def test_a_missing_seed_is_nan_by_round(tmp_path: Path) -> None:
    table = {"seed": np.array([0, 1, 0.0]), "round": np.array([10, 10, 20.0]), "modes": np.array([1, 2, 3.0])}
    _, _, modes = rundir.by_round(table, "modes")
    np.testing.assert_array_equal(modes, [[1, 2], [3, np.nan]])


def test_a_file_that_was_cut_short_is_named_and_loses_no_seed_in_silence(tmp_path: Path) -> None:
    path = write_run(tmp_path, "ns", [8, 7]) / "metrics.csv"
    whole = path.read_text()
    path.write_text(whole[: whole.rstrip().rindex(",")])
    with pytest.raises(
        ZooError, match=rf"metrics.csv, line {len(whole.splitlines())}, has 6 values where the header has 7"
    ):
        rundir.read_metrics(path)


def test_an_unfinished_run_says_how_to_end_it(tmp_path: Path) -> None:
    run = rundir.read(write_run(tmp_path, "ns", [8], finished=False))
    assert not run.finished
    assert run.arrays("samples") == {}
    with pytest.raises(ZooError, match=r"not finished; zoo run --resume .*ns/a finishes it"):
        run.values("modes")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("config.json", "{", "not valid JSON"),
        ("config.json", "[]", "one JSON object, not a list"),
        ("config.json", "{}", "lacks 'variant', 'options', 'data', 'recipe', 'seeds'"),
        ("summary.json", '{"seconds": 1}', "lacks 'metrics'"),
        ("summary.json", '{"metrics": {"modes": {"per_seed": [1]}}}', "1 values of modes for 2 seeds"),
        ("summary.json", '{"metrics": {"high_quality": {"per_seed": [1, 1]}}}', "There is no metric"),
        ("summary.json", '{"metrics": {"modes": {"per_seed": [[1], 1]}}}', "something else than numbers of modes"),
        ("summary.json", '{"metrics": {"modes": {"per_seed": null}}}', "something else than numbers of modes"),
        ("summary.json", '{"metrics": {"modes": {}}}', "something else than numbers of modes"),
        ("summary.json", '{"metrics": []}', "'metrics' in"),
        ("summary.json", '{"metrics": {}, "diverged": null}', "is a list of whole numbers, not None"),
        ("metrics.csv", "", "begins with nothing"),
        ("metrics.csv", "seed,round,modes\n0,1\n1,1,2\n", "line 2, has 2 values where the header has 3"),
        ("metrics.csv", "seed,round,modes\n0,1,many\n", "not a number"),
        ("samples.npz", "no zip", "cannot be read as arrays"),
    ],
)
def test_damage_is_one_sentence_with_the_file(tmp_path: Path, name: str, content: str, told: str) -> None:
    folder = write_run(tmp_path, "ns", [8, 7])
    (folder / name).write_text(content)

    def read_everything() -> None:
        run = rundir.read(folder)
        run.values("modes"), run.table, run.arrays("samples")

    with pytest.raises(ZooError) as error:
        read_everything()
    assert told in str(error.value)
    assert str(folder / name) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("seeds", 8, "is a list of whole numbers, not 8"),
        ("seeds", "0-7", "is a list of whole numbers, not '0-7'"),
        ("seeds", [0, 1.5], "is a list of whole numbers, not [0, 1.5]"),
        ("variant", None, "is a name, not None"),
        ("options", [], "is a table, not []"),
        ("recipe", "ring", "is a table with a whole number of rounds, not 'ring'"),
        ("recipe", {"rounds": "400"}, "is a table with a whole number of rounds"),
        ("fingerprint", [1], "is a name, or null, not [1]"),
        ("data_path", True, "is a name, or null, not True"),
        ("protocol", "pacgan", "is a table, not 'pacgan'"),
    ],
)
def test_an_edited_configuration_is_one_sentence_for_whoever_reads_it(
    tmp_path: Path, key: str, value: object, told: str
) -> None:
    folder = write_run(tmp_path, "ns", [8, 7])
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    for read in (rundir.read, read_cell):
        with pytest.raises(ZooError) as error:
            read(folder)
        assert f"'{key}' in {file} {told}" in str(error.value)


def test_stray_bytes_anywhere_are_one_sentence(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "ns", [8, 7], arrays=False)
    run, table = rundir.read(folder), folder / "metrics.csv"
    whole = table.read_bytes()
    for stray in (b"\xff", b'"' + b"x" * 200_000):
        table.write_bytes(whole[:60] + stray + whole[60:])
        with pytest.raises(ZooError, match=r"metrics\.csv is not text with commas"):
            rundir.read_metrics(table)
    packed = io.BytesIO()
    np.savez_compressed(packed, samples=np.random.default_rng(0).normal(size=(2, 40, 2)))
    (folder / "samples.npz").write_bytes(packed.getvalue()[:300])
    with pytest.raises(ZooError, match=r"samples\.npz cannot be read as arrays"):
        run.arrays("samples")
    for place in range(0, len(packed.getvalue()), 3):
        damaged = bytearray(packed.getvalue())
        damaged[place : place + 3] = b"\xee\xee\xee"
        (folder / "samples.npz").write_bytes(damaged)
        with contextlib.suppress(ZooError):  # damage to a date is none to the numbers
            run.arrays("samples")


def test_a_directory_that_is_none_says_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "ns", [8])
    with pytest.raises(ZooError, match=r"it holds runs further down, such as .*ring/ns/a"):
        rundir.read(tmp_path)
    with pytest.raises(ZooError, match="There is no run directory"):
        rundir.read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ZooError, match="There are no runs in"):
        rundir.find([tmp_path / "empty"])
    with pytest.raises(ZooError, match="There is no directory"):
        rundir.find([folder / "config.json"])


def test_runs_are_found_once_wherever_they_lie(tmp_path: Path) -> None:
    folders = [write_run(tmp_path, v, [8]) for v in ("ns", "unrolled")] + [write_run(tmp_path, "ns", [8], data="grid")]
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "config.json").write_text("{}")
    assert rundir.find([tmp_path, folders[0]]) == sorted(folders)


def test_json_of_the_run_is_strict(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "ns", [float("nan")])

    def refuse(word: str) -> None:
        raise AssertionError(word)

    json.loads((folder / "summary.json").read_text(), parse_constant=refuse)
