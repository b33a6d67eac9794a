"""Verdicts on constructed generators that have exactly one fault each."""

import math
import re

import pytest
import torch

import toy_data
from zoo.evaluation import subjects
from zoo.evaluation.verdict import Evidence, verdicts
from zoo.evaluation.wording import Verdict, describe, of_samples
from zoo.metrics.modes import PROTOCOLS, Protocol, assign

N, K = 2500, 8
PACGAN = PROTOCOLS["pacgan"]


@pytest.fixture
def ring():
    return toy_data.load("ring")


@pytest.fixture
def g():
    return torch.Generator().manual_seed(0)


def evidence(ring, samples, **more):
    perfect = ring.held_out(N, torch.Generator().manual_seed(9))
    return Evidence(samples, perfect, PACGAN, lambda x: assign(x, ring, PACGAN), ring.weights, **more)


def judged(ring, samples, **more):
    return verdicts(evidence(ring, samples[None], **more), [5])[0]


def around(ring, modes, g, sigma=0.02):
    return ring.centres[modes] + sigma * torch.randn(len(modes), 2, generator=g)


def test_a_perfect_sampler_has_no_fault(ring, g):
    found = verdicts(evidence(ring, torch.stack([ring.sample(N, g) for _ in range(40)])), range(40))
    assert {v.faults for v in found} == {()}
    assert found[0].sentence == "covers all 8 modes."


def test_modes_whose_samples_float32_cannot_tell_apart_are_no_narrower_than_the_datas() -> None:
    corners = 1e6 * torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    far = toy_data.Mixture("far", corners, sigma=1e-3)
    samples = torch.stack([far.sample(N, torch.Generator().manual_seed(seed)) for seed in range(2)])
    assert [v.faults for v in subjects.verdict(samples, far, [0, 1])] == [(), ()]


def test_the_variance_within_modes_far_from_the_origin() -> None:
    corners = 1e4 * torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    far = toy_data.Mixture("far", corners, sigma=0.05)
    close = toy_data.Mixture("close", corners, sigma=0.02)
    g = torch.Generator().manual_seed(0)
    (found,) = subjects.verdict(close.sample(N, g)[None], far, [0])
    assert found.faults == ("narrow",)
    ratio = float(re.search(r"narrow: (\S+) of", found.sentence)[1])
    assert ratio == pytest.approx(0.4**2 / 0.949, abs=0.006)  # the data within three sigmas have .949 of their variance


def test_dropped_modes_are_named(ring, g):
    found = judged(ring, around(ring, torch.tensor([0, 2, 3, 5, 6, 7])[torch.arange(N) % 6], g))
    assert found.faults == ("dropped",)
    assert found.sentence == "dropped 2 of 8 modes (1, 4)."


def test_dropped_modes_are_called_what_the_data_call_them(ring, g):
    places = around(ring, torch.tensor([0, 2, 3, 5, 6, 7])[torch.arange(N) % 6], g)
    called = ["north", "$1 $its", "east", "d", "e", "f", "g", "h"]
    assert judged(ring, places, called=called).sentence == "dropped 2 of 8 modes ($1 $its, e)."
    one = around(ring, torch.zeros(N, dtype=torch.long), g)
    assert judged(ring, one, called=called).sentence.startswith("dropped 7 of 8 modes ($1 $its, east, d, e, f, g, h)")


def test_where_no_sample_lies_on_a_mode_nothing_else_is_said(ring, g):
    far = torch.randn(N, 2, generator=g) + 50
    found = judged(ring, far)
    assert (found.faults, found.sentence) == (("dropped",), "no sample lies on any of the 8 modes.")
    assert of_samples(found) == "No sample lies on any of the 8 modes."
    few = around(ring, torch.zeros(20, dtype=torch.long), g)  # by a protocol that wants more of them in a mode
    (found,) = subjects.verdict(torch.cat([few, far[20:]])[None], ring, [0], protocol=ONE_PERCENT)
    assert found.sentence.startswith("dropped all 8 modes; scatters: 0.")


def told(*parts, seed=0):
    """A verdict of which only the words matter."""
    return Verdict(seed, (), parts)


