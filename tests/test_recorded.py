"""Pages of recorded results say what is recorded."""

import csv
import json
import re
from typing import Any

import pytest

from baselines import recipes
from baselines.spaces import SPACES
from benchmarks import protocols, tuned, tutorials
from zoo import variants
from zoo.cli.terminal import SHOWN

README = tuned.RESULTS.parents[1] / "README.md"
RANKING = README.parent / "benchmarks" / "metrics.md"
TUNED = sorted(path.stem for path in (recipes.FOLDER / "tuned").glob("*.toml"))


def test_no_record_names_a_place_of_the_machine_that_made_it() -> None:
    told = {path: json.loads(path.read_text(encoding="utf-8")) for path in tuned.RESULTS.rglob("config.json")}
    assert len(told) > 100
    assert [str(path) for path, config in told.items() if "--out" in config["command"] or config["data_root"]] == []


def test_the_tutorials_page() -> None:
    assert tutorials.PAGE.read_text(encoding="utf-8") == tutorials.page(), (
        "python -m benchmarks.tutorials writes it again"
    )


def test_every_variant_stands_on_the_protocols_page_and_every_published_recipe_with_one() -> None:
    text = protocols.PAGE.read_text(encoding="utf-8")
    listed = [line.split("|")[1:4] for line in text.partition(protocols.MEASURED)[0].splitlines() if line[:3] == "| `"]
    assert sorted(name for line in listed for name in re.findall(r"`([^`]+)`", line[0])) == variants.own()
    published = {path.stem: recipes.load(path.stem) for path in (recipes.FOLDER / "published").glob("*.toml")}
    for first, _, told in listed:
        names = re.findall(r"`([^`]+)`", first)
        for word in re.findall(r"`([^`]+)`", told):
            recipe = recipes.load(word.split()[-1])
            assert word.split()[2] in names if word.startswith("zoo run") else recipe.variant in names
            published.pop(recipe.name, None)
    assert not published


def test_the_protocols_table() -> None:
    assert protocols.PAGE.read_text(encoding="utf-8") == protocols.page(), (
        "python -m benchmarks.protocols writes it again"
    )
    for _, summary, config in tuned.recorded(protocols.PLACE):
        assert config["recipe"]["rounds"] == summary["rounds"] == recipes.load(config["recipe_name"]).recipe["rounds"]
        assert len(config["seeds"]) >= 4


@pytest.mark.parametrize("recipe", TUNED)
def test_the_page_of_a_tuned_recipe(recipe: str) -> None:
    said = tuned.page_of(recipe).read_text(encoding="utf-8")
    assert said == tuned.page(recipe), f"python -m benchmarks.tuning {recipe} --table writes it again"


@pytest.mark.parametrize("recipe", TUNED)
def test_every_method_had_the_same_budget_and_was_judged_on_other_seeds_with_its_best_trial(recipe: str) -> None:
    places = {place.name: place for place in (tuned.RESULTS / recipe).iterdir() if place.is_dir()}
    trials = list(csv.DictReader((tuned.RESULTS / recipe / "trials.csv").open(encoding="utf-8")))
    assert places
    assert set(places) <= set(variants.own())
    for name, place in places.items():
        mine = [row for row in trials if row["variant"] == name]
        assert len(mine) == 4
        best = max(mine, key=lambda row: float(row["score"]))
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        used = config["recipe"] | config["options"]
        assert {key: used[key] for key in json.loads(best["settings"])} == json.loads(best["settings"])
        assert config["seeds"] == list(range(16))


