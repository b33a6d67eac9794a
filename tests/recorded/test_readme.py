"""The README says what is recorded."""

import json
import re

import pytest

from benchmarks import tutorials
from tests.recorded.places import COUNTS, README, RESULTS, flat, summaries, told
from zoo.cli.summary import SHOWN
from zoo.runs.rundir import read

RANKING = README.parent / "benchmarks" / "metrics.md"


def test_the_first_block_of_the_readme_is_the_recorded_run() -> None:
    block = README.read_text(encoding="utf-8").partition("unrolled on ring: 8 seeds")[2].partition("\n```")[0]
    summary = json.loads((RESULTS / "ring" / "unrolled-5" / "summary.json").read_text(encoding="utf-8"))
    assert block.startswith(f", {summary['rounds']:,} rounds\n")
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in block.splitlines() if line[:1] == "│"]
    shown = {row[0].removesuffix(" of 8"): row[1:] for row in rows}
    titles = {name: title for name, title in SHOWN.items() if name in summary["metrics"]}
    assert list(shown) == list(titles.values())
    for name, title in titles.items():
        m = summary["metrics"][name]
        worst = (max if name == "reverse_kl" else min)(m["per_seed"])
        references = [f"{known[name]:.3g}" for known in summary["reference"].values()]
        interval = "{:.3g} to {:.3g}".format(*m["ci95"])
        assert shown[title] == [f"{m['mean']:.3g}", interval, f"{worst:.3g}", *references]
    assert summary["verdict"][0] in block.splitlines()


@pytest.fixture
def rows() -> dict[str, str]:
    """The table of results, by the first words of its rows."""
    table = README.read_text(encoding="utf-8").partition("| setting | plain GANs |")[2].partition("\n\n")[0]
    begins = ("ring, D", "ring, our", "ring, 37", "grid", "stacks", "Stacked", "MNIST")
    found = dict(zip(begins, table.splitlines()[2:], strict=True))
    assert all(row.startswith(f"| {begin}") for begin, row in found.items())
    return found


def modes(place: str, digits: int = 2) -> dict[str, str]:
    return {name: told(summary["metrics"]["modes"], digits) for name, summary in summaries(place).items()}


def shares(place: str) -> dict[str, float]:
    return {name: summary["metrics"]["high_quality"]["mean"] for name, summary in summaries(place).items()}


def test_the_row_of_the_stress_setting(rows: dict[str, str]) -> None:
    stress, of, found = rows["ring, D"], modes("stress"), summaries("stress")
    share = {name: f"{value:.2f}"[1:] for name, value in shares("stress").items()}
    assert share["vanilla"] == share["ns"]
    plain = f"vanilla covers {of['vanilla']} of 8 modes, ns {of['ns']}, with high-quality shares of {share['ns']}"
    assert f"{plain}: most seeds miss the data altogether |" in stress
    nothing = [value == 0 for n in ("vanilla", "ns") for value in found[n]["metrics"]["high_quality"]["per_seed"]]
    assert sum(nothing) > len(nothing) / 2
    flops = [found[name]["cost"]["gflop_per_seed"] for name in ("unrolled-5", "ns")]
    cost = f"for {flops[0] / flops[1]:.1f} times the operations"
    assert f"`unrolled --k 5` {of['unrolled-5']}, {cost}, with a share of {share['unrolled-5']};" in stress
    assert f"`--k 1` {of['unrolled-1']} |" in stress


def test_the_row_of_the_default_setting(rows: dict[str, str]) -> None:
    of = modes("ring")
    told = f"vanilla {of['vanilla']}, ns {of['ns']} | `unrolled --k 5` {of['unrolled-5']}: look-ahead buys nothing here"
    assert told in rows["ring, our"]


def test_the_row_of_the_ring_tuned_alike(rows: dict[str, str]) -> None:
    of, share = modes("ring-tuned"), shares("ring-tuned")
    assert f"vanilla {of['vanilla']}, ns {of['ns']} |" in rows["ring, 37"]
    mean = {name: summary["metrics"]["modes"]["mean"] for name, summary in summaries("ring-tuned").items()}
    at = {name: (round(mean[name], 2), round(share[name], 2)) for name in mean}
    assert at["vanilla"] == max(at.values())
    good = [name for name in mean if mean[name] >= 7.9 and share[name] >= 0.9]
    assert f"{COUNTS[len(good)]} reach 7.9 with a high-quality share of .9" in rows["ring, 37"]


def test_the_row_of_the_grid_tuned_alike(rows: dict[str, str]) -> None:
    grid, of, share, found = rows["grid"], modes("grid-tuned"), shares("grid-tuned"), summaries("grid-tuned")
    noise = found["ns"]["reference"]["noise"]
    noisy = f"(uniform noise: {noise['modes']:.0f}, with {noise['high_quality']:.2f})".replace("0.", ".")
    shown = [f"{share[name]:.2f}"[1:] for name in ("vanilla", "ns")]
    plain = f"vanilla {of['vanilla']}, ns {of['ns']}, with high-quality shares of {shown[0]} and {shown[1]} {noisy} |"
    assert plain in grid
    whole = {name for name, s in found.items() if min(s["metrics"]["modes"]["per_seed"]) == 25 and share[name] > 0.8}
    assert {*re.findall(r"[a-z0-9-]+", grid.split("|")[3].partition(":")[0])} == whole
    lowest, highest = (f"{value:.2f}"[1:] for value in (min(share[n] for n in whole), max(share[n] for n in whole)))
    assert f"with {lowest} to {highest} |" in grid


