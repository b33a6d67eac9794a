"""Where new results stand among recorded ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu

from tests.synthetic_runs import write_run
from zoo.looking.sentences import verdicts
from zoo.looking.standing import stand
from zoo.sweeps.merit import FID, ONE_NN, SHARE, merit_of
from zoo.sweeps.tuning import RESULTS


def test_a_result_stands_among_recorded_ones_by_how_many_are_better_beyond_chance() -> None:
    places = [place for place in sorted((RESULTS / "ring-tuned").iterdir()) if place.is_dir()]
    table, lines = stand(
        [RESULTS / "ring-tuned" / "r1"], [place for place in places if place.name != "r1"], "ring", "modes"
    )
    assert len(table.rows) == len(places)
    assert lines[0].startswith(f"The others ({len(places) - 1}) are recorded")
    reached = {
        place.name: json.loads((place / "summary.json").read_text())["metrics"]["modes"]["per_seed"] for place in places
    }
    own = reached.pop("r1")
    p = sorted((mannwhitneyu(modes, own).pvalue if modes != own else 1.0, name) for name, modes in reached.items())
    kept = next(
        i for i, (value, _) in enumerate(p) if value * (len(p) - i) >= 0.05
    )  # Holm: the first that fails ends it
    more = sum(np.mean(reached[name]) > np.mean(own) for _, name in p[:kept])
    assert 0 < kept < len(p)
    told = f"of the {len(p)} others {more} better, {kept - more} worse, {len(p) - kept} not told apart from it"
    assert [told in line for line in lines[1:]] == [True]


def test_too_few_seeds_for_so_many_others_are_said_to_be(tmp_path: Path) -> None:
    ours = write_run(tmp_path, "ns", [8, 8])
    others = [write_run(tmp_path, "r1", [k] * 16, options={"k": k}, name=f"{k}") for k in range(8)]
    told = stand([ours], others, "ring", "modes")[1]
    assert told[1].startswith("ns: of the 8 others 0 better, 0 worse, 8 not told apart from it")
    assert told[2].startswith(
        "Whether ns differs from r1 k=7, r1 k=6, r1 k=5 and 5 more: 16 seeds against 2 cannot decide it"
    )


def test_without_recorded_ones_it_is_said_what_each_reached() -> None:
    table, lines = stand([RESULTS / "ring-tuned" / "r1", RESULTS / "ring-tuned" / "ns"], [], "ring", "modes")
    assert {row.label.split()[0] for row in table.rows} == {"r1", "ns"}
    assert lines == verdicts(table)
    assert len(lines) == 2


def test_what_chose_puts_the_judged_runs_in_order_too() -> None:
    """FID chose on digits: the recorded runs are in another order by it than by their modes."""
    ours = [place for place in sorted((RESULTS / "digits-tuned").iterdir()) if place.is_dir()]
    table, lines = stand(ours, [], "stacked-digits", FID.compared)
    measured = {p.name: json.loads((p / "summary.json").read_text())["metrics"] for p in ours}
    fid = {name: np.mean(of["fid"]["per_seed"]) for name, of in measured.items()}
    by_fid = sorted(fid, key=lambda name: fid[name])
    assert by_fid != sorted(fid, key=lambda name: -np.mean(measured[name]["modes"]["per_seed"]))
    assert [row.label.split()[0] for row in table.rows] == by_fid
    assert "fid" in lines[0]
    assert (SHARE.compared, ONE_NN.compared, merit_of(["recall"], "recall").compared) == ("modes", "one_nn", "recall")