def test_the_first_block_of_the_readme_is_the_recorded_run() -> None:
    block = README.read_text(encoding="utf-8").partition("unrolled on ring: 8 seeds")[2].partition("\n```")[0]
    summary = json.loads((tuned.RESULTS / "ring" / "unrolled-5" / "summary.json").read_text(encoding="utf-8"))
    assert block.startswith(f", {summary['rounds']:,} rounds\n")
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in block.splitlines() if line[:1] == "│"]
    shown = {row[0].removesuffix(" of 8"): row[1:] for row in rows}
    told = {name: title for name, title in SHOWN.items() if name in summary["metrics"]}
    assert list(shown) == list(told.values())
    for name, title in told.items():
        m = summary["metrics"][name]
        worst = (max if name == "reverse_kl" else min)(m["per_seed"])
        references = [f"{known[name]:.3g}" for known in summary["reference"].values()]
        interval = "{:.3g} to {:.3g}".format(*m["ci95"])
        assert shown[title] == [f"{m['mean']:.3g}", interval, f"{worst:.3g}", *references]
    assert summary["verdict"][0] in block.splitlines()


@pytest.mark.parametrize(
    ("recipe", "begins", "ends", "said", "modes", "share"),
    [
        ("ring-tuned", "on the ring\n", "\n## ", "Twelve methods cover 7.9 modes or more with a share of .9", 7.9, 0.9),
        (
            "grid-tuned",
            "on the grid of 25\n",
            "\n## ",
            "Nine methods cover 24.8 modes or more with a share of .8",
            24.8,
            0.8,
        ),
    ],
)
def test_the_counts_of_methods_tuned_alike(
    recipe: str, begins: str, ends: str, said: str, modes: float, share: float
) -> None:
    text = (README.parent / "docs" / "results.md").read_text(encoding="utf-8").partition(begins)[2].partition(ends)[0]
    results = [summary["metrics"] for _, summary, _ in tuned.recorded(tuned.RESULTS / recipe)]
    good = [m for m in results if m["modes"]["mean"] >= modes and m["high_quality"]["mean"] >= share]
    assert said.partition(" ")[0] == {9: "Nine", 12: "Twelve"}[len(good)]
    assert said in text


def test_what_is_said_of_the_methods_on_stacks_of_digits() -> None:
    page = (README.parent / "docs" / "results.md").read_text(encoding="utf-8").partition("on stacks of digits\n")[2]
    text = " ".join(page.split())
    found = {name: summary for name, summary, _ in tuned.recorded(tuned.RESULTS / "digits-tuned")}
    m = {name: s["metrics"]["modes"]["mean"] for name, s in found.items()}
    spent = {name: s["cost"]["cpu_seconds_per_seed"] for name, s in found.items()}
    assert f"vanilla and ns cover {m['ns']:.0f} modes" in text
    assert f"{m['vanilla']:.0f}" == f"{m['ns']:.0f}"
    kl = [f"{found[n]['metrics']['reverse_kl']['mean']:.2f}"[1:] for n in ("vanilla", "ns")]
    assert f"(a reverse KL of {kl[0]} and {kl[1]};" in text
    best = found["wgan-gp"]["metrics"]["fid"]["mean"]
    assert best == min(s["metrics"]["fid"]["mean"] for n, s in found.items() if n not in ("vae", "flow-matching"))
    assert f"wgan-gp covers {m['wgan-gp']:.1f} with by far the best FID of the GANs ({best:.0f})" in text
    assert (
        f"({spent['wgan-gp']:.1f} CPU s a seed; ns {spent['ns']:.1f}). r1 and r3gan cover {m['r1']:.0f} and {m['r3gan']:.0f}"
        in text
    )
    assert all(993 <= round(m[n]) <= 996 for n in ("zero-gp", "consensus", "js-reg"))
    assert f"vae and flow-matching cover {m['vae']:.0f} and {m['flow-matching']:.0f}." in text
    assert f"Of the objectives alone lsgan is best ({m['lsgan']:.0f})" in text
    assert m["lsgan"] == max(m[n] for n in ("vanilla", "ns", "hinge", "lsgan"))
    assert f"mgan covers {m['mgan']:.0f} with eight, madgan {m['madgan']:.0f} with four" in text
    assert f"Minibatch discrimination ends in noise** ({m['minibatch']:.0f})" in text
    assert f"rsgan {m['rsgan']:.0f}, ragan {m['ragan']:.0f}." in text
    assert f"covers {m['wgan']:.0f} with its weights clipped at .1 (" in text