def test_the_row_of_digits_tuned_alike(rows: dict[str, str]) -> None:
    of, digits = modes("digits-tuned", 1), rows["stacks"]
    assert (
        f"| vanilla {of['vanilla']}, ns {of['ns']} | wgan-gp {of['wgan-gp']}, r1 {of['r1']}; also above 990:" in digits
    )
    many = {n for n, s in summaries("digits-tuned").items() if s["metrics"]["modes"]["mean"] > 990}
    assert {*re.findall(r"[a-z][a-z0-9-]*", digits.partition("above 990:")[2])} | {"wgan-gp", "r1"} == many


def test_the_row_of_stacked_mnist(rows: dict[str, str]) -> None:
    of, stacked = modes("stacked-mnist-small", 1), rows["Stacked"]
    assert f"| ns {of['ns-critic']} of 1000 (4 seeds); {of['ns']} with normalisation in D" in stacked
    few = "; ".join(f"{name} {of[name]} (4 seeds)" for name in ("r1", "r3gan", "pacgan"))
    assert f"{few}; wgan-gp {of['wgan-gp']} (8 seeds), with its own betas and a fifth of the G steps |" in stacked
    turns = {name: summary["cost"]["G_updates"] for name, summary in summaries("stacked-mnist-small").items()}
    assert turns["wgan-gp"] * 5 == turns["r1"]


def test_the_row_of_the_tutorials(rows: dict[str, str]) -> None:
    found = [json.loads(path.read_text())["metrics"] for path in sorted(tutorials.PLACE.glob("*/eval.json"))]
    scores = [sum(m["inception_score"]) / len(m["inception_score"]) for m in found]
    assert {*map(len, (m["modes"] for m in found))} == {2}
    assert min(min(m["modes"]) for m in found) == 10
    told = f"{COUNTS[len(scores)]} recipes cover 10 of 10 digits, with inception scores of"
    assert f"{told} {min(scores):.2f} to {max(scores):.2f} |" in rows["MNIST"]


def in_bold(section: str, data_sets: int) -> list[str]:
    """The metrics in bold, which are those that are right in 19 draws of 20 on so many data sets."""
    lines = [line.split("|")[1:-1] for line in section.splitlines() if " of 20 |" in line]
    right = {cells[0].strip(): [int(n) for n in re.findall(r"(\d+) of 20", "".join(cells[1:]))] for cells in lines}
    bold = [name for name in right if name.startswith("**")]
    assert bold == [name for name, counts in right.items() if len(counts) == data_sets and min(counts) >= 19]
    return bold


def test_the_rule_by_which_metrics_order_collapse() -> None:
    """In bold, and in the README: those that are right in 19 of 20 draws on every data set."""
    collapse, _, scatter = RANKING.read_text(encoding="utf-8").partition("degrees of scatter")
    bold = in_bold(collapse, data_sets=3)
    assert in_bold(scatter, data_sets=2) == ["**`high_quality`**, **`precision`**, **`density`**"]
    assert [name.strip("*`") for name in bold] == ["modes", "reverse_kl", "forward_kl", "one_nn", "recall", "coverage"]
    said = "* **Modes covered, reverse and forward KL, recall, coverage and 1-NN accuracy see dropped modes.** Each of them"
    assert said in README.read_text(encoding="utf-8")


def test_what_published_protocols_reach() -> None:
    text, found = flat(README.read_text(encoding="utf-8")), summaries("protocols")
    modes = {name: summary["metrics"]["modes"] for name, summary in found.items()}
    of_recipes = {read(RESULTS / "protocols" / name).config["recipe_name"] for name in found}
    assert (len(of_recipes), "Ten published experiments" in text) == (10, True)
    d2gan = modes["d2gan-ring"]["per_seed"]
    partly = [m for m in d2gan if m < 8]
    said = (
        f"{len(d2gan) - len(partly)} of {len(d2gan)} seeds does, the others cover {min(partly):g} to {max(partly):g}."
    )
    assert said in text
    k5, k0 = (modes[name]["mean"] for name in ("metz-ring", "metz-ring-k-0"))
    assert f"k = 5 covers {k5:.2f} of 8 modes and k = 0 {k0:.2f};" in text
    of_k0, of_k5 = (COUNTS[len(modes[name]["per_seed"])] for name in ("metz-ring-k-0", "metz-ring"))
    assert f"two of {of_k0} seeds with k = 0 collapse, none of {of_k5} with k = 5" in text  # which their pictures show
