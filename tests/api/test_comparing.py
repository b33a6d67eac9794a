"""Runs against one another from Python: the same numbers and sentences as `zoo compare` has."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas
import pytest

import toy_data
import zoo
from tests.synthetic_runs import write_run
from zoo.errors import ZooError
from zoo.looking import compare as comparing
from zoo.looking.sentences import verdicts
from zoo.looking.tables import render

NS, UNROLLED = [2, 3, 4, 2, 8, 7, 1, 3], [8, 8, 7, 8, 8, 8, 6, 8]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path, "ns", NS)
    write_run(tmp_path, "unrolled", UNROLLED, options={"k": 5}, cost={"D_updates": 400, "seconds_per_seed": 8.0})
    return tmp_path


def test_a_row_per_run_has_what_the_command_writes_as_csv(runs: Path) -> None:
    found = zoo.compare(runs)
    table = found.table()
    assert list(table.index) == ["unrolled k=5", "ns"]
    best = table.loc["unrolled k=5"]
    assert (best["seeds"], best["collapsed"], best["worst"], best["worst_seed"]) == (8, 0, 6, 6)
    assert best["mean"] == np.mean(UNROLLED)
    assert best["mean_low"] < best["mean"] < best["mean_high"]
    assert best["iqm_low"] < best["iqm"] <= best["iqm_high"]
    assert best["improvement_low"] < best["improvement"] < best["improvement_high"]
    assert best["high_quality"] == pytest.approx(np.mean(UNROLLED) / 10)
    assert best["p_holm"] < 0.05
    assert best["cost.seconds_per_seed"] == 8
    assert zoo.open_run(best["path"]).summary["variant"] == "unrolled"
    written = pandas.read_csv(io.StringIO(found.text("csv"))).set_index("run")
    pandas.testing.assert_frame_equal(table[written.columns], written, check_dtype=False)
    assert table.columns[-1] == "path"


def test_what_is_said_is_what_the_command_says(runs: Path) -> None:
    write_run(runs, "wgan", [5, 5, 5])
    found = zoo.compare(str(runs), "modes", reference="wgan", equal="D_updates")
    said = comparing.compare([runs], "modes", reference="wgan", equal="D_updates")
    assert repr(found) == found.text() == render(said)
    assert found.verdict == verdicts(said[0])
    assert "better than wgan" in found.verdict[0]
    assert found.warnings == said[0].warnings
    assert any("Numbers of seeds differ" in sentence for sentence in found.warnings)


def test_files_of_one_name_that_hold_other_data_have_a_table_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, names = {}, {}
    for place, sigma in (("a", 0.1), ("b", 0.2), ("c", 0.1)):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        np.savez("mine.npz", centres=[[0.0, 1.0], [1.0, 0.0]], sigma=sigma)
        how = {"rounds": 2, "width": 8, "batch": 16, "seeds": 1, "progress": False}
        runs[place] = zoo.run("ns", data="mine.npz", out=tmp_path / "runs" / place, **how)
        names[place] = f"mine.npz ({toy_data.load('mine.npz').fingerprint()[:6]})"
    assert names["a"] == names["c"] != names["b"]
    for data in (None, "mine.npz"):
        found = zoo.compare(tmp_path / "runs", data=data)
        assert {c.data: len(c.rows) for c in found.comparisons} == {names["a"]: 2, names["b"]: 1}
        assert f"{names['b']}: modes (more is better)" in found.text()
    (one,) = zoo.compare(tmp_path / "runs", data=names["b"]).comparisons
    assert [row.path for row in one.rows] == [str(runs["b"].folder)]
    assert zoo.compare([runs["a"], runs["c"]]).comparisons[0].data == "mine.npz"


def test_data_sets_have_a_table_each(runs: Path) -> None:
    write_run(runs, "ns", [20, 21], data="grid")
    found = zoo.compare(runs)
    assert [comparison.data for comparison in found.comparisons] == ["grid", "ring"]
    assert list(found.table().index) == [("grid", "ns"), ("ring", "unrolled k=5"), ("ring", "ns")]
    assert list(found.table().loc["ring"].index) == ["unrolled k=5", "ns"]
    assert [sentence.split(":")[0] for sentence in found.verdict] == ["grid", "ring", "ring"]
    assert "grid: Intervals over fewer than 4 seeds say little and are not shown." in found.warnings
    page = found._repr_html_()
    assert page.index("grid: modes") < page.index("ring: modes")
    assert zoo.compare(runs, data="ring").verdict[0].startswith("unrolled k=5: ")


def test_results_are_compared_and_folders_and_both(runs: Path) -> None:
    results = [zoo.open_run(runs / "ring" / name / "a") for name in ("ns", "unrolled")]
    whole = zoo.compare(runs)
    assert zoo.compare(results).comparisons == whole.comparisons
    assert zoo.compare([results[0], runs / "ring" / "unrolled"]).comparisons == whole.comparisons
    assert zoo.compare(iter(results)).comparisons == whole.comparisons
    assert list(zoo.compare(results[0]).table().index) == ["ns"]


def test_a_notebook_shows_the_reader_s_table_and_its_sentences(runs: Path) -> None:
    write_run(runs, "r1", [1, 2], options={"x": True})
    page = zoo.compare(runs)._repr_html_()
    for part in (
        "<th>mean modes (of 8) [95 %]</th>",
        "<th>(data)</th>",
        "<td>6 (seed 6)</td>",
        "training wall s per seed",
    ):
        assert part in page
    assert "<p>unrolled k=5: mean 7.62 of 8 modes, 95 % interval 7.12 to 8" in page
    assert "<p>Warning: Numbers of seeds differ" in page
    assert "IQM: interquartile mean" in page


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"folders": []}, "There is no run to compare"),
        ({"folders": 3}, "a folder of runs, or what zoo.run returned, not 3"),
        ({"folders": [3]}, "a folder of runs, or what zoo.run returned, not 3"),
        ({"folders": "nowhere"}, "There is no directory nowhere"),
        ({"metric": 3}, "'metric' is given by its name, as text, not by 3"),
        ({"metric": "mode"}, "did you mean 'modes'"),
        ({"data": 3}, "'data' is given by its name"),
        ({"data": Path("rong")}, "did you mean 'ring'"),
        ({"reference": ["ns"]}, "'reference' is given by its name"),
        ({"equal": True}, "'equal' is given by its name"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(runs: Path, given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ZooError, match=sentence) as told:
        zoo.compare(**{"folders": runs} | given)
    assert "\n" not in str(told.value)
    with pytest.raises(ZooError, match="did you mean 'latex'"):
        zoo.compare(runs).text("latx")