def test_the_longer_runs_on_stacks_of_digits() -> None:
    """Every row, in its order, and what is said of them."""
    text = (README.parent / "docs" / "results.md").read_text(encoding="utf-8").partition("gets there.**")[2]
    found = summaries("digits-longer")
    before, after = best_trials("digits-tuned"), {name: s["metrics"] for name, s in found.items()}
    spent = {name: s["cost"]["cpu_seconds_per_seed"] for name, s in found.items()}
    assert {tuple(s["seeds"]) for s in found.values()} == {(100, 101, 102, 103)}  # the trials' own
    rows = []
    for name in sorted(after, key=lambda n: (-after[n]["modes"]["mean"], after[n]["fid"]["mean"])):
        was, now = before[name], after[name]
        modes = now["modes"]["per_seed"]
        rows.append(
            f"| {name} | {was['modes']:.1f}, {was['fid']:.0f} | {now['modes']['mean']:.1f} "
            f"({min(modes):.0f} to {max(modes):.0f}) | {now['fid']['mean']:.0f} | {now['reverse_kl']['mean']:.3f} | {spent[name]:.1f} |"
        )
    assert "\n".join(rows) in text
    mean = {name: (m["modes"]["mean"], -m["fid"]["mean"]) for name, m in after.items()}
    assert all(mean[plain] > mean[other] for plain in ("lsgan", "ns") for other in ("r1", "r3gan", "zero-gp"))
    assert all(mean["wgan-gp"][i] > mean[n][i] for n in mean if n != "wgan-gp" for i in range(2))
    gains = {n: after[n]["modes"]["mean"] - before[n]["modes"] for n in ("mgan", "madgan")}
    assert f"mgan gains {gains['mgan']:.0f} modes, madgan loses {-gains['madgan']:.0f}." in text
    readme = f"after three times the rounds lsgan and ns cover {mean['lsgan'][0]:.1f} and {mean['ns'][0]:.1f} modes too"
    assert readme in " ".join(README.read_text(encoding="utf-8").split())


def best_trials(recipe: str) -> dict[str, dict[str, float]]:
    """What each method's chosen trial reached, on the seeds of the trials."""
    rows = list(csv.DictReader((tuned.RESULTS / recipe / "trials.csv").open(encoding="utf-8")))
    best = {row["variant"]: row for row in sorted(rows, key=lambda row: float(row["score"]))}
    return {name: {k: float(row[k]) for k in ("modes", "fid")} for name, row in best.items()}


def summaries(place: str) -> dict[str, dict[str, Any]]:
    """By the folder's names."""
    found = (tuned.RESULTS / place).glob("*/summary.json")
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in found}


def test_the_longer_runs_on_the_grid() -> None:
    """Every row, in its order, and what is said of them."""
    text = (README.parent / "docs" / "results.md").read_text(encoding="utf-8").partition("lose more modes.**")[2]
    found, short = summaries("grid-longer"), summaries("grid-tuned")
    rows, mean = [], {}
    for name, summary in found.items():
        was, now = short[name]["metrics"], summary["metrics"]
        modes, share = now["modes"], now["high_quality"]["mean"]
        assert summary["seeds"] == list(range(16))
        assert summary["diverged"] == []
        mean[name] = modes["mean"]
        low, high = modes["ci95"]
        row = (
            f"| {name} | {was['modes']['mean']:.2f}, {was['high_quality']['mean']:.2f} | {modes['mean']:.2f} [{low:.2f}, {high:.2f}] | "
            f"{modes['per_seed'].count(25)} of 16 | {share:.2f} | {now['reverse_kl']['mean']:.3f} | {summary['cost']['cpu_seconds_per_seed']:.0f} |"
        )
        rows.append((-modes["mean"], -share, row))
    assert "\n".join(row for *_, row in sorted(rows)) in text
    bounded = {"r1", "dragan", "r3gan", "zero-gp", "wgan-gp"}
    assert {name for name in mean if mean[name] == 25} >= bounded & mean.keys()
    assert all(
        found[n]["metrics"]["high_quality"]["mean"] > short[n]["metrics"]["high_quality"]["mean"]
        for n in bounded & mean.keys()
    )
    before = {name: short[name]["metrics"]["modes"]["mean"] for name in mean}
    told = f"ns goes from {before['ns']:.1f} modes to {mean['ns']:.1f} and lsgan from {before['lsgan']:.1f} to {mean['lsgan']:.1f}"
    assert told in text
    readme = f"where ns falls from {before['ns']:.1f} to {mean['ns']:.1f}"
    assert readme in " ".join(README.read_text(encoding="utf-8").split())
    assert f"mgan most ({before['mgan']:.1f} to {mean['mgan']:.1f})" in text


