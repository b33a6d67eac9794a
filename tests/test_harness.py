"""The harness: lanes, groups, turns, divergence; on a small game in float64, where every claim can be exact."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from zoo import lanes as lanes_module
from zoo import training as training_module
from zoo.engines import counting
from zoo.engines.tracing import Mapped, Traced
from zoo.game import Batch, Nets, Player
from zoo.harness import Game
from zoo.lanes import Lanes
from zoo.nets.kits import MLP
from zoo.recipe import Recipe
from zoo.training import Training
from zoo.variants.ns import NonSaturating
from zoo.variants.unrolled import Unrolled

RECIPE = Recipe(rounds=12, batch=8, width=6, latent=2, every=4, decay=0.5)


class Blob:
    """Two points with a little noise."""

    shape = (2,)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        side = torch.randint(2, (n, 1), generator=generator) * 2.0 - 1
        return side + 0.1 * torch.randn(n, 2, generator=generator)


def game(variant=None, recipe: Recipe = RECIPE, **settings) -> Game:
    variant = variant or NonSaturating()
    return Game(
        variant,
        MLP((2,), recipe.latent, recipe.width, activation="tanh"),
        Blob(),
        recipe,
        dtype=torch.float64,
        **settings,
    )


def training(seeds, groups: int = 1, g: Game | None = None, **settings) -> Training:
    def spread(samples: Tensor) -> Mapping[str, Tensor]:
        return {"spread": samples.std(dim=(1, 2))}

    return Training(g or game(), seeds, spread, n_samples=50, groups=groups, workers=2, **settings)


def leaves(lanes: Lanes) -> list[Tensor]:
    return torch.utils._pytree.tree_leaves(lanes.moving)


def trained(*args, **settings) -> Training:
    t = training(*args, **settings)
    list(t)
    return t


def test_a_seed_alone_equals_that_seed_among_others() -> None:
    among, alone = trained([3, 7, 11]), trained([7])
    for a, b in zip(leaves(among.lanes()), leaves(alone.lanes()), strict=True):
        torch.testing.assert_close(a[1], b[0], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("groups", [2, 3])
def test_groups_change_nothing(groups: int) -> None:
    one, many = trained([0, 1, 2, 3, 4]), trained([0, 1, 2, 3, 4], groups=groups)
    for a, b in zip(leaves(one.lanes()), leaves(many.lanes()), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_traced_equals_untraced_also_through_a_look_ahead() -> None:
    traced, plain = (trained([0, 1], g=game(Unrolled(k=2), engine=by)) for by in (Traced(), Mapped()))
    for a, b in zip(leaves(traced.lanes()), leaves(plain.lanes()), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def test_records_come_at_every_evaluation_with_all_seeds() -> None:
    records = list(training([0, 1], g=game(recipe=replace(RECIPE, rounds=10))))
    assert [r.round for r in records] == [4, 8, 10]
    last = records[-1]
    assert last.samples.shape == (2, 50, 2)
    assert last.metrics["spread"].shape == last.losses["D"].shape == last.losses["G"].shape == (2,)
    assert last.diverged == {}


def test_losses_are_averages_since_the_last_evaluation() -> None:
    every_round = [r.losses["D"] for r in training([0, 1], g=game(recipe=replace(RECIPE, every=1)))]
    fourth = [r.losses["D"] for r in training([0, 1])]
    np.testing.assert_allclose(fourth[1], np.mean(every_round[4:8], axis=0), rtol=1e-12)


def test_losses_kept_in_pieces_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = training([0, 1], groups=2)
    expected = [record.losses["G"].tolist() for record in whole]
    monkeypatch.setattr(lanes_module, "PIECES", 3)
    assert [record.losses["G"].tolist() for record in training([0, 1], groups=2)] == expected
    t = training([0])
    t.game.advance(t._lanes[0], t._streams[0], 9)
    assert [len(piece) for piece in t._lanes[0].losses] == [9]


def test_rates_fall_linearly_to_nothing() -> None:
    recipe = replace(RECIPE, rounds=100, decay=0.25)
    assert [recipe.rate(r) for r in (0, 75, 80, 99)] == pytest.approx([1, 1, 0.8, 0.04])
    assert replace(RECIPE, decay=0.0).rate(11) == 1


def test_samples_come_from_the_average_where_the_recipe_keeps_one() -> None:
    rounds, decay = 5, 0.8
    g = game(recipe=replace(RECIPE, rounds=rounds, ema=decay, every=1))
    t, weights = training([0, 1], g=g), [g.build([0, 1]).moving[0]["G"]]
    for _ in t:
        weights.append(t.lanes().moving[0]["G"])
    expected = weights[0]
    for w in weights[1:]:
        expected = decay * expected + (1 - decay) * w
    torch.testing.assert_close(t.lanes().sampled["G"], expected)
    z = g.stream([0, 1]).latents(7, "evaluation")
    torch.testing.assert_close(t.sample(7), g.sample({"G": expected}, z))
    assert not torch.allclose(t.sample(7), g.sample({"G": weights[-1]}, z))


def test_every_round_plays_at_its_own_rate() -> None:
    """Against PyTorch's Adam on D and G by hand, at rates that fall to 1/4 over the last four of eight rounds."""
    g = game(recipe=replace(RECIPE, rounds=8, every=1, decay=0.5))
    start, nets = g.build([3]).moving[0], g.networks
    weights = {name: w[0].clone().requires_grad_() for name, w in start.items()}
    lr = {"D": g.recipe.lr_d, "G": g.recipe.lr_g}
    adam = {n: torch.optim.Adam([w], lr=lr[n], betas=(g.recipe.b1, g.recipe.b2)) for n, w in weights.items()}
    stream = g.stream([3])
    for t in range(8):
        for name, i, loss in (("D", 0, g.variant.d_loss), ("G", 1, g.variant.g_loss)):
            batch = Batch(*(part[0] for part in stream[2 * t + i]))
            adam[name].param_groups[0]["lr"] = lr[name] * min(1.0, (8 - t) / 4)
            adam[name].zero_grad()
            loss(Nets(nets, weights, {}, {}), batch).backward()
            adam[name].step()
    played = trained([3], g=g)
    for name, w in weights.items():
        torch.testing.assert_close(played.lanes().moving[0][name][0], w.detach())


