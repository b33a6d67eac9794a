"""Published nets are as published: layer sizes counted independently, sides of images, what follows a layer, and dropout's masks."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, pairwise

import pytest
import torch
from torch import nn

import toy_data
from zoo.errors import ZooError
from zoo.nets import dense, images
from zoo.nets.base import BaseKit
from zoo.nets.layers import Dropped, Maxout, steps
from zoo.recipe import Recipe
from zoo.runs.cell import plan
from zoo.runs.kits import KITS, kit_for
from zoo.variant import Kit

torch.set_num_threads(1)


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def chain(*sizes: int, norms: tuple[int, ...] = ()) -> int:
    """Weights and biases of linear layers of these sizes, and a scale and a shift for each normalised unit."""
    return sum(a * b + b for a, b in pairwise(sizes)) + 2 * sum(norms)


GREY, COLOUR = (1, 28, 28), (3, 28, 28)
SIZES = {
    "layernorm-784": (chain(100, 200, 784, norms=(200,)), chain(784, 200, 1, norms=(200,))),
    "keras-dense": (chain(100, 256, 512, 1024, 784, norms=(256, 512, 1024)), chain(784, 512, 256, 1)),
    "dropout-1024": (chain(100, 256, 512, 1024, 784), chain(784, 1024, 512, 256, 1)),
    "relu-512": (chain(100, 256, 512, 784), chain(784, 512, 256, 1)),
}


class Shape:
    """Stands for data of one shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.value_range, self.mean, self.std = shape, (-1.0, 1.0), torch.tensor(0.0), torch.tensor(1.0)


def kit(name: str, shape: tuple[int, ...] = GREY, **changes: object) -> Kit:
    return kit_for(Shape(shape), Recipe(kit=name, **({"latent": 100, "width": 8} | changes)))


@pytest.mark.parametrize("name", KITS)
def test_every_kit_s_nets_are_a_trunk_and_a_last_layer_made_in_that_order(name: str) -> None:
    made = kit(name)
    assert isinstance(made, BaseKit)

    def weights(*nets: Callable[[], nn.Module]) -> list[torch.Tensor]:
        torch.manual_seed(0)
        return [p.detach() for net in nets for p in net().parameters()]

    for whole, parts in (
        ([lambda: made.generator(7)], [lambda: made.generator_trunk(7), made.generator_head]),
        ([lambda: made.discriminator(3)], [made.trunk, lambda: made.linear(made.features, 3)]),
        ([lambda: made.packed(2).generator()], [made.packed(2).generator_trunk, made.packed(2).generator_head]),
    ):
        for a, b in zip(weights(*whole), weights(*parts), strict=True):
            assert torch.equal(a, b)
    assert made.packed(2).shape == (2, 28, 28)


@pytest.mark.parametrize("name", SIZES)
def test_tutorials_have_their_published_sizes(name: str) -> None:
    made = kit(name)
    assert (count(made.generator()), count(made.discriminator())) == SIZES[name]


def test_pacgan_s_nets_for_points() -> None:
    made = dense.pacgan((2,), 2)
    assert count(made.generator()) == 2 * 400 + 3 * 400 * 400 + 4 * 2 * 400 + 400 * 2 + 2
    assert count(made.discriminator()) == chain(2, 1000) + 2 * chain(200, 1000) + chain(200, 1)
    wider = made.packed(3).discriminator()
    assert count(wider) - count(made.discriminator()) == 4 * 1000, "only the first layer widens"
    layer = Maxout(nn.Linear(4, 15), 5)
    x = torch.randn(7, 4)
    expected = torch.stack([layer.linear(x)[:, 5 * i : 5 * i + 5].max(1).values for i in range(3)], 1)
    assert torch.equal(layer(x), expected)


def test_dcgan_has_the_parameters_of_the_published_stacked_mnist_nets() -> None:
    made = images.DCGAN(COLOUR, 100, 64)
    ups = [(512, 256), (256, 128), (128, 64), (64, 3)]
    g = chain(100, 512 * 2 * 2) + sum(25 * a * b + b for a, b in ups) + 2 * (512 + 256 + 128 + 64)
    downs = [(3, 64), (64, 128), (128, 256), (256, 512)]
    d = sum(25 * a * b + b for a, b in downs) + 2 * (128 + 256 + 512) + chain(512 * 2 * 2, 1)
    assert (count(made.generator()), count(made.discriminator())) == (g, d)
    critic = images.DCGAN(COLOUR, 100, 64, norm_d=False).discriminator()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in critic.modules())