def test_what_look_ahead_needs_on_the_grid() -> None:
    """Every row, and what is said of them."""
    page = (
        (README.parent / "docs" / "results.md").read_text(encoding="utf-8").partition("look-ahead needs: a slow D\n")[2]
    )
    found = summaries("grid-unrolled")
    assert {tuple(s["seeds"]) for s in found.values()} == {(100, 101, 102, 103)}
    folder = tuned.RESULTS / "grid-unrolled"
    told = {}
    for name, summary in found.items():
        config = json.loads((folder / name / "config.json").read_text(encoding="utf-8"))
        used, k = config["recipe"], config["options"].get("k", 0)
        assert config["recipe_name"] == "grid-tuned"
        told[used["lr_d"], used["lr_g"], used["b1"], k] = summary["metrics"]

    def cell(*at: float) -> str:
        m = told.get(at)
        return f"{m['modes']['mean']:.2f} ({m['high_quality']['mean']:.2f})" if m else "-"

    rows = []
    for d, g in ((5e-4, 5e-4), (2e-4, 2e-4), (1e-4, 1e-4), (1e-4, 5e-4), (1e-4, 1e-3)):
        for b1, betas in ((0.0, "0, .9"), (0.5, ".5, .999")):
            cells = " | ".join(cell(d, g, b1, k) for k in (0, 1, 5))
            rows.append(f"| {d:.0e}, {g:.0e} | {betas} | {cells} |".replace("e-0", "e-"))
    assert "\n".join(rows) in page
    assert told[5e-4, 5e-4, 0.0, 1]["modes"]["per_seed"] == [1] * 4
    assert told[1e-4, 1e-3, 0.0, 5]["modes"]["per_seed"] == [25] * 4
    judged = summaries("grid-unrolled-judged")
    assert {tuple(s["seeds"]) for s in judged.values()} == {tuple(range(16))}
    best, other = (judged[f"unrolled-5-0.0001-{lr_g}-0"]["metrics"] for lr_g in ("0.001", "0.0005"))
    said = {}
    for name, m in (("best", best), ("other", other)):
        low, high = m["modes"]["ci95"]
        said[name] = f"{m['modes']['mean']:.2f} [{low:.2f}, {high:.2f}]", f"{m['high_quality']['mean']:.2f}"[1:]
    text, full = " ".join(page.split()), best["modes"]["per_seed"].count(25)
    assert f"covers {said['best'][0]} modes with a share of {said['best'][1]}, all 25 in {full} seeds of 16" in text
    assert "With G at 5e-4 it covers {} with {}.".format(*said["other"]) in text
    table = summaries("grid-tuned")
    assert f"where the table has {table['unrolled']['metrics']['modes']['mean']:.2f} for it" in text
    operations = [
        s["cost"]["gflop_per_seed"] for s in (judged["unrolled-5-0.0001-0.001-0"], found["ns-0.0001-0.001-0"])
    ]
    assert f"for {operations[0] / operations[1]:.0f} times the operations" in text
    assert f"covers {said['best'][0]} of the grid's 25 modes (16 seeds)" in " ".join(README.read_text("utf-8").split())


