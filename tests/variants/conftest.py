"""A small game with its modules at hand, so that a formula can be derived again from plain calls of the modules."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from zoo.game import Batch, Nets, Network
from zoo.nets.kits import MLP
from zoo.variant import Kit, Variant

torch.set_num_threads(1)


@dataclass
class Small:
    """One seed of a variant in float64: ``modules`` hold the weights that ``nets`` has as flat vectors."""

    variant: Variant
    modules: dict[str, nn.Module]
    nets: Nets
    batch: Batch

    def __getattr__(self, name: str) -> nn.Module:
        return self.modules[name]

    def weights(self, name: str) -> list[Tensor]:
        return list(self.modules[name].parameters())


def build(variant: Variant, kit: Kit | None = None, batch: int = 6, seed: int = 0, lr: float = 1e-2) -> Small:
    kit = kit or MLP((2,), latent=3, width=7, activation="tanh")
    torch.manual_seed(seed)
    modules = {name: net.double() for name, net in variant.nets(kit).items()}
    networks = {name: Network(net) for name, net in modules.items()}
    params = {name: networks[name].flatten(net) for name, net in modules.items()}
    players = variant.players()
    state = {p.name: {n: p.optimiser.init(params[n]) for n in p.networks} for p in players}
    rates = {p.name: torch.tensor(lr, dtype=torch.float64) for p in players}
    x, z = torch.randn(batch, *kit.shape).double(), torch.randn(batch, kit.latent).double()
    draws = Batch(x, z, torch.rand(batch, variant.uniforms(kit), dtype=torch.float64))
    return Small(variant, modules, Nets(networks, params, state, rates), draws)


@pytest.fixture
def small() -> Callable[..., Small]:
    return build
