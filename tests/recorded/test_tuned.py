"""What docs/results.md says of the methods tuned alike, on the ring and on the grid."""

import json

from tests.recorded.places import COUNTS, README, RESULTS, flat, results, summaries, told, trials_of
from zoo.sweeps.tuning import best

RING, GRID = "\n## Every method tuned alike, on the ring\n", "\n## Every method tuned alike, on the grid of 25\n"


def near_the_best(recipe: str, modes: float, share: float) -> list[str]:
    found = {name: summary["metrics"] for name, summary in summaries(recipe).items()}
    return [n for n, m in found.items() if m["modes"]["mean"] >= modes and m["high_quality"]["mean"] >= share]


def test_what_is_said_of_the_ring() -> None:
    text, trials = results(RING), trials_of("ring-tuned")
    m = {name: summary["metrics"] for name, summary in summaries("ring-tuned").items()}
    share = {name: f"{metrics['high_quality']['mean']:.3f}"[1:] for name, metrics in m.items()}
    many = COUNTS[len(near_the_best("ring-tuned", 7.9, 0.9))].capitalize()
    below = f"(mrgan's {m['mrgan']['high_quality']['mean']:.4f} and r1's {m['r1']['high_quality']['mean']:.3f} are just below)"
    assert f"{many} methods cover 7.9 modes or more with a share of .9 or more {below.replace('0.', '.')}" in text
    assert near_the_best("ring-tuned", 7.9, 0.89) == sorted([*near_the_best("ring-tuned", 7.9, 0.9), "mrgan", "r1"])
    assert f"Vanilla, a tuned plain GAN, is among the first ({share['vanilla']}; ragan {share['ragan']})." in text
    slow = next(t for t in trials["vanilla"] if t.settings["lr_d"] == 2e-4)
    fast = next(t for t in trials["vanilla"] if t.settings == {"lr_d": 4e-3, "lr_g": 4e-3})
    said = f"with both at 4e-3 it covered {fast.measured['modes']:.2f} modes in its trials, with a slow D {slow.measured['modes']:.2f}"
    assert f"{said} and a share of {slow.measured['high_quality']:.2f}".replace(" 0.", " .") in text
    best = max(t.measured["high_quality"] for name in ("sn", "wgan") for t in trials[name])
    assert f"sn and wgan fail in all five of their trials (a share of {best:.3f} at best)".replace(" 0.", " .") in text


def test_what_is_said_of_the_grid() -> None:
    text, trials = results(GRID), trials_of("grid-tuned")
    m = {name: summary["metrics"]["modes"]["mean"] for name, summary in summaries("grid-tuned").items()}
    share = {name: f"{s['metrics']['high_quality']['mean']:.2f}"[1:] for name, s in summaries("grid-tuned").items()}
    good = near_the_best("grid-tuned", 24.8, 0.8)
    assert f"{COUNTS[len(good)].capitalize()} methods cover 24.8 modes or more with a share of .8" in text
    assert {
        "dragan",
        "js-reg",
        "r1",
        "r3gan",
        "wgan-gp",
        "zero-gp",
        "consensus",
        "mgan",
        "d2gan",
        "msgan",
        "unrolled",
    } == {*good}
    for bounded in (
        "sn and wgan cover {:.2f} and {:.2f} with shares of {} and {}.",
        "(js-reg, sn and wgan, which cover {:.2f}, {:.2f} and {:.2f} after",
    ):
        names = [name for name in ("js-reg", "sn", "wgan") if name in bounded]
        assert bounded.format(*(m[n] for n in names), *(share[n] for n in names)) in text
    plain = "vanilla covers {:.1f}, ns {:.1f}, lsgan {:.1f}."
    assert plain.format(*(m[name] for name in ("vanilla", "ns", "lsgan"))) in text
    assert m["presgan"] < m["vanilla"]
    assert f"{m['minibatch']:.1f} modes with a share of {share['minibatch']}" in text
    assert f"On the ring it covers {summaries('ring-tuned')['minibatch']['metrics']['modes']['mean']:.1f} of 8" in text
    assert max(t.measured["high_quality"] for t in trials["minibatch"]) < 0.25


def test_what_is_said_of_a_slow_d_on_the_grid() -> None:
    text = results(GRID)
    trials = {name: of for name, of in trials_of("grid-tuned").items() if name not in ("vae", "flow-matching")}
    m = {name: summary["metrics"]["modes"]["mean"] for name, summary in summaries("grid-tuned").items()}
    chosen = {name for name, of in trials.items() if best(of) is of[-1]}
    assert chosen == {"unrolled", "msgan", "ogda", "self-conditioned", "bigan"}
    assert {of[-1].settings["lr_d"] for of in trials.values()} == {1e-4}
    others = max(t.measured["modes"] for t in trials["unrolled"][:-1])
    assert f"unrolled ({m['unrolled']:.2f}; {others:.2f} at best in its other trials)" in text
    assert m["msgan"] == m["ogda"] == 25
    assert f"self-conditioned ({m['self-conditioned']:.2f}) and bigan ({m['bigan']:.2f})" in text
    own, slow = ({name: of[i].measured for name, of in trials.items()} for i in (0, -1))
    most = [sum(found["modes"] >= 24 for found in trial.values()) for trial in (slow, own)]
    assert f"With it {most[0]} of the {len(trials)} methods that have a D cover 24 modes" in text
    assert f"with the recipe's own rates {most[1]}; but all except three of the {len(trials)} scatter more" in text
    assert sum(slow[name]["high_quality"] > own[name]["high_quality"] for name in trials) == 3
    few = sorted(name for name in trials if slow[name]["modes"] < 5)
    assert few == ["dragan", "dropout", "madgan", "mgan", "minibatch", "separate"]
    assert f"{COUNTS[len(few)]} keep fewer than 5 modes" in text
    plain = [slow[name][metric] for metric in ("modes", "high_quality") for name in ("vanilla", "ns")]
    said = "With a slow D they covered {:.1f} and {:.1f}, with {:.2f} and {:.2f}."
    assert said.format(plain[0] + 0.001, *plain[1:]).replace(" 0.", " .") in text