def test_the_table_of_stacked_mnist() -> None:
    text = (
        (README.parent / "docs" / "results.md")
        .read_text(encoding="utf-8")
        .partition("on two CPU cores\n")[2]
        .partition("\n## ")[0]
    )
    rows = {"ns-critic": "ns, the same", "ns": "ns, batch"}
    for name, summary in summaries("stacked-mnist-small").items():
        cells = []
        for metric, digits in (("modes", 1), ("reverse_kl", 3), ("effective_modes", 0), ("fid", 0)):
            m = summary["metrics"][metric]
            low, high = m["ci95"]
            cells.append(f"{m['mean']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]")
        seeds = len(summary["seeds"])
        cells.insert(1, str(seeds))
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {rows.get(name, name)}"))
        assert " | ".join(cells) in row
        file = tuned.RESULTS / "stacked-mnist-small" / name / "config.json"
        command = json.loads(file.read_text(encoding="utf-8"))["command"]
        assert f"{summary['cost']['cpu_seconds_per_seed']:.0f} | `{command}` |" in row


def test_what_methods_add_on_stacked_mnist_is_their_objective_alone() -> None:
    folder = tuned.RESULTS / "stacked-mnist-small"
    names = ("r1", "ns-critic", "r3gan", "pacgan")
    r1, ns, *others = (json.loads((folder / name / "config.json").read_text(encoding="utf-8")) for name in names)
    assert r1["git"] == ns["git"]
    for one in (r1, *others):
        assert [one[k] for k in ("recipe", "seeds", "protocol")] == [ns[k] for k in ("recipe", "seeds", "protocol")]


def test_the_number_of_generators_and_their_pressure_to_differ() -> None:
    text = (README.parent / "docs" / "results.md").read_text(encoding="utf-8").partition("fail on 1000 modes\n")[2]
    told = {}
    for name, summary in summaries("digits-generators").items():
        modes = summary["metrics"]["modes"]
        told[name] = f"{modes['mean']:.0f} ({min(modes['per_seed']):.0f} to {max(modes['per_seed']):.0f})"
        assert summary["seeds"] == [100, 101, 102, 103]
    for row in (
        f"| {told['mgan-beta-0']} | `mgan --beta 0` |",
        f"| {told['mgan-beta-0.01']} | `mgan --beta 0.01` |",
        f"| {told['madgan-n-2']} | `madgan --n 2` |",
        f"| {told['mgan-batch-512']}; {told['mgan-beta-0-batch-512']}; {told['ns-batch-512']} |",
    ):
        assert row in text
    with (tuned.RESULTS / "digits-tuned" / "trials.csv").open(encoding="utf-8") as file:
        trials = {(row["variant"], row["settings"]): float(row["modes"]) for row in csv.DictReader(file)}
    for name, lr_g, option, values in (("mgan", 0.002, "beta", (0.125, 1.0)), ("madgan", 0.001, "n", (4, 8))):
        tuned_and_other = [trials[name, json.dumps({"lr_d": 0.002, "lr_g": lr_g, option: value})] for value in values]
        assert "| {:.0f}; {:.0f} | `{}`;".format(*tuned_and_other, name) in text


