"""`evaluate` on the reference samplers, data of one's own, and run directories."""

import json
import math
import re

import numpy as np
import pytest
import torch

import toy_data
import zoo
from baselines.samplers import REFERENCE, SAMPLERS
from zoo.errors import ZooError
from zoo.evaluation import scoring, subjects
from zoo.evaluation.available import PAIRED
from zoo.evaluation.evaluate import CALCULATIONS, crowded, default_protocol, evaluate, misses_most, protocol_named
from zoo.evaluation.setting import Generators, History
from zoo.evaluation.subjects import Source, load, mode_counts, verdict
from zoo.metrics import spec
from zoo.metrics.modes import PROTOCOLS, Protocol
from zoo.runs.cell import plan
from zoo.runs.command import command

N = 1000
JUDGED = ("inception_score", "mode_score", "fid", "kid")
UNTRIED = (*JUDGED, "ais", "inception_fid")
TIMED = ("first_full_coverage", "modes_lost")


@pytest.fixture(scope="module")
def ring():
    return toy_data.load("ring")


@pytest.fixture(scope="module")
def scores(ring):
    """Every metric that needs no judge, on all samplers of the ring."""
    history = History(torch.tensor([10.0, 20.0]), torch.tensor([[8.0], [8.0]]), torch.full((2, 1, 8), 50))
    generators = Generators([lambda z: 2 * torch.tanh(z)], 2)
    names = [m.name for m in spec.METRICS if m.name not in UNTRIED]
    fresh = ring.sample(N, torch.Generator().manual_seed(3))[None]
    return evaluate(fresh, ring, names, references=list(SAMPLERS), history=history, generators=generators)


def test_the_order_of_samples_from_elsewhere_says_nothing() -> None:
    """A folder with a sub-folder for each class comes sorted, and metrics of pairs take no more samples than there are held-out images."""
    digits = toy_data.load("digits")
    x, y = digits.sample_labelled(1500, torch.Generator().manual_seed(5))
    near, names = ["recall", "coverage", "one_nn"], ["recall", "coverage", "one_nn", "fid"]
    as_drawn = evaluate(x[None], digits, names, references=[])  # of the zoo's own: in the order that it has
    by_class = evaluate(Source(x[y.argsort()][None], digits).mixed, digits, names, references=[])
    assert as_drawn["protocol"]["pairs"] < 1500
    for name in near:
        assert by_class["metrics"][name] == pytest.approx(as_drawn["metrics"][name], abs=0.1)
    assert by_class["metrics"]["fid"] < 2 * as_drawn["metrics"]["fid"] < 40
    assert torch.equal(Source(x[None], digits, seeds=[3]).mixed, x[None])  # a run's own
    ring = toy_data.load("ring")
    x, y = ring.sample_labelled(4000, torch.Generator().manual_seed(5))
    a = evaluate(x[None], ring, ["vendi"], references=[])["metrics"]["vendi"]
    b = evaluate(Source(x[y.argsort()][None], ring).mixed, ring, ["vendi"], references=[])["metrics"]["vendi"]
    assert b == pytest.approx(a, rel=0.05)


def test_every_declared_metric_is_computed_and_no_other(scores):
    computed = {name for names, _ in CALCULATIONS for name in names}
    assert computed == set(spec.BY_NAME)
    assert set(scores["metrics"]) == computed - {*UNTRIED}
    assert all(math.isfinite(v) for v in scores["metrics"].values())
    assert set(scores["seconds"]) == set(scores["metrics"])


@pytest.mark.parametrize("name", [m.name for m in spec.METRICS if m.name not in (*UNTRIED, *TIMED)])
def test_a_collapsed_sampler_is_not_better_than_the_data(scores, name):
    """Each metric's declared direction, unless the declaration says that it is blind to collapse."""
    m = spec.get(name)
    data, collapsed = scores["reference"]["data"][name], scores["reference"]["collapsed"][name]
    blind = "blind" in m.collapsed or m.collapsed in ("0", "the same")
    badness = {
        "higher": lambda v: -v,
        "lower": lambda v: v,
        "near 0.5": lambda v: abs(v - 0.5),
        "near 1": lambda v: abs(v - 1),
    }[m.better]
    if blind:
        assert badness(collapsed) == pytest.approx(badness(data), abs=0.2)
    else:
        assert badness(collapsed) > badness(data)


