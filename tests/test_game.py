"""The game: flat networks, the verb ``descend``, rounds in turn and at once."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from zoo.game import Batch, Nets, Network, Player, judges, play, turns
from zoo.optim import SGD

LR = torch.tensor(0.1, dtype=torch.float64)


def make(players: list[Player]) -> Nets:
    torch.manual_seed(0)
    modules = {"G": nn.Linear(2, 2).double(), "D": nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()}
    networks = {name: Network(m) for name, m in modules.items()}
    params = {name: networks[name].flatten(m) for name, m in modules.items()}
    state = {p.name: {n: p.optimiser.init(params[n]) for n in p.networks} for p in players}
    return Nets(networks, params, state, {p.name: LR for p in players})


def batch(seed: int = 0) -> Batch:
    g = torch.Generator().manual_seed(seed)
    x, z = torch.randn(2, 4, 2, dtype=torch.float64, generator=g)
    return Batch(x, z, torch.rand(4, 1, dtype=torch.float64, generator=g))


def d_loss(nets: Nets, b: Batch) -> Tensor:
    return (nets.D(nets.G(b.z)) - nets.D(b.x)).mean() + nets.D(b.x).square().mean()


def g_loss(nets: Nets, b: Batch) -> Tensor:
    return -nets.D(nets.G(b.z)).mean()


D, G = Player("D", "D", d_loss, optimiser=SGD()), Player("G", "G", g_loss, optimiser=SGD())


@pytest.mark.parametrize("name", ["D", "D1", "D12", "D_M"])
def test_a_network_named_d_judges_and_its_owner_is_an_adversary(name: str) -> None:
    assert judges(name)
    assert Player("p", name, d_loss).adversary
    assert Player("p", f"G {name}", d_loss).adversary


@pytest.mark.parametrize("name", ["Decoder", "Denoiser", "Dec", "G", "GD", "d", "DE", "D-", "D_"])
def test_other_networks_do_not_judge_whatever_their_first_letter(name: str) -> None:
    assert not judges(name)
    assert not Player("p", f"{name} G", g_loss).adversary


def test_network_equals_its_module() -> None:
    module = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5, track_running_stats=False), nn.ReLU(), nn.Linear(5, 2))
    network, x = Network(module), torch.randn(6, 3)
    theta = network.flatten(module)
    assert theta.shape == (3 * 5 + 5 + 5 + 5 + 5 * 2 + 2,)
    torch.testing.assert_close(network(theta, x), module(x))
    torch.testing.assert_close(network(theta * 0, x), torch.zeros(6, 2))


def test_descend_is_one_gradient_step_on_what_the_player_owns() -> None:
    nets, b = make([D, G]), batch()
    after, loss = nets.descend(D, b)
    theta = nets.params["D"].clone().requires_grad_()
    expected = d_loss(nets.bind(D=theta), b)
    (gradient,) = torch.autograd.grad(expected, theta)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(after.params["D"], nets.params["D"] - 0.1 * gradient)
    assert after.params["G"] is nets.params["G"]


def test_projection_follows_the_step() -> None:
    nets = make([D])
    after, _ = nets.descend(replace(D, project=lambda theta: theta.clamp(-0.01, 0.01)), batch())
    assert after.params["D"].abs().max() <= 0.01


def test_players_in_turn_see_each_others_moves_on_fresh_batches() -> None:
    nets, batches = make([D, G]), [batch(i) for i in range(3)]
    two = replace(D, steps=2)
    assert turns([two, G], simultaneous=False) == [0, 1, 2]
    assert turns([two, G, G], simultaneous=False, shared=True) == [0, 1, 1, 1]
    played, losses = play([two, G], False, nets, batches)
    by_hand, first = nets.descend(D, batches[0])
    by_hand, second = by_hand.descend(D, batches[1])
    by_hand, _ = by_hand.descend(G, batches[2])
    for name in ("D", "G"):
        torch.testing.assert_close(played.params[name], by_hand.params[name])
    torch.testing.assert_close(losses["D"], (first + second) / 2)


def test_players_at_once_move_from_the_same_point() -> None:
    nets, b = make([D, G]), batch()
    assert turns([D, G], simultaneous=True) == [0]
    played, _ = play([D, G], True, nets, [b])
    torch.testing.assert_close(played.params["D"], nets.descend(D, b)[0].params["D"])
    torch.testing.assert_close(played.params["G"], nets.descend(G, b)[0].params["G"])


def test_the_same_evaluation_is_done_once_and_never_across_parameters() -> None:
    nets, b = make([D, G]), batch()
    assert nets.G(b.z) is nets.G(b.z)
    moved = nets.bind(G=nets.params["G"] + 1)
    assert moved.D(b.x) is nets.D(b.x)
    assert not torch.equal(moved.G(b.z), nets.G(b.z))


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(AttributeError, match="no network 'E', it has: G, D"):
        make([D]).E(batch().x)
