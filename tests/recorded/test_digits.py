"""What docs/results.md says of stacks of digits, the small ones and MNIST's."""

import json

from tests.recorded.places import README, RESULTS, best_trials, flat, results, summaries, told, trials_of
from zoo.sweeps.tuning import best


def test_what_is_said_of_the_methods_on_stacks_of_digits() -> None:
    text = results("on stacks of digits\n")
    found = summaries("digits-tuned")
    m = {name: s["metrics"]["modes"]["mean"] for name, s in found.items()}
    spent = {name: s["cost"]["cpu_seconds_per_seed"] for name, s in found.items()}
    kl = [f"{found[n]['metrics']['reverse_kl']['mean']:.2f}"[1:] for n in ("vanilla", "ns")]
    thin = (
        f"vanilla covers {m['vanilla']:.0f} modes and ns {m['ns']:.0f}, unevenly (a reverse KL of {kl[0]} and {kl[1]};"
    )
    assert thin in text
    fid = found["wgan-gp"]["metrics"]["fid"]["mean"]
    assert fid == min(s["metrics"]["fid"]["mean"] for n, s in found.items() if n not in ("vae", "flow-matching"))
    assert f"wgan-gp covers {m['wgan-gp']:.1f} with by far the best FID of the GANs ({fid:.0f})" in text
    assert (
        f"({spent['wgan-gp']:.1f} CPU s a seed; ns {spent['ns']:.1f}). r1 and r3gan cover {m['r1']:.0f} and {m['r3gan']:.0f}"
        in text
    )
    assert all(990 <= round(m[n]) <= 996 for n in ("zero-gp", "consensus", "js-reg"))
    assert f"vae and flow-matching cover {m['vae']:.0f} and {m['flow-matching']:.0f}." in text
    assert f"Of the objectives alone lsgan is best ({m['lsgan']:.0f})" in text
    assert m["lsgan"] == max(m[n] for n in ("vanilla", "ns", "hinge", "lsgan"))
    assert f"mgan covers {m['mgan']:.0f} with eight, madgan {m['madgan']:.0f} with four" in text
    *others, slow = (t.measured for t in trials_of("digits-tuned")["minibatch"])
    worst, best_of_others = (f(t["modes"] for t in others) for f in (min, max))
    assert (
        f"it covers {m['minibatch']:.0f}, in its other trials {worst:.0f} to {best_of_others:.0f} of poorer samples"
        in text
    )
    assert slow["fid"] < min(t["fid"] for t in others)
    by_slow = [n for n, of in trials_of("digits-tuned").items() if best(of).settings["lr_d"] == 2e-4]
    assert by_slow == ["minibatch"]
    assert f"rsgan {m['rsgan']:.0f}, ragan {m['ragan']:.0f}." in text
    clipped = [t.measured["modes"] for t in trials_of("digits-tuned")["wgan"] if t.settings["clip"] == 0.01]
    wgan = "covers {:.0f} with its weights clipped at .1 (at .01, in its trials, {:.0f} and {:.0f}, and {:.0f} with a slow D)"
    assert wgan.format(m["wgan"], *clipped) in text


def test_the_longer_runs_on_stacks_of_digits() -> None:
    """Every row, in its order, and what is said of them."""
    text = results("gets there.**")
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
    assert " ".join(rows) in text
    mean = {name: (m["modes"]["mean"], -m["fid"]["mean"]) for name, m in after.items()}
    assert all(mean[plain] > mean[other] for plain in ("lsgan", "ns") for other in ("r1", "r3gan", "zero-gp"))
    assert all(mean["wgan-gp"][i] > mean[n][i] for n in mean if n != "wgan-gp" for i in range(2))
    gains = {n: after[n]["modes"]["mean"] - before[n]["modes"] for n in ("mgan", "madgan")}
    assert f"mgan gains {gains['mgan']:.0f} modes, madgan loses {-gains['madgan']:.0f}." in text
    readme = f"after three times the rounds lsgan and ns cover {mean['lsgan'][0]:.1f} and {mean['ns'][0]:.1f} modes too"
    assert readme in flat(README.read_text(encoding="utf-8"))


def test_the_number_of_generators_and_their_pressure_to_differ() -> None:
    text = results("fail on 1000 modes\n")
    said = {}
    for name, summary in summaries("digits-generators").items():
        modes = summary["metrics"]["modes"]
        said[name] = f"{modes['mean']:.0f} ({min(modes['per_seed']):.0f} to {max(modes['per_seed']):.0f})"
        assert summary["seeds"] == [100, 101, 102, 103]
    for row in (
        f"| {said['mgan-beta-0']} | `mgan --beta 0` |",
        f"| {said['mgan-beta-0.01']} | `mgan --beta 0.01` |",
        f"| {said['madgan-n-2']} | `madgan --n 2` |",
        f"| {said['mgan-batch-512']}; {said['mgan-beta-0-batch-512']}; {said['ns-batch-512']} |",
    ):
        assert row in text
    trials = {
        (name, json.dumps(t.settings)): t.measured["modes"]
        for name, of in trials_of("digits-tuned").items()
        for t in of
    }
    for name, lr_g, option, values in (("mgan", 0.002, "beta", (0.125, 1.0)), ("madgan", 0.001, "n", (4, 8))):
        tuned_and_other = [trials[name, json.dumps({"lr_d": 0.002, "lr_g": lr_g, option: value})] for value in values]
        assert "| {:.0f}; {:.0f} | `{}`;".format(*tuned_and_other, name) in text


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
            cells.append(told(summary["metrics"][metric], digits))
        seeds = len(summary["seeds"])
        cells.insert(1, str(seeds))
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {rows.get(name, name)}"))
        assert " | ".join(cells) in row
        file = RESULTS / "stacked-mnist-small" / name / "config.json"
        command = json.loads(file.read_text(encoding="utf-8"))["command"]
        assert f"{summary['cost']['cpu_seconds_per_seed']:.0f} | `{command}` |" in row


def test_what_methods_add_on_stacked_mnist_is_their_objective_alone() -> None:
    folder = RESULTS / "stacked-mnist-small"
    names = ("r1", "ns-critic", "r3gan", "pacgan", "sn")
    r1, ns, *others = (json.loads((folder / name / "config.json").read_text(encoding="utf-8")) for name in names)
    assert r1["git"] == ns["git"]
    for one in (r1, *others):
        assert [one[k] for k in ("recipe", "seeds", "protocol")] == [ns[k] for k in ("recipe", "seeds", "protocol")]