def test_known_values_of_the_reference_samplers(scores):
    rows = scores["reference"]
    assert [rows[s]["modes"] for s in ("data", "memoriser", "half", "collapsed")] == [8, 8, 4, 1]
    assert rows["collapsed"]["reverse_kl"] == pytest.approx(math.log(8))
    assert rows["half"]["reverse_kl"] == pytest.approx(math.log(2), abs=0.01)
    assert rows["memoriser"]["one_nn"] == 0
    assert rows["memoriser"]["overfit_one_nn"] == pytest.approx(0.5, abs=0.05)
    assert rows["collapsed"]["birthday"] == 2
    assert rows["noise"]["high_quality"] < 0.05


def test_the_result_is_json(scores):
    assert json.loads(json.dumps(scores)) == scores
    assert scores["protocol"]["samples"] == N
    assert scores["protocol"]["seeds"] == 1
    assert "1,000 samples per seed, where the protocol 'pacgan' draws 2,500" in scores["notes"][0]


def test_seeds_give_lists_and_what_cannot_be_had_says_why(ring):
    x = torch.stack([ring.sample(200, torch.Generator().manual_seed(s)) for s in (1, 2)])
    x[1, 0, 0] = math.nan
    found = evaluate(x, ring)
    assert all(len(v) == 2 for v in found["metrics"].values())
    assert math.isnan(found["metrics"]["one_nn"][1])
    assert found["metrics"]["modes"][1] == 8
    assert set(found["reference"]) == set(REFERENCE)
    assert set(found["unavailable"]) == {*JUDGED, *TIMED}
    assert "no judge" in found["unavailable"]["fid"]
    expensive = {m.name for m in spec.METRICS if not m.default}
    assert not expensive & {*found["metrics"], *found["unavailable"]}


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        (["modse"], "did you mean 'modes'"),
        (["fid"], "'ring' has no judge"),
        (["ais"], "needs the generator itself"),
        (["inception_fid"], "no images in three colours"),
        (["modes_lost"], "run directory"),
    ],
)
def test_metrics_asked_for_in_vain(ring, metrics, sentence):
    with pytest.raises(ZooError, match=sentence):
        evaluate(ring.sample(100)[None], ring, metrics)


def test_unlabelled_points_have_distances_but_no_modes(tmp_path):
    x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    np.savez(tmp_path / "mine.npz", samples=x.numpy())
    data = toy_data.load(str(tmp_path / "mine.npz"))
    found = evaluate(torch.randn(1, 300, 3), data)
    assert "no known modes" in found["unavailable"]["modes"]
    assert found["metrics"]["one_nn"] == pytest.approx(0.5, abs=0.3)
    assert found["reference"]["collapsed"]["recall"] < 0.1
    trained = scoring.of(data, PROTOCOLS["pacgan"])
    assert list(trained.evaluate(torch.randn(1, 300, 3))) == ["recall", "coverage", "precision", "one_nn"]
    assert "no known modes" in trained.unavailable["modes"]
    assert trained.evaluate(torch.full((1, 300, 3), torch.nan))["coverage"].isnan().all()
    references = scoring.reference(data, trained, PROTOCOLS["pacgan"])
    assert references["data"]["coverage"] > 0.9 > 0.3 > references["collapsed"]["coverage"]
    few = toy_data.Points("few", x[:5])
    assert list(scoring.of(few, PROTOCOLS["pacgan"]).evaluate(torch.randn(1, 300, 3))) == ["one_nn"]
    with pytest.raises(ZooError, match="no known modes"):
        evaluate(torch.randn(1, 300, 3), data, ["modes"])