def test_weights_that_overflow_in_the_last_round_are_a_divergence() -> None:
    t = training([0, 1], g=game(recipe=replace(RECIPE, rounds=1, every=1)))
    next(iter(t))
    lanes = t.lanes()
    lanes.diverged.clear()
    lanes.moving[0]["G"][1, 0] = torch.inf  # no loss has seen it yet
    lanes.losses = [torch.zeros(1, 2, 2, dtype=torch.float64)]
    lanes.settle()
    assert lanes.diverged == {1: 1}


@dataclass(frozen=True)
class Explosive(NonSaturating):
    """Its loss is infinite for the seeds whose latents hold a large number."""

    def players(self) -> tuple[Player, ...]:
        return (replace(self.discriminator, loss=lambda n, b: self.d_loss(n, b) / (b.z.max() < 2.8)),)


def test_a_diverged_seed_is_recorded_and_leaves_its_neighbours_alone() -> None:
    g = game(Explosive())
    together = training(range(6), g=g)
    *_, last = list(together)
    stream = g.stream(range(6))
    bad = {s: next((t + 1 for t in range(12) if stream[t].z[s].max() >= 2.8), None) for s in range(6)}
    assert last.diverged == {s: t for s, t in bad.items() if t}
    assert 0 < len(last.diverged) < 6
    for seed in set(range(6)) - set(last.diverged):
        alone = trained([seed], g=game(Explosive()))
        torch.testing.assert_close(
            together.lanes().moving[0]["D"][seed], alone.lanes().moving[0]["D"][0], rtol=1e-11, atol=1e-12
        )