def test_the_longer_runs_on_the_grid() -> None:
    """Every row, in its order, and what is said of them."""
    text = results("lose more modes.**", "\n### ")
    found, short = summaries("grid-longer"), summaries("grid-tuned")
    rows, mean = [], {}
    for name, summary in found.items():
        was, now = short[name]["metrics"], summary["metrics"]
        modes, share = now["modes"], now["high_quality"]["mean"]
        assert summary["seeds"] == list(range(16))
        assert summary["diverged"] == []
        mean[name] = modes["mean"]
        row = (
            f"| {name} | {was['modes']['mean']:.2f}, {was['high_quality']['mean']:.2f} | {told(modes)} | "
            f"{modes['per_seed'].count(25)} of 16 | {share:.2f} | {now['reverse_kl']['mean']:.3f} | {summary['cost']['cpu_seconds_per_seed']:.0f} |"
        )
        rows.append((-modes["mean"], -share, row))
    assert " ".join(row for *_, row in sorted(rows)) in text
    bounded = {"r1", "dragan", "r3gan", "zero-gp", "wgan-gp"}
    assert {name for name in mean if mean[name] == 25} >= bounded & mean.keys()
    assert all(
        found[n]["metrics"]["high_quality"]["mean"] > short[n]["metrics"]["high_quality"]["mean"]
        for n in bounded & mean.keys()
    )
    before = {name: short[name]["metrics"]["modes"]["mean"] for name in mean}
    lost = f"ns goes from {before['ns']:.1f} modes to {mean['ns']:.1f} and lsgan from {before['lsgan']:.1f} to {mean['lsgan']:.1f}"
    assert lost in text
    readme = f"where ns falls from {before['ns']:.1f} to {mean['ns']:.1f}"
    assert readme in flat(README.read_text(encoding="utf-8"))
    assert f"mgan most ({before['mgan']:.1f} to {mean['mgan']:.1f})" in text


def test_what_look_ahead_needs_on_the_grid() -> None:
    """Every row, and what is said of them."""
    page = README.with_name("docs").joinpath("results.md").read_text("utf-8").partition("needs: a slow D\n")[2]
    found = summaries("grid-unrolled")
    assert {tuple(s["seeds"]) for s in found.values()} == {(100, 101, 102, 103)}
    folder = RESULTS / "grid-unrolled"
    by = {}
    for name, summary in found.items():
        config = json.loads((folder / name / "config.json").read_text(encoding="utf-8"))
        used, k = config["recipe"], config["options"].get("k", 0)
        assert config["recipe_name"] == "grid-tuned"
        by[used["lr_d"], used["lr_g"], used["b1"], k] = summary["metrics"]

    def cell(*at: float) -> str:
        m = by.get(at)
        return f"{m['modes']['mean']:.2f} ({m['high_quality']['mean']:.2f})" if m else "-"

    rows = []
    for d, g in ((5e-4, 5e-4), (2e-4, 2e-4), (1e-4, 1e-4), (1e-4, 5e-4), (1e-4, 1e-3)):
        for b1, betas in ((0.0, "0, .9"), (0.5, ".5, .999")):
            cells = " | ".join(cell(d, g, b1, k) for k in (0, 1, 5))
            rows.append(f"| {d:.0e}, {g:.0e} | {betas} | {cells} |".replace("e-0", "e-"))
    assert "\n".join(rows) in page
    assert by[5e-4, 5e-4, 0.0, 1]["modes"]["per_seed"] == [1] * 4
    assert by[1e-4, 1e-3, 0.0, 5]["modes"]["per_seed"] == [25] * 4
    text = flat(page)
    judged, other = summaries("grid-tuned")["unrolled"], summaries("grid-unrolled-judged")["unrolled-5-0.0001-0.0005-0"]
    assert judged["seeds"] == other["seeds"] == list(range(16))
    modes, share = judged["metrics"]["modes"], f"{judged['metrics']['high_quality']['mean']:.2f}"[1:]
    full = modes["per_seed"].count(25)
    assert f"covers {told(modes)} modes with a share of {share}, all 25 in {full} seeds of 16" in text
    share = f"{other['metrics']['high_quality']['mean']:.2f}"[1:]
    assert f"With G at 5e-4 it covers {told(other['metrics']['modes'])} with {share} (" in text
    operations = [s["cost"]["gflop_per_seed"] for s in (judged, found["ns-0.0001-0.001-0"])]
    assert f"for {operations[0] / operations[1]:.0f} times the operations" in text
    fast = sorted((t.measured["modes"] for t in trials_of("grid-tuned")["unrolled"][:-1]), reverse=True)
    assert "it covers {:.2f}, {:.2f}, {:.2f} and {:.2f}, by far the fewest".format(*fast) in text
    ring, digits = (trials_of(recipe)["unrolled"][-1].measured["modes"] for recipe in ("ring-tuned", "digits-tuned"))
    assert f"({ring:.2f} of 8 modes, {digits:.0f} of 1000)" in text
    assert f"covers {told(modes)} of the grid's 25 modes" in flat(README.read_text("utf-8"))
