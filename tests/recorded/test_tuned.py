"""What docs/results.md says of the methods tuned alike, on the ring and on the grid."""

import json

from tests.recorded.places import COUNTS, README, RESULTS, flat, results, summaries, told, trials_of

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


def test_the_counts_of_methods_on_the_grid() -> None:
    many = COUNTS[len(near_the_best("grid-tuned", 24.8, 0.8))].capitalize()
    assert f"{many} methods cover 24.8 modes or more with a share of .8" in results(GRID)


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
    page = (
        (README.parent / "docs" / "results.md").read_text(encoding="utf-8").partition("look-ahead needs: a slow D\n")[2]
    )
    found = summaries("grid-unrolled")
    assert {tuple(s["seeds"]) for s in found.values()} == {(100, 101, 102, 103)}
    folder = RESULTS / "grid-unrolled"
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