@pytest.mark.parametrize("groups", [1, 2])
def test_a_run_stopped_anywhere_goes_on_to_the_same_bits(groups: int) -> None:
    whole = list(training([0, 1, 2], groups))
    stop_at = iter([False] * 6 + [True])
    first = training([0, 1, 2], groups, stop=lambda: next(stop_at, True))
    head = list(first)
    assert 0 < first.played < RECIPE.rounds
    second = training([0, 1, 2], groups)
    second.restore(first.lanes())
    tail = list(second)
    assert [r.round for r in head + tail] == [r.round for r in whole]
    for a, b in zip(head + tail, whole, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
        np.testing.assert_array_equal(a.losses["D"], b.losses["D"])


def test_g_may_take_the_batch_of_d_again_as_scripts_do() -> None:
    """By hand with torch.optim; and G's forward, which both turns need then, is done once."""
    g = game(recipe=replace(RECIPE, shared_batch=True, decay=0.0))
    lanes, stream = g.build([4]), g.stream([4])
    kit = MLP((2,), 2, 6, activation="tanh")
    nets = {"D": kit.discriminator().double(), "G": kit.generator().double()}
    for name, net in nets.items():
        for p, q in zip(net.parameters(), g.networks[name].unflatten(lanes.moving[0][name][0]).values(), strict=True):
            p.data.copy_(q)
    move = {n: torch.optim.Adam(net.parameters(), 1e-3, betas=(0.5, 0.999)) for n, net in nets.items()}
    x, z, _ = (part[0] for part in stream[0])
    fake = nets["G"](z)
    softplus = torch.nn.functional.softplus
    (softplus(-nets["D"](x)).mean() + softplus(nets["D"](fake.detach())).mean()).backward()
    move["D"].step()
    softplus(-nets["D"](fake)).mean().backward()
    move["G"].step()
    g.advance(lanes, stream, 1)
    for name, net in nets.items():
        torch.testing.assert_close(
            lanes.moving[0][name][0], torch.cat([p.detach().flatten() for p in net.parameters()])
        )
    fresh = game()
    lanes = [fresh.build([0, 1]), g.build([0, 1])]
    ours, theirs = (
        counting.flops(of.prepare(lane, of.stream([0, 1]))) / 2 for of, lane in zip((fresh, g), lanes, strict=True)
    )
    assert ours - theirs == 2 * RECIPE.batch * (2 * 6 + 6 * 6 + 6 * 2)


@pytest.mark.parametrize(("of_process", "workers", "each"), [(1, 1, 1), (2, 2, 1), (2, 1, 2), (1, 2, 1)])
def test_every_playing_thread_takes_its_share_of_the_process_s_threads(
    monkeypatch: pytest.MonkeyPatch, of_process: int, workers: int, each: int
) -> None:
    """It begins with one for each core whatever the process was told: compiled rounds in two processes would spin in each other's way."""
    told: list[tuple[bool, int]] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: of_process)
    monkeypatch.setattr(
        torch, "set_num_threads", lambda n: told.append((threading.current_thread() is threading.main_thread(), n))
    )
    t = training([0, 1], groups=workers)
    t.workers = workers
    list(t)
    assert set(told) == {(False, each)}


@pytest.mark.parametrize("workers", [1, 2])
def test_groups_take_turns_and_end_where_one_group_would(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(training_module, "TURN", 0.0)  # a round, and the next group's turn
    heard: list[int] = []
    t = training([0, 1, 2], groups=3, progress=heard.append)
    t.workers = workers
    apart: list[int] = []
    advance = t.game.advance

    def told(lanes: Lanes, *args: Any) -> None:
        apart.append(lanes.played - t.played)
        advance(lanes, *args)

    monkeypatch.setattr(t.game, "advance", told)
    list(t)
    assert len(apart) == 3 * RECIPE.rounds
    if workers == 1:  # of two workers one may be slow, and nobody waits for it (tests/test_threads.py)
        assert max(apart) == 0
    assert heard[-1] == RECIPE.rounds
    whole = trained([0, 1, 2], groups=3)
    for a, b in zip(leaves(t.lanes()), leaves(whole.lanes()), strict=True):
        assert torch.equal(a, b)


def test_a_stop_waits_for_the_groups_that_are_behind_to_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_module, "TURN", 0.0)
    stop_at = iter([False] * 7 + [True])
    t = training([0, 1, 2], groups=3, stop=lambda: next(stop_at, True))
    t.workers = 1
    list(t)
    assert 0 < t.played < RECIPE.every
    assert {lanes.played for lanes in t._lanes} == {t.played}


@pytest.mark.parametrize(("pressed_after", "stands_at", "recorded"), [(4, 2, []), (12, 4, [4])])
def test_ctrl_c_is_raised_when_all_groups_stand_at_one_round_and_what_was_recorded_is_told(
    monkeypatch: pytest.MonkeyPatch, pressed_after: int, stands_at: int, recorded: list[int]
) -> None:
    """Nobody who iterates can take it for the end; pressed while the last group reached an evaluation, that comes first."""
    monkeypatch.setattr(training_module, "TURN", 0.0)

    def press(played: int) -> None:
        if sum(lanes.played for lanes in t._lanes) == pressed_after:
            t.progress = lambda played: None
            raise KeyboardInterrupt

    t = training([0, 1, 2], groups=3, progress=press)
    t.workers, told = 1, []
    with pytest.raises(KeyboardInterrupt):
        told.extend(record.round for record in t)
    assert [lanes.played for lanes in t._lanes] == [stands_at] * 3
    assert told == recorded
    list(t)
    for a, b in zip(leaves(t.lanes()), leaves(trained([0, 1, 2], groups=3).lanes()), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("at_a_time", [1, 2, 16])
def test_players_are_diagnosed_alike_however_many_seeds_at_a_time(
    monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    alone = [dict(r.diagnostics) for r in training([0, 1, 2], groups=1)]
    monkeypatch.setattr(training_module, "LOOKED_AT", at_a_time)
    apart = [dict(r.diagnostics) for r in training([0, 1, 2], groups=3)]
    assert alone[0].keys() == apart[0].keys() != set()
    for a, b in zip(alone, apart, strict=True):
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-9)