UNEVEN = "$covers $its modes unevenly (KL 0.20 nats over the covered modes)"
SCATTERED = "$scatters: 3.0 % of $its_samples are high quality, 98.9 % of the data's"


def test_a_verdict_on_samples_reads_as_english():
    assert of_samples(told("$covers all 8 modes")) == "The samples cover all 8 modes."
    assert of_samples(told("$dropped 2 of 8 modes (1, 4)")) == "The samples miss 2 of 8 modes (1, 4)."
    narrow = "$modes_are too narrow: 0.06 of the data's variance within modes"
    assert of_samples(told("$covers all 8 modes", UNEVEN, SCATTERED, narrow)) == (
        "The samples cover all 8 modes; they cover their modes unevenly (KL 0.20 nats over the covered modes); they scatter: 3.0 % of them "
        "are high quality, 98.9 % of the data's; their modes are too narrow: 0.06 of the data's variance within modes."
    )


def test_a_collapse_onto_one_mode_is_only_dropped_modes(ring, g):
    assert judged(ring, around(ring, torch.zeros(N, dtype=torch.long), g)).faults == ("dropped",)


def test_narrow_modes(ring, g):
    found = judged(ring, around(ring, torch.arange(N) % K, g, sigma=0.005))
    assert found.faults == ("narrow",)
    assert "0.06" in found.sentence  # (0.005 / 0.02)^2
    assert "100.0 % high quality where the data has 98." in found.sentence


def test_points_instead_of_modes_are_narrow(ring):
    assert judged(ring, ring.centres[torch.arange(N) % K]).faults == ("narrow",)


def test_scattered_samples(ring, g):
    found = judged(ring, around(ring, torch.arange(N) % K, g, sigma=0.06))
    assert found.faults == ("scattered",)