def test_the_table_of_results_in_the_readme() -> None:
    """Every number of it, from what is recorded."""
    rows = README.read_text(encoding="utf-8").partition("| setting | plain GANs |")[2].partition("\n\n")[0].splitlines()

    def metric(place: str, name: str) -> list[float]:
        file = tuned.RESULTS / place / "summary.json"
        values: list[float] = json.loads(file.read_text(encoding="utf-8"))["metrics"][name]["per_seed"]
        return values

    def mean(place: str, digits: int = 2) -> str:
        found = json.loads((tuned.RESULTS / place / "summary.json").read_text(encoding="utf-8"))["metrics"]["modes"]
        low, high = found["ci95"]
        return f"{found['mean']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"

    stress, ring, ring_tuned, grid, digits, stacked, tutorial = rows[2:]
    of = {name: mean(f"stress/{name}") for name in ("vanilla", "ns", "unrolled-5", "unrolled-1")}
    quality = {n: f"{sum(metric(f'stress/{n}', 'high_quality')) / 8:.2f}"[1:] for n in of}
    assert quality["vanilla"] == quality["ns"]
    plain = f"vanilla covers {of['vanilla']} of 8 modes, ns {of['ns']}, with high-quality shares of {quality['ns']}"
    assert f"{plain}: most seeds miss the data altogether |" in stress
    missing = [value == 0 for n in ("vanilla", "ns") for value in metric(f"stress/{n}", "high_quality")]
    assert sum(missing) > len(missing) / 2
    assert f"`unrolled --k 5` {of['unrolled-5']}, for" in stress
    assert f", with a share of {quality['unrolled-5']};" in stress
    assert f"`--k 1` {of['unrolled-1']} |" in stress
    flops = [json.loads((tuned.RESULTS / f"stress/{n}/summary.json").read_text())["cost"] for n in ("unrolled-5", "ns")]
    assert f", for {flops[0]['gflop_per_seed'] / flops[1]['gflop_per_seed']:.1f} times the operations" in stress
    assert f"vanilla {mean('ring/vanilla')}, ns {mean('ring/ns')} | `unrolled --k 5` {mean('ring/unrolled-5')}:" in ring
    results = {name: summary["metrics"] for name, summary, _ in tuned.recorded(tuned.RESULTS / "ring-tuned")}
    assert f"vanilla {mean('ring-tuned/vanilla')}, ns {mean('ring-tuned/ns')} |" in ring_tuned
    at = {n: (round(m["modes"]["mean"], 2), round(m["high_quality"]["mean"], 2)) for n, m in results.items()}
    assert at["vanilla"] == max(at.values())
    good = [m for m in results.values() if m["modes"]["mean"] >= 7.9 and m["high_quality"]["mean"] >= 0.9]
    assert {12: "twelve reach 7.9 with a high-quality share of .9"}[len(good)] in ring_tuned
    share = {n: f"{sum(metric(f'grid-tuned/{n}', 'high_quality')) / 16:.2f}"[1:] for n in ("vanilla", "ns")}
    plain = f"vanilla {mean('grid-tuned/vanilla')}, ns {mean('grid-tuned/ns')}, with high-quality shares of"
    noise = json.loads((tuned.RESULTS / "grid-tuned" / "ns" / "summary.json").read_text())["reference"]["noise"]
    noisy = f"(uniform noise: {noise['modes']:.0f}, with {noise['high_quality']:.2f}".replace("0.", ".")
    assert f"{plain} {share['vanilla']} and {share['ns']} {noisy}) |" in grid
    whole = [
        n for n, s, _ in tuned.recorded(tuned.RESULTS / "grid-tuned") if min(s["metrics"]["modes"]["per_seed"]) == 25
    ]
    best = {n for n in whole if sum(metric(f"grid-tuned/{n}", "high_quality")) / 16 > 0.8}
    assert {*re.findall(r"[a-z0-9-]+", grid.split("|")[3].partition(":")[0])} == best
    shares = [sum(metric(f"grid-tuned/{n}", "high_quality")) / 16 for n in best]
    assert f"with {min(shares):.2f} to {max(shares):.2f} |".replace("0.", ".") in grid
    of = {name: mean(f"digits-tuned/{name}", 1) for name in ("vanilla", "ns", "wgan-gp", "r1")}
    assert (
        f"| vanilla {of['vanilla']}, ns {of['ns']} | wgan-gp {of['wgan-gp']}, r1 {of['r1']}; also above 990:" in digits
    )
    many = [n for n, s, _ in tuned.recorded(tuned.RESULTS / "digits-tuned") if s["metrics"]["modes"]["mean"] > 990]
    assert {*re.findall(r"[a-z][a-z0-9-]*", digits.partition("above 990:")[2])} | {"wgan-gp", "r1"} == {*many}
    of = {n: mean(f"stacked-mnist-small/{n}", 1) for n in ("ns", "ns-critic", "r1", "r3gan", "pacgan", "wgan-gp")}
    assert f"| ns {of['ns-critic']} of 1000 (4 seeds); {of['ns']} with normalisation in D" in stacked
    few = "; ".join(f"{name} {of[name]} (4 seeds)" for name in ("r1", "r3gan", "pacgan"))
    assert f"{few}; wgan-gp {of['wgan-gp']} (8 seeds), with its own betas and a fifth of the G steps |" in stacked
    turns = {n: summaries("stacked-mnist-small")[n]["cost"]["G_updates"] for n in ("wgan-gp", "r1")}
    assert turns["wgan-gp"] * 5 == turns["r1"]
    found = [json.loads(path.read_text())["metrics"] for path in sorted(tutorials.PLACE.glob("*/eval.json"))]
    scores = [sum(m["inception_score"]) / len(m["inception_score"]) for m in found]
    assert {*map(len, (m["modes"] for m in found))} == {2}
    assert min(min(m["modes"]) for m in found) == 10
    assert f"{['no', 'one', 'two', 'three', 'four', 'five'][len(scores)]} recipes cover 10 of 10" in tutorial
    assert f"scores of {min(scores):.2f} to {max(scores):.2f} |" in tutorial


def listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


MATTERS = {"digits-tuned": 10}
"""Modes by which a trial has to be ahead to be told of, where there are many."""


@pytest.mark.parametrize("recipe", TUNED)
def test_what_the_choice_of_trials_leaves_open(recipe: str) -> None:
    """The methods whose chosen trial covered fewer modes than another, and those at the edge of four pairs of rates."""
    rows = list(csv.DictReader((tuned.RESULTS / recipe / "trials.csv").open(encoding="utf-8")))
    (quality,) = {"high_quality", "fid"} & rows[0].keys()
    names = sorted({row["variant"] for row in rows})
    trials = {name: [row for row in rows if row["variant"] == name] for name in names}
    best = {name: max(mine, key=lambda row: float(row["score"])) for name, mine in trials.items()}
    ahead = MATTERS.get(recipe, 0)
    more = {
        name: [(r["modes"], r[quality]) for r in mine if float(r["modes"]) > float(best[name]["modes"]) + ahead]
        for name, mine in trials.items()
    }
    told, edges = (part.replace("\n", " ") for part in tuned.NOTES[recipe].split("\n\n")[:2])
    near = 0.006 if quality == "high_quality" else 0.6
    figure = r"([\d.]+) and ([\d.]+)"
    passed = re.findall(rf"([a-z][a-z-]*) \({figure}[^;)]*; {figure}\)", told.partition("chosen one): ")[2])
    assert [name for name, *_ in passed] == [name for name in names if more[name]]
    for name, *figures in passed:
        modes, share, chosen, its_share = map(float, figures)
        assert any(abs(float(m) - modes) < near and abs(float(q) - share) < near for m, q in more[name]), name
        assert float(best[name]["modes"]) == pytest.approx(chosen, abs=near)
        assert float(best[name][quality]) == pytest.approx(its_share, abs=near)
    pairs = SPACES[recipe].rates
    of = {
        name: [tuple(json.loads(r["settings"])[k] for k in ("lr_d", "lr_g")) for r in trials[name]] for name in trials
    }
    at = {name: tuple(json.loads(best[name]["settings"])[k] for k in ("lr_d", "lr_g")) for name in best}
    low, high = ([n for n in at if len(set(of[n])) == 4 and at[n] == edge] for edge in (min(pairs), max(pairs)))
    assert f"{listed(low)} chose the lowest, {listed(high)} the highest" in edges


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
