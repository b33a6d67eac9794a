"""How numbers stand in tables, and tables in each format."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest

from tests.looking.test_compare import RESULTS, only
from tests.synthetic_runs import UNROLLED, write_run
from zoo import statistics
from zoo.errors import ZooError
from zoo.looking.compare import compare
from zoo.looking.tables import STYLES, cells, costs, interval, render, results
from zoo.statistics import number


@pytest.mark.parametrize(
    ("value", "told"),
    [(1000.0, "1,000"), (12345.6, "12,345.6"), (123.44, "123.4"), (0.01234, "0.0123"), (-250.4, "-250.4"), (0.0, "0")],
)
def test_a_number_keeps_what_stands_before_the_point_and_one_behind_it(value: float, told: str) -> None:
    assert number(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (999.6, "999.6"),
        (999.96, "999.96"),
        (99.96, "99.96"),
        (24.98, "24.98"),
        (7.9996, "7.9996"),
        (0.99996, "0.99996"),
    ],
)
def test_no_number_is_rounded_up_to_a_whole_one(value: float, told: str) -> None:
    """999.6 of 1000 modes are not all of them."""
    assert number(value) == told
    assert number(round(value) + 1e-13) == f"{round(value):,}"  # that is what arithmetic leaves of a whole number


def test_what_is_no_number() -> None:
    assert (number(math.nan), number(math.inf)) == ("-", "inf")
    assert (interval((math.nan, math.nan)), interval((967.8, 1000.0))) == ("-", "967.8 to 1,000")


@pytest.mark.parametrize("style", STYLES)
def test_every_format_names_every_run(runs: Path, style: str) -> None:
    text = render(compare([runs]), style)
    assert all(name in text for name in ("unrolled k=5", "wgan", "ns"))
    assert text == text.rstrip("\n")


def test_formats_can_be_read_back(runs: Path) -> None:
    write_run(runs, "r1_a", [8, float("nan")], options={"x": 0.1})
    tables = compare([runs])
    rows = list(csv.DictReader(io.StringIO(render(tables, "csv"))))
    best = next(r for r in rows if r["run"] == "unrolled k=5")
    assert float(best["iqm"]) == pytest.approx(statistics.iqm(UNROLLED))
    assert float(best["cost.seconds_per_seed"]) == 8
    back = json.loads(render(tables, "json"), parse_constant=pytest.fail)
    assert {r["label"] for r in back[0]["rows"]} == {"ns", "wgan", "unrolled k=5", "r1_a x=0.1"}
    tables[0].warnings.append("goes from {a} to {b}")
    latex = render(tables, "latex")
    assert r"r1\_a x=0.1" in latex
    assert "% Warning: goes from {a} to {b}\n" in latex.split(r"\begin{table}")[0]  # for the author
    (reached, took) = (part.count("&") for part in latex.split(r"\begin{table}")[1:])
    assert reached == (len(results(tables[0])[0]) - 1) * len(results(tables[0]))
    assert took == (len(costs(tables[0])[0]) - 1) * len(costs(tables[0]))
    assert all(
        line.count("|") == len(cells(tables[0])[0]) + 1 for line in render(tables, "md").splitlines() if line[:1] == "|"
    )
    with pytest.raises(ZooError, match="There is no format 'latx'; did you mean 'latex'"):
        render(tables, "latx")


def test_a_terminal_s_tables_are_narrow_and_costs_stand_by_themselves(tmp_path: Path) -> None:
    options = {"gamma": 1.0, "gamma_end": 0.1, "burn_in": 0.0, "leapfrog": 5, "draws": 2, "lam": 0.001, "step": 0.3}
    cost = {
        "D_updates": 2e5,
        "G_updates": 1e5,
        "gflop_per_seed": 12.0,
        "cpu_seconds_per_seed": 8.0,
        "seconds_per_seed": 8.0,
    }
    write_run(tmp_path, "ns", [2] * 4)
    write_run(tmp_path, "r3gan", [8] * 4, options=options, cost=cost)
    lines = render(compare([tmp_path])).splitlines()
    tables = lines[: next(i for i, line in enumerate(lines) if line.startswith("Over seeds: "))]
    assert max(map(len, tables)) <= 120
    first, second = "\n".join(tables).strip().split("\n\n")
    assert "updates" not in first
    assert "200,000" in second
    for table in (first, second):
        rows = table.splitlines()
        at = next(i for i, line in enumerate(rows) if line.startswith("r3gan"))
        name = [
            rows[at].split("   ")[0],
            *(line for line in rows[at + 1 :] if "=" in line),
        ]  # goes on in the next lines
        assert len(name) > 1
        assert " ".join(" ".join(name).split()) == f"r3gan {' '.join(f'{k}={v:g}' for k, v in options.items())}"


def test_the_table_in_the_docs_is_what_is_printed() -> None:
    told = (RESULTS.parents[1] / "docs" / "looking.md").read_text(encoding="utf-8")
    shown = told.split("```\nring: modes")[1].split("\n...\n")[0]
    assert render(compare([RESULTS / "stress"])).startswith(f"ring: modes{shown}\n")


def test_the_high_quality_share_stands_beside_the_modes_where_it_was_measured(runs: Path) -> None:
    head, *body = cells(only(compare([runs])))
    assert head[3] == "high-quality share"
    assert {line[0]: line[3] for line in body} == {
        "unrolled k=5": "0.762",
        "wgan": "0.5",
        "ns": "0.375",
        "(data)": "0.989",
        "(collapsed)": "0.989",
    }
    assert "high-quality share" not in cells(only(compare([runs], "reverse_kl")))[0]
    for path in runs.rglob("summary.json"):
        summary = json.loads(path.read_text())
        del summary["metrics"]["high_quality"]
        path.write_text(json.dumps(summary))
    assert "high-quality share" not in cells(only(compare([runs])))[0]