def test_uneven_modes(ring, g):
    modes = torch.cat([torch.zeros(N // 2, dtype=torch.long), torch.arange(N // 2) % K])
    found = judged(ring, around(ring, modes, g))
    assert found.faults == ("uneven",)
    assert found.sentence.startswith("covers all 8 modes; ")


def test_oscillation_is_seen_in_the_history_alone(ring, g):
    rotating = torch.full((20, 1, K), 60)
    rotating[torch.arange(19), 0, torch.arange(19) % K] = 0  # each evaluation misses another mode; the last has all
    found = judged(ring, ring.sample(N, g), counts=rotating)
    assert found.faults == ("oscillates",)
    assert "lost modes at 8 of its last 9 evaluations" in found.sentence


def test_modes_found_late_or_lost_once_are_no_oscillation(ring, g):
    late = torch.full((20, 1, K), 60)
    late[:15, :, 3] = 0
    once = torch.full((20, 1, K), 60)
    once[17, :, 3] = 0
    early = torch.full((20, 1, K), 60)
    early[:9:2, :, 1] = 0
    sparse = torch.full((20, 1, K), 2)
    sparse[::2, :, 1] = 0
    for history in (late, once, early, sparse):
        assert judged(ring, ring.sample(N, g), counts=history).faults == ()


def test_memorised_training_points(ring, g):
    train = ring.sample(N, g)
    assert judged(ring, train.clone(), train=train).faults == ("memorises",)
    assert judged(ring, ring.sample(N, g), train=train).faults == ()


def test_a_diverged_seed_leaves_its_neighbours(ring, g):
    samples = torch.stack([ring.sample(N, g) for _ in range(3)])
    samples[0, 0, 0] = math.nan
    found = verdicts(evidence(ring, samples), [4, 5, 6], diverged=[6])
    assert [v.faults for v in found] == [("diverged",), (), ("diverged",)]
    everything_lost = verdicts(evidence(ring, torch.full((1, N, 2), math.nan)), [1])
    assert everything_lost[0].faults == ("diverged",)


def test_a_mode_that_chance_may_miss_is_not_dropped():
    """Of 1000 even modes 2500 samples miss 82 on average."""
    k = 1000
    centres = torch.stack([torch.arange(k).float(), torch.zeros(k)], -1)
    data = toy_data.Mixture("line", centres, sigma=0.01)
    g = torch.Generator().manual_seed(0)

    def modes(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return assign(x, data, PACGAN)

    one = Evidence(data.sample(N, g)[None], data.sample(N, g), PACGAN, modes, data.weights)
    assert verdicts(one, [0])[0].faults == ()


def test_images_are_judged_without_a_threshold():
    """Where every sample counts as HQ (a classifier's word), narrow modes show in their variance alone."""
    g = torch.Generator().manual_seed(0)
    classes = torch.arange(600) % 3
    base = 10 * torch.eye(3).view(3, 1, 3, 1)[classes]
    real, wide, narrow = (base + s * torch.randn(600, 1, 3, 2, generator=g) for s in (1.0, 1.0, 0.3))

    def argmax(x):
        modes = x.mean(-1)[:, :, 0].argmax(-1)
        return modes, torch.ones_like(modes, dtype=torch.bool)

    e = Evidence(torch.stack([wide, narrow]), real, Protocol(), argmax, torch.full((3,), 1 / 3))
    assert [v.faults for v in verdicts(e, [0, 1])] == [(), ("narrow",)]


def test_unlabelled_data_says_so():
    x = torch.randn(2, 300, 4, generator=torch.Generator().manual_seed(0))
    found = verdicts(Evidence(x, x[0], PACGAN), [0, 1])
    assert found[0].sentence == "no fault found (the data has no known modes)."


def test_a_run_is_described_by_groups_of_seeds():
    good, bad = "$covers all 8 modes", "diverged: $its_samples or $its losses are not finite"
    found = [told(bad, seed=1), told(good, seed=2), told(good, seed=3)]
    assert describe(found) == [
        "Seeds 2, 3: cover all 8 modes.",
        "Seed 1: diverged: its samples or its losses are not finite.",
    ]
    assert describe(found[1:]) == ["Both seeds: cover all 8 modes."]
    oscillating = "$oscillates: lost modes at 2 of $its last 9 evaluations"
    (several,) = describe([told(SCATTERED, oscillating, seed=seed) for seed in range(3)])
    assert several == (
        "All 3 seeds: scatter: 3.0 % of their samples are high quality, 98.9 % of the data's; oscillate: lost modes at 2 of their last 9 "
        "evaluations."
    )


def test_a_verdict_names_the_share_of_the_data_itself_not_of_one_draw(ring, g):
    (found,) = subjects.verdict((ring.sample(N, g) * 1.02)[None], ring, [0])
    assert found.faults == ("scattered",)
    share = re.search(r"([\d.]+) % of the data's", found.sentence)
    assert share is not None
    assert float(share[1]) == pytest.approx(100 * (1 - math.exp(-4.5)), abs=0.15)  # 3 sigmas in two dimensions


def near(data, modes, share_within=1.0, sigma=0.02, seed=0):
    """One sample around each of ``modes``, of which a share are high quality and the rest far off."""
    g = torch.Generator().manual_seed(seed)
    x = data.centres[modes] + sigma * torch.randn(len(modes), 2, generator=g)
    x[: round((1 - share_within) * len(x))] += 100
    return x


@pytest.mark.parametrize(("name", "n"), [("grid", 100), ("grid", 190), ("grid100", 30), ("grid100", 900)])
def test_a_collapse_is_told_however_few_the_samples(name, n):
    """None of so many modes is certain to be hit by so few samples; all but one missing is certain to be no chance."""
    data = toy_data.load(name)
    (found,) = subjects.verdict(near(data, torch.zeros(n, dtype=torch.long), sigma=0.05)[None], data, [0])
    assert found.faults == ("dropped",)
    assert found.sentence.startswith(f"covers 1 of {len(data.weights)} modes, where a perfect sampler covers ")
    g = torch.Generator().manual_seed(1)
    many = subjects.verdict(torch.stack([data.sample(n, g) for _ in range(40)]), data, range(40))
    assert sum("dropped" in v.faults for v in many) == 0


def test_few_samples_are_not_said_to_cover_what_they_do_not():
    data = toy_data.load("grid100")
    (found,) = subjects.verdict(data.sample(30, torch.Generator().manual_seed(0))[None], data, [0])
    told = r"covers 2\d of 100 modes, about what 30 samples of a perfect sampler cover \(26 on average\)\."
    assert re.fullmatch(told, found.sentence)


def test_a_tight_threshold_leaves_a_perfect_sampler_few_samples_and_no_blame():
    data, g = toy_data.load("grid100"), torch.Generator().manual_seed(0)
    samples = torch.stack([data.sample(1000, g) for _ in range(20)])  # within one sigma 39 % of them
    found = subjects.verdict(samples, data, range(20), protocol=PROTOCOLS["dyngan"])
    assert not any("dropped" in v.faults for v in found)


ONE_PERCENT = PROTOCOLS["one-percent"]


@pytest.mark.parametrize(
    ("fault", "inside", "outside"),
    [
        # 24 samples of a mode are too few where 25 make one
        ("dropped", [24, *[354] * 6, 352], [25, *[354] * 6, 351]),
        # the first mode's share p gives KL = p log 8p + (1 - p) log(8 (1 - p) / 7) nats
        ("uneven", [760, *[249] * 6, 246], [640, *[266] * 6, 264]),
    ],
)
def test_rules_of_counts_bite_where_they_say(ring, fault, inside, outside):
    for counts, bites in ((inside, True), (outside, False)):
        assert sum(counts) == N
        x = near(ring, torch.arange(8).repeat_interleave(torch.tensor(counts)), sigma=0.012)
        (found,) = subjects.verdict(x[None], ring, [0], protocol=ONE_PERCENT if fault == "dropped" else PACGAN)
        assert (fault in found.faults) is bites, found.sentence


@pytest.mark.parametrize(("share", "bites"), [(0.88, True), (0.9, False)])
def test_scattered_is_below_nine_tenths_of_the_data_s_share(ring, share, bites):
    (found,) = subjects.verdict(near(ring, torch.arange(N) % K, share, sigma=0.005)[None], ring, [0])
    assert ("scattered" in found.faults) is bites


def test_a_perfect_sampler_of_whose_samples_few_are_high_quality_does_not_scatter():
    data = toy_data.Mixture("wide", 20 * torch.eye(20), sigma=1.0)  # 3 sigmas hold 1.7 %
    samples = torch.stack([data.sample(N, torch.Generator().manual_seed(s)) for s in range(40)])
    assert not any("scattered" in v.faults for v in subjects.verdict(samples, data, range(40)))


@pytest.mark.parametrize(("lost", "bites"), [(1, False), (2, False), (3, True)])
def test_oscillating_is_a_quarter_of_the_last_evaluations(ring, g, lost, bites):
    """Twenty evaluations have nine steps in their second half: two of them are less than a quarter, three more."""
    counts = torch.full((20, 1, K), 60)
    counts[11 : 11 + 2 * lost : 2, 0, 0] = 0
    assert ("oscillates" in judged(ring, ring.sample(N, g), counts=counts).faults) is bites


@pytest.mark.parametrize(("copied", "bites"), [(0.1, False), (0.4, True)])
def test_memorising_is_a_tenth_of_1_nn_accuracy(ring, g, copied, bites):
    """Of a sampler that copies a share, that share of training points has a copy at distance 0: its accuracy falls by about half of it."""
    train = ring.sample(N, g)
    some = torch.cat([train[: round(copied * N)], ring.sample(N - round(copied * N), g)])
    assert ("memorises" in judged(ring, some, train=train).faults) is bites


def test_narrow_needs_more_high_quality_than_the_data_has(ring, g):
    """Modes of half the data's width (a quarter of the variance), but a tenth of the samples far off: scattered, not narrow."""
    x = near(ring, torch.arange(N) % K, 0.93, sigma=0.01)
    assert judged(ring, x).faults == ()
    assert judged(ring, near(ring, torch.arange(N) % K, 1.0, sigma=0.01)).faults == ("narrow",)
    assert judged(ring, near(ring, torch.arange(N) % K, 1.0, sigma=0.0155)).faults == ()  # .6 of the variance