def test_images_are_scored_through_the_judge(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    from zoo.evaluation import judge

    whole = judge.fit
    monkeypatch.setattr(judge, "fit", lambda data, seed, progress: whole(data, seed, progress, epochs=8))
    data = toy_data.load("digits")
    found = evaluate(data.sample(340, torch.Generator().manual_seed(0))[None], data)
    assert found["metrics"]["modes"] == 10
    assert found["metrics"]["mode_score"] > 5
    assert found["reference"]["collapsed"]["effective_modes"] < 1.5
    assert found["reference"]["collapsed"]["inception_score"] < 2
    assert found["reference"]["collapsed"]["fid"] > 20 * found["metrics"]["fid"]
    assert "fid" in found["unavailable"]["frechet"]
    assert "threshold" in found["unavailable"]["high_quality"]
    assert found["judge"]["accuracy"] > 0.9
    assert found["judge"]["held_out"]["modes"] == 10
    stacks = toy_data.load("stacked-digits")
    told = evaluate(stacks.sample(300)[None], stacks, ["modes", "reverse_kl", "mode_score"], references=["data"])
    assert 200 < told["metrics"]["modes"] < 300
    assert told["protocol"]["name"] == "stacked-mnist"
    assert told["reference"]["data"]["mode_score"] > 30  # of 300 samples among 1000 classes


def test_the_default_protocol_is_the_published_one():
    assert default_protocol(toy_data.load("ring")) == PROTOCOLS["pacgan"]
    assert default_protocol(toy_data.load("cube1200")) == PROTOCOLS["cube1200"]
    cube = toy_data.load("cube1200")
    assert plan("ns", data="cube1200").protocol == PROTOCOLS["cube1200"]
    found = scoring.of(cube, PROTOCOLS["cube1200"]).evaluate(cube.sample(1000, torch.Generator().manual_seed(0))[None])
    assert found["modes"].item() == 10
    assert found["high_quality"].item() == pytest.approx(0.98889, abs=3 * math.sqrt(0.011 / 1000))


# ---- files from elsewhere


def test_a_run_directory(tmp_path, ring):
    """A run as files alone: its samples, protocol, and history, seeds that diverged included."""
    g = torch.Generator().manual_seed(0)
    samples = torch.stack([ring.sample(300, g), torch.full((300, 2), math.nan)])
    frames = torch.stack([torch.stack([ring.sample(200, g)] * 2) for _ in range(3)])
    config = {"variant": "ns", "options": {}, "data": "ring", "recipe": {"rounds": 30}, "seeds": [4, 5]}
    config["protocol"] = Protocol(threshold=2.0).as_dict()
    (tmp_path / "config.json").write_text(json.dumps(config))
    rows = [f"{seed},{10 * r},{r + 5}.0" for r in (1, 2, 3) for seed in (4, 5)]
    (tmp_path / "metrics.csv").write_text("\n".join(["seed,round,modes", *rows]) + "\n")
    with pytest.raises(ZooError, match=re.escape("zoo run --resume")):
        load(tmp_path)
    np.savez(tmp_path / "samples.npz", samples=samples.numpy(), history=frames.numpy(), rounds=np.array([10, 20, 30]))
    source = load(tmp_path)
    found = evaluate(source.samples, source.data, protocol=source.protocol, history=source.history)
    assert found["metrics"]["first_full_coverage"] == [30, 30]
    assert found["metrics"]["modes_lost"] == [0, 0]
    assert found["metrics"]["modes"] == [8, 0]
    assert found["protocol"]["threshold"] == 2
    counts = mode_counts(frames, ring, Protocol())
    assert counts.shape == (3, 2, 8)
    assert mode_counts(frames[:, :, :100], ring, Protocol()) is None
    told = verdict(source.samples, source.data, [4, 5], protocol=source.protocol, counts=counts)
    assert [v.faults for v in told] == [(), ("diverged",)]


def test_the_data_itself_scores_as_a_perfect_sampler_also_where_few_images_are_held_out() -> None:
    """Of 355 held-out digits 2,500 draws hold copies; the first 355, which metrics of pairs compare, are all different."""
    data = toy_data.load("digits")
    found = evaluate(data.sample(2500, torch.Generator().manual_seed(5))[None], data, metrics=["one_nn", "one_nn_fake"])
    pairs = found["protocol"]["pairs"]
    assert pairs < 400
    assert any(f"compare {pairs} samples with as many training points" in note for note in found["notes"])
    assert found["reference"]["data"]["one_nn"] == pytest.approx(0.5, abs=0.08)
    assert found["reference"]["data"]["one_nn_fake"] == pytest.approx(0.5, abs=0.12)


def test_a_run_of_the_zoo_may_leave_the_data_s_range(tmp_path):
    """As with --standardise, whose generator is not bounded; samples from elsewhere may not, for they would be of another scale."""
    x = torch.randn(1, 30, 1, 8, 8)
    config = {"variant": "ns", "options": {}, "data": "digits", "recipe": {"rounds": 30}, "seeds": [0]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "metrics.csv").write_text("seed,round\n0,30\n")
    np.savez(tmp_path / "samples.npz", samples=x.numpy())
    assert torch.equal(load(tmp_path).samples, x)
    with pytest.raises(ZooError, match="those of 'digits' from -1 to 1"):
        load(tmp_path / "samples.npz", "digits")


def test_ais_of_a_known_generator(ring):
    """Latents N(0, 1) and noise of .5: samples are N(0, (4 + .25) I), and so is the density of any data under it."""
    exact = torch.distributions.MultivariateNormal(torch.zeros(2).double(), 4.25 * torch.eye(2).double())
    x = ring.sample(N, torch.Generator().manual_seed(3))[None]
    found = evaluate(x, ring, ["ais"], references=[], generators=Generators([lambda z: 2 * z], 2, sigma=0.5))
    from zoo.evaluation.setting import Setting

    held_out = Setting(ring, PROTOCOLS["pacgan"], N).held_out[:32]
    assert found["metrics"]["ais"] == pytest.approx(float(exact.log_prob(held_out.double()).mean()), abs=0.1)


def test_too_few_points_are_said_before_the_training(tmp_path, capsys):
    np.savez(tmp_path / "few.npz", samples=np.random.default_rng(0).normal(size=(15, 2)))
    zoo.run("ns", data=str(tmp_path / "few.npz"), rounds=2, seeds=1, batch=16, width=8, out=tmp_path / "run")
    out = capsys.readouterr().out.partition("round")[0]
    assert (
        "Not measured: A metric of pairs compares equally many samples and training points, here at least 6, and there are 1"
        in out
    )


@pytest.mark.parametrize("points", [2, 5, 15, 35, 50])
def test_a_few_points_of_ones_own_are_measured_as_far_as_they_go(tmp_path, points):
    g = torch.Generator().manual_seed(0)
    np.savez(tmp_path / "few.npz", samples=torch.randn(points, 2, generator=g).numpy())
    data = toy_data.load(str(tmp_path / "few.npz"))
    samples = torch.randn(1, 300, 2, generator=g)
    found = evaluate(samples, data)
    assert math.isfinite(found["metrics"]["sliced_wasserstein"])
    assert "at least 6, and there are" in found["unavailable"]["coverage"]
    assert ("one_nn" in found["unavailable"]) == (points == 15)  # which holds out one, and is measured on as many
    told = scoring.of(data, PROTOCOLS["pacgan"]).unavailable
    held_out = f"{points // 10}: a tenth of the {points} points are held out" if points >= 10 else f"{points}"
    assert told["recall"].endswith(f"and there are {held_out}.")
    for name in ("ndb", "kde", "vendi", "overfit_frechet"):
        enough, there = PAIRED[name], found["protocol"]["pairs"]
        if there < enough:
            with pytest.raises(ZooError, match=f"{name} cannot be computed.* at least {enough}, and there are {there}"):
                evaluate(samples, data, [name])
        else:
            assert math.isfinite(evaluate(samples, data, [name])["metrics"][name])


def test_a_file_s_name_does_not_choose_its_protocol(tmp_path):
    for name in ("selfcond", "dyngan", "cube1200"):
        np.savez(tmp_path / f"{name}.npz", centres=np.eye(2), sigma=0.1)
        assert default_protocol(toy_data.load(str(tmp_path / f"{name}.npz"))) == PROTOCOLS["pacgan"]


@pytest.fixture
def wide(tmp_path):
    """Thirty modes far apart in 20 dimensions, of which 3 sigmas hold 1.7 %."""
    np.savez(tmp_path / "wide.npz", centres=20 * np.random.default_rng(0).normal(size=(30, 20)), sigma=1.0)
    return str(tmp_path / "wide.npz")


def test_a_radius_that_leaves_out_most_of_the_data_is_said(wide, tmp_path, capsys):
    data = toy_data.load(wide)
    (told,) = misses_most(data, PROTOCOLS["pacgan"])
    assert re.match(
        r"The protocol 'pacgan' leaves out most of the data itself: 1\.7 % of 'wide' lies within its 3 sigmas", told
    )
    assert told in evaluate(data.sample(100)[None], data, ["modes"])["notes"]
    assert subjects.in_words(subjects.Source(data.sample(2500)[None], data))[1:] == [told]
    run = zoo.run("ns", data=wide, rounds=2, seeds=1, batch=16, width=8, out=tmp_path / "run")
    assert capsys.readouterr().out.count(f"Warning: {told}") == 1
    assert run.verdict[1:] == [told]
    for name in ("ring", "gmm1d", "cube1200"):
        chosen = toy_data.load(name)
        assert misses_most(chosen, default_protocol(chosen)) == []
    assert misses_most(toy_data.load("ring"), PROTOCOLS["dyngan"]) == [], "which is meant to be narrow"


@pytest.mark.parametrize("protocol", [Protocol(), Protocol(box=True), Protocol(threshold=1.0)])
def test_the_share_of_a_mode_that_a_protocol_holds(protocol):
    for dimensions in (1, 2, 7):
        data = toy_data.Mixture("one", torch.zeros(1, dimensions), sigma=0.5)
        share = evaluate(data.sample(20_000)[None], data, ["high_quality"], protocol=protocol, references=[])
        assert share["metrics"]["high_quality"] == pytest.approx(protocol.inside(dimensions), abs=0.01)


def test_the_quantile_protocol_holds_as_much_of_a_mode_in_any_dimensions(wide, tmp_path):
    data = toy_data.load(wide)
    quantile = protocol_named("quantile", data)
    assert (quantile.name, quantile.threshold) == ("quantile", pytest.approx(6.1, abs=0.01))
    assert quantile.inside(20) == pytest.approx(1 - math.exp(-4.5), abs=1e-4)
    perfect = evaluate(data.sample(2500)[None], data, ["modes", "high_quality"], protocol=quantile)
    assert perfect["metrics"] == {"modes": 30, "high_quality": pytest.approx(0.98889, abs=0.01)}
    assert not misses_most(data, quantile)
    assert protocol_named("quantile", toy_data.load("ring")).threshold == 3
    assert protocol_named("quantile", toy_data.load("cube1200")).threshold == PROTOCOLS["cube1200"].threshold
    np.savez(tmp_path / "points.npz", samples=np.eye(2))
    with pytest.raises(
        ZooError, match=r"'quantile' is for a mixture of Gaussians, which 'points' is not; take 'pacgan'"
    ):
        protocol_named("quantile", toy_data.load(str(tmp_path / "points.npz")))
    cell = plan("ns", data=wide, protocol="quantile")
    assert cell.protocol == quantile
    assert "--protocol quantile" in command(cell, data)


def test_modes_that_lie_too_near_to_be_told_apart_are_said(tmp_path, capsys):
    centres = np.array([[0, 0], [9, 0], [9.2, 0], [9, 9]])
    np.savez(tmp_path / "near.npz", centres=centres, sigma=[1, 1, 0.2, 1])
    data = toy_data.load(str(tmp_path / "near.npz"))
    (told,) = crowded(data, PROTOCOLS["pacgan"])
    assert told.startswith("Modes 1 and 2 of 'near' lie 0.2 sigmas apart, nearer than the 3 of a high-quality sample")
    assert told in evaluate(data.sample(100)[None], data, ["modes"])["notes"]
    zoo.run("ns", data=str(tmp_path / "near.npz"), rounds=2, seeds=1, batch=16, width=8, out=tmp_path / "run")
    assert capsys.readouterr().out.count(f"Warning: {told}") == 1
    for name in ("ring", "gmm1d", "cube1200"):
        chosen = toy_data.load(name)
        assert crowded(chosen, default_protocol(chosen)) == []