@pytest.mark.parametrize(("width", "d"), [(2, 2), (4, 4)])
def test_metz_s_small_nets(width: int, d: int) -> None:
    made = images.Metz(COLOUR, 256, width)
    g = chain(256, 1024) + 2 * (64 + 32 + 16 + 8) + 9 * (64 * 32 + 32 * 16 + 16 * 8 + 8 * 3) + 32 + 16 + 8 + 3
    weights = 9 * (3 * d + d * 2 * d + 2 * d * 4 * d)
    assert count(made.generator()) == g
    assert count(made.discriminator()) == weights + 3 * (d + 2 * d + 4 * d) + chain(4 * d * 16, 1)


IMAGE_KITS = ["dcgan", "dcgan-critic", "resnet", "metz", "conv", *SIZES, "layernorm-784-mse"]


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 8, 8), (2, 12, 20)])
@pytest.mark.parametrize("name", IMAGE_KITS)
def test_image_kits_give_and_take_images(name: str, shape: tuple[int, ...]) -> None:
    if name == "metz" and shape[1:] != (28, 28):
        with pytest.raises(ZooError, match="needs images of 28x28"):
            kit(name, shape)
        return
    made = kit(name, shape, latent=5)
    x = made.generator()(torch.randn(4, 5))
    assert x.shape == (4, *shape)
    assert x.abs().max() <= 1
    assert made.trunk()(x).shape == (4, made.features)
    assert made.discriminator(3)(x).shape == (4, 3)
    assert made.packed(2).discriminator()(x.repeat(1, 2, 1, 1)).shape == (4, 1)
    assert made.generator_head()(made.generator_trunk(7)(torch.randn(4, 7))).shape == (4, *shape)


def test_dcgan_takes_odd_sides() -> None:
    x = images.DCGAN((1, 13, 30), 4, 2).generator()(torch.randn(3, 4))
    assert x.shape == (3, 1, 13, 30)


@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_image_kits_refuse_points(name: str) -> None:
    with pytest.raises(ZooError, match=rf"The {name} kit needs images"):
        plan("ns", changes={"kit": name})
    assert name in KITS


def test_layernorm_784_sees_the_unit_interval() -> None:
    made = kit("layernorm-784")
    g, d = made.generator(), made.discriminator()
    z, x = torch.randn(3, 100), torch.rand(3, 784)
    inner = [m for m in steps(g) if isinstance(m, nn.Linear | nn.LeakyReLU | nn.LayerNorm | nn.Sigmoid)]
    torch.testing.assert_close(g(z).flatten(1), nn.Sequential(*inner)(z) * 2 - 1)
    inner = [m for m in steps(d) if isinstance(m, nn.Linear | nn.LeakyReLU | nn.LayerNorm)]
    assert [type(m).__name__ for m in inner] == ["Linear", "LeakyReLU", "LayerNorm", "Linear"]
    torch.testing.assert_close(d((x * 2 - 1).view(3, 1, 28, 28)), nn.Sequential(*inner)(x))
    mse = kit("layernorm-784-mse").discriminator()(x.view(3, 1, 28, 28))
    assert ((mse > 0) & (mse < 1)).all()


def test_the_resnet_starts_as_if_its_blocks_were_not_there() -> None:
    net = images.ResNet((1, 8, 8), 4, 3)
    torch.manual_seed(0)
    full = net.trunk()
    x = torch.randn(5, 1, 8, 8)
    plain = nn.Sequential(*(m for m in full if not isinstance(m, images.Residual)))
    torch.testing.assert_close(full(x), plain(x))
    assert not any("Norm" in type(m).__name__ for m in [*full.modules(), *net.generator().modules()])


def test_orthogonal_layers() -> None:
    layer = dense.Orthogonal((2,), 6, 9).linear(6, 9)
    torch.testing.assert_close(layer.weight.T @ layer.weight, 1.96 * torch.eye(6))
    assert not layer.bias.any()


