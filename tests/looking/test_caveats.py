"""What is said of runs that are less comparable than they look."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.looking.test_compare import only
from tests.synthetic_runs import NS, UNROLLED, write_run
from zoo.errors import ZooError
from zoo.looking.compare import compare
from zoo.looking.report import write_report
from zoo.looking.sentences import verdicts
from zoo.looking.tables import render


def test_what_covers_modes_by_scattering_is_said_to(tmp_path: Path) -> None:
    """Noise hits every mode now and then; its mean of modes is that of a good generator."""
    for variant, share in (("ns", 0.97), ("hinge", 0.008)):
        path = write_run(tmp_path, variant, [8, 8, 8, 7]) / "summary.json"
        summary = json.loads(path.read_text())
        summary["metrics"]["high_quality"]["per_seed"] = [share] * 4
        path.write_text(json.dumps(summary))
    table = only(compare([tmp_path]))
    told = dict(zip([row.label for row in table.rows], verdicts(table), strict=True))
    assert re.match(r"ns: mean 7\.75 of 8 modes.*; high-quality share 0\.97; no seed collapsed\.$", told["ns"])
    assert re.match(r"hinge: mean 7\.75 of 8 modes.*; scatters \(high-quality share 0\.008\); no seed", told["hinge"])
    (warning,) = table.warnings
    assert warning.startswith("Scatters, with a high-quality share below half of the data's: hinge (0.008).")
    assert warning in render([table])
    assert warning in write_report([tmp_path], tmp_path / "r.html").read_text().replace("&#39;", "'")
    assert not only(compare([tmp_path], "high_quality")).warnings
    at_once = only(compare([tmp_path], equal="D_updates"))
    assert [row.high_quality for row in at_once.rows] == pytest.approx([0.97, 0.008])  # at equal modes the higher first


def test_what_differs_is_said(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", [8] * 8)
    write_run(tmp_path, "wgan", [8, 8, 8], rounds=800, protocol={"threshold": 2.0}, recipe={"lr_d": 5e-5})
    write_run(tmp_path, "r1", [8], finished=False)
    told = "\n".join(only(compare([tmp_path])).warnings)
    for part in (
        "Rounds differ: 400: ns; 800: wgan",
        "Numbers of seeds differ",
        "threshold=2.0",
        "Recipes differ in lr_d",
    ):
        assert part in told
    assert "Intervals over fewer than 4 seeds say little and are not shown." in told
    assert "1 unfinished run is left out; zoo run --resume" in told
    alike = tmp_path / "alike"
    write_run(alike, "ns", [8] * 8)
    write_run(alike, "wgan", [8] * 8)
    assert only(compare([alike])).warnings == []


def test_a_damaged_run_stands_in_no_other_run_s_way(runs: Path) -> None:
    bad = write_run(runs, "r1", [8] * 8)
    whole = (bad / "summary.json").read_text()
    (bad / "summary.json").write_text(whole[: len(whole) // 2])
    table = only(compare([runs]))
    assert len(table.rows) == 3
    (*_, told) = table.warnings
    assert told.startswith(f"A damaged run is left out: {bad / 'summary.json'} is not valid JSON")
    assert told in write_report([runs], runs / "report.html").read_text().replace("&#39;", "'")
    for named in ([bad], [runs, bad]):
        with pytest.raises(ZooError, match="is not valid JSON"):
            compare(named)
    with pytest.raises(ZooError, match="is not valid JSON"):
        compare([bad.parent])


def test_too_few_seeds_to_decide_are_said_to_be(tmp_path: Path) -> None:
    """Four against four give no p below 2/70 = .029, and Holm's correction of two such no one below .057."""
    write_run(tmp_path, "ns", [1, 2, 3, 4])
    write_run(tmp_path, "r1", [5, 6, 7, 8])
    assert "cannot decide" not in render(compare([tmp_path]))  # .029 alone
    write_run(tmp_path, "wgan", [8] * 4)
    write_run(tmp_path, "hinge", [8] * 8)
    table = only(compare([tmp_path]))
    rows = {row.label: row for row in table.rows}
    assert rows["hinge"].p_least == pytest.approx(3 * 2 / 495)
    assert rows["r1"].p_least == rows["wgan"].p_least == rows["r1"].p_holm == pytest.approx(2 * 2 / 70)
    why = "4 seeds against 4 cannot decide it among 3 comparisons (the smallest p possible is 0.057; 5 against 5 could)"
    assert f"Whether ns differs from wgan, r1: {why}." in table.warnings
    told = {sentence.split(":")[0]: sentence for sentence in verdicts(table)}
    assert f"no difference from ns can be claimed (ahead in 100 % of pairs of seeds): {why}" in told["r1"]
    assert "better than ns (ahead in 100 % of pairs of seeds, p = " in told["hinge"]
    assert told["r1"] in write_report([tmp_path], tmp_path / "r.html").read_text()


def test_ties_claim_no_more_than_ranks_can(tmp_path: Path) -> None:
    """Scipy's approximation for ties says .047 of three seeds against three, of which the exact test cannot say less than .1."""
    write_run(tmp_path, "ns", [1] * 3)
    write_run(tmp_path, "r1", [8] * 3)
    best = only(compare([tmp_path])).rows[0]
    assert (best.label, best.p, best.p_holm, best.p_least) == ("r1", *[pytest.approx(0.1)] * 3)
    assert "3 seeds against 3 cannot decide it (the smallest p possible is 0.1; 4 against 4 could)" in render(
        compare([tmp_path])
    )


def test_runs_read_before_their_rates_fell_are_named(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", NS, recipe={"decay": 0.5})
    assert "Read before" not in render(compare([tmp_path], equal="seconds_per_seed"))
    write_run(tmp_path, "unrolled", UNROLLED, recipe={"decay": 0.5}, cost={"seconds_per_seed": 8.0})
    write_run(tmp_path, "wgan", NS, recipe={"decay": 0.0}, cost={"seconds_per_seed": 8.0})
    table = only(compare([tmp_path], equal="seconds_per_seed"))
    said = "a fair comparison trains anew with so many rounds (--rounds)."
    before = "Read before the learning rates fell to 0, as they do in a run of that length: unrolled (round 100 of 400)"
    assert f"{before}; {said}" in table.warnings
    assert not any("Read before" in warning for warning in only(compare([tmp_path])).warnings)