def test_layers_that_start_near_zero() -> None:
    torch.manual_seed(0)
    nets = dense.SmallNormal((2,), 100, 300)
    for layer in (
        m for net in (nets.generator(), nets.discriminator()) for m in net.modules() if isinstance(m, nn.Linear)
    ):
        assert layer.weight.std().item() == pytest.approx(0.01, rel=4 / (2 * layer.weight.numel()) ** 0.5)
        assert not layer.bias.any()


def dropped(p: float = 0.3) -> Dropped:
    torch.manual_seed(0)
    return Dropped(nn.Sequential(nn.Sequential(nn.Linear(3, 40), nn.ReLU()), nn.Linear(40, 1)), p, (3,))


def test_without_uniforms_nothing_is_dropped_and_with_them_units_are_scaled() -> None:
    net = dropped()
    x, u = torch.randn(50, 3), torch.rand(50, 16)
    assert torch.equal(net(x), net.chain(x))
    hidden = net.chain[0](x)
    mask = ((u.double() @ net.N1.double()) % 1 >= 0.3).float()
    torch.testing.assert_close(net(x, u), net.chain[1](hidden * mask / 0.7))


def test_masks_are_bernoulli_and_pairwise_independent() -> None:
    n, p, mixing = 40_000, 0.3, dropped().N1
    units = [mixing[:, i] for i in range(40)]
    for a, b in combinations(units, 2):
        assert torch.linalg.matrix_rank(torch.stack([a, b]).double()) == 2  # what independence rests on
    g = torch.Generator().manual_seed(1)
    off = ((torch.rand(n, 16, generator=g) @ mixing).remainder(1) < p).double()
    assert (off.mean(0) - p).abs().max() < 5 * math.sqrt(p * (1 - p) / n)
    together = off.T @ off / n
    pairs = together[~torch.eye(40, dtype=torch.bool)]
    assert (pairs - p * p).abs().max() < 5.5 * math.sqrt(p * p * (1 - p * p) / n)


def test_a_batch_of_one_and_batch_normalisation_do_not_go_together() -> None:
    with pytest.raises(ZooError, match="nothing to normalise over"):
        plan("ns", data="digits", changes={"kit": "keras-dense", "batch": 1})
    with pytest.raises(ZooError, match="take 8 or more"):  # its D would be given one pack
        plan("pacgan", {"pack": 4}, data="digits", changes={"kit": "keras-dense", "batch": 7})
    assert plan("ns", data="digits", changes={"kit": "layernorm-784", "batch": 1}).recipe.batch == 1
    assert toy_data.load("digits").shape == (1, 8, 8)


def test_dropout_drops_units_of_maxout_layers() -> None:
    d = Dropped(dense.pacgan((2,), 2).discriminator(), 0.3, (2,))
    x, u = torch.randn(5, 2), torch.rand(5, 16)
    assert len(list(d.buffers())) == sum(isinstance(m, Maxout) for m in d.modules()) == 3
    assert not torch.equal(d(x, u), d(x))


STARTS = {  # of a net's weights: standard deviation, as published
    "dcgan": (nn.ConvTranspose2d, 0.02),
    "metz": (nn.ConvTranspose2d, 0.02),
}


@pytest.mark.parametrize("name", STARTS)
def test_convolutions_start_as_published(name: str) -> None:
    torch.manual_seed(0)
    kind, std = STARTS[name]
    made = kit(name, COLOUR, width=32)
    layers = [
        m for net in (made.generator(), made.discriminator()) for m in net.modules() if isinstance(m, kind | nn.Conv2d)
    ]
    assert layers
    for layer in layers:
        n = layer.weight.numel()
        assert layer.weight.std().item() == pytest.approx(std, rel=5 / math.sqrt(2 * n))


@pytest.mark.parametrize(
    ("name", "slope"), [("metz", 0.3), ("dcgan", 0.2), ("layernorm-784", 0.02), ("keras-dense", 0.2)]
)
def test_leaky_relus_leak_as_published(name: str, slope: float) -> None:
    made = kit(name, COLOUR if name in ("metz", "dcgan") else GREY)
    found = {m.negative_slope for m in made.discriminator().modules() if isinstance(m, nn.LeakyReLU)}
    assert found == {slope}
