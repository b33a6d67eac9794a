"""What papers add to a kit's networks: several generators as one network, features beside logits, kernels between samples, ..."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus
from torch.nn.utils import parametrize

from zoo.errors import ZooError
from zoo.variant import Kit


class Branches(nn.Module):
    """n modules side by side: ``[n, B, ...]``, branch i on ``x[i]``, to ``[n, B, ...]``; ``[1, B, ...]`` is for all of them."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.expand(len(self.branches), *x.shape[1:])
        return torch.stack([branch(part) for branch, part in zip(self.branches, parts, strict=True)])


class Each(nn.Module):
    """One module that all branches share: ``[n, B, ...]`` as one batch of n B, and back."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.module(rearrange(x, "n b ... -> (n b) ..."))
        return rearrange(out, "(n b) ... -> n b ...", n=len(x))


def deal(z: Tensor, n: int) -> Tensor:
    """Latents ``[B, z]`` dealt to n generators, ``[n, ceil(B / n), z]``: number i goes to generator i mod n (the first fills up the last row)."""
    # written for any B, as an exported program needs it: len(z) would be a constant there, and an empty piece a case of its own
    filled, short = torch.cat([z, z[:1].expand(n, *z.shape[1:])]), -z.shape[0] % n
    return rearrange(filled[: z.shape[0] + short], "(b n) ... -> n b ...", n=n)


def collect(x: Tensor, count: int) -> Tensor:
    """The first ``count`` of what n generators made, ``[n, B, ...]``, in the order in which ``deal`` dealt: ``[count, ...]``."""
    return rearrange(x, "n b ... -> (b n) ...")[:count]


def one_hot(y: Tensor, k: int) -> Tensor:
    """Classes ``[B]`` to a mask ``[B, k]`` (torch's own cannot be mapped over seeds)."""
    return y[:, None] == torch.arange(k, device=y.device)


class WithFeatures(nn.Module):
    """``x`` to the pair (features ``[B, F]``, what ``head`` makes of them)."""

    def __init__(self, trunk: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x)
        return features, self.head(features)


class Joint(nn.Module):
    """A discriminator of pairs: ``x [B, *data]`` and ``z [B, latent]`` to a logit ``[B, 1]``.

    The kit's trunk reads x; its features and z meet in one more hidden layer (so that D can compare the two), then the logit.
    """

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self.trunk = kit.trunk()
        hidden = kit.linear(kit.features + kit.latent, kit.features)
        self.head = nn.Sequential(hidden, nn.LeakyReLU(0.2), kit.linear(kit.features, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        out: Tensor = self.head(torch.cat([self.trunk(x), z], dim=1))
        return out


class MinibatchDiscrimination(nn.Module):
    """Features ``f [B, A]`` to ``[f, o] [B, A + kernels]``, where o says how close each sample is to the rest of its batch.

        M_i = f_i T  [kernels, dim],   c_b(i, j) = exp(-|M_ib - M_jb|_1),   o_b(i) = bias_b + sum over j != i of c_b(i, j)

    T's columns have a direction and a learned logarithm of their length (Salimans & Kingma 2016, arXiv:1602.07868).

    Memory: ``[kernels, B, B]`` per seed, 1 MiB in float32 at batch 128 and 16 kernels; its gradient keeps as much for each dimension.
    """

    def __init__(self, features: int, kernels: int, dim: int) -> None:
        super().__init__()
        self.theta = nn.Parameter(0.05 * torch.randn(features, kernels, dim))
        self.log_length = nn.Parameter(torch.zeros(kernels, dim))
        self.bias = nn.Parameter(torch.zeros(kernels))

    @torch.no_grad()
    def start(self, f: Tensor) -> None:
        """From the features of real samples: half the mean distance to the nearest other is 1, and o is 0 on average."""
        apart = self._distances(f) + 1e6 * torch.eye(len(f), dtype=f.dtype, device=f.device)
        half = apart.amin(-1).mean(-1).clamp(min=1e-6) / 2
        self.log_length.sub_(half.log()[:, None])
        self.bias.sub_(torch.exp(-apart / half[:, None, None]).sum(-1).mean(-1))

    def _distances(self, f: Tensor) -> Tensor:
        """|M_ib - M_jb|_1, ``[kernels, B, B]``, summed a dimension at a time: the compiler joins that, and cannot look into ``cdist``."""
        T = normalize(self.theta, dim=0) * self.log_length.exp()
        M = torch.einsum("ia,abc->cbi", f, T)
        apart = [(m[:, :, None] - m[:, None]).abs() for m in M]
        return functools.reduce(torch.add, apart)

    def forward(self, f: Tensor) -> Tensor:
        o = torch.exp(-self._distances(f)).sum(-1).T - 1 + self.bias  # the self term exp(0) = 1 is taken away
        return torch.cat([f, o], dim=1)


class SpectralNorm(nn.Module):
    """W -> W / sigma(W): sigma = u^T W v, with u and v from ``n`` power iterations that start at a constant vector and carry no gradient."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, W: Tensor) -> Tensor:
        matrix = W.flatten(1)
        fixed = matrix.detach()
        v = torch.ones_like(fixed[0])
        for _ in range(self.n):
            u = normalize(fixed @ v, dim=0)
            v = normalize(fixed.T @ u, dim=0)
        return W / (u @ matrix @ v)


def spectrally_normalised(network: nn.Module, n: int) -> nn.Module:
    """``network`` with ``SpectralNorm`` on the weight of every linear and convolutional layer (biases are left alone).

    ``ZooError`` where a layer starts at 0, which has no direction to be normalised in.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            if not layer.weight.any():
                raise ZooError(
                    "Spectral normalisation divides by a weight's norm, and this kit has layers that start at 0; take another kit."
                )
            parametrize.register_parametrization(layer, "weight", SpectralNorm(n))
    return network


def packed(x: Tensor, m: int) -> Tensor:
    """Samples ``[B, c, ...]`` to packs of m joined along their first axis, ``[B // m, m c, ...]``; B mod m samples are left out."""
    return rearrange(x[: len(x) // m * m], "(b m) c ... -> b (m c) ...", m=m)


class Scale(nn.Module):
    """A positive number per element of the data, ``[*shape]``: softplus of a parameter that starts at ``start``."""

    def __init__(self, shape: tuple[int, ...], start: float) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.full(shape, start))

    def forward(self) -> Tensor:
        return softplus(self.raw)


class Clusters(nn.Module):
    """Centres ``[k, F]``, which start as N(0, 1), and the logits of their shares ``[k]``, which start equal."""

    def __init__(self, k: int, features: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(k, features))
        self.shares = nn.Parameter(torch.zeros(k))

    def forward(self) -> tuple[Tensor, Tensor]:
        return self.centres, self.shares


class Maxout(nn.Module):
    """The largest of ``pieces`` linear maps, per output (Goodfellow et al. 2013, arXiv:1302.4389); ``linear`` has them side by side."""

    def __init__(self, linear: nn.Linear, pieces: int) -> None:
        super().__init__()
        self.linear, self.pieces = linear, pieces

    def forward(self, x: Tensor) -> Tensor:
        return rearrange(self.linear(x), "b (f p) -> b f p", p=self.pieces).amax(2)


class Dropped(nn.Module):
    """A chain of layers with dropout after each of its activations: of ``u [B, DIGITS]`` in U(0, 1), units with v < p are 0, the others x / (1 - p).

        v = (u N) mod 1,   N [DIGITS, units] fixed whole numbers, no two columns parallel

    A column of v is U(0, 1), and any two are independent, so masks are Bernoulli(p) and pairwise independent over units (and fully over
    samples), from few random numbers. Without ``u`` nothing is dropped.
    """

    DIGITS = 16
    ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.ELU, nn.SiLU, nn.Softplus, Maxout)

    def __init__(self, chain: nn.Module, p: float, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.chain, self.p = chain, p
        within = sum(isinstance(m, self.ACTIVATIONS) for m in chain.modules())
        if not 0 < within == sum(isinstance(layer, self.ACTIVATIONS) for layer in steps(chain)):
            raise ZooError(
                "Dropout needs D to be a plain sequence of layers with activations, and this kit's is not; take another kit."
            )
        with torch.no_grad():  # a blank sample's way through, for the sizes of the layers
            x = torch.zeros(2, *shape)
            for i, layer in enumerate(steps(chain)):
                x = layer(x)
                if isinstance(layer, self.ACTIVATIONS):
                    fixed = torch.Generator().manual_seed(i)
                    mixing = torch.randint(-8, 9, (self.DIGITS, x[0].numel()), generator=fixed)
                    self.register_buffer(f"N{i}", mixing.float())

    def forward(self, x: Tensor, u: Tensor | None = None) -> Tensor:
        for i, layer in enumerate(steps(self.chain)):
            x = layer(x)
            if u is not None and isinstance(layer, self.ACTIVATIONS):
                keep = (u @ self.get_buffer(f"N{i}")).remainder(1) >= self.p
                x = x * keep.view(x.shape) / (1 - self.p)
        return x


def steps(module: nn.Module) -> list[nn.Module]:
    """The layers of nested ``Sequential``s, in order."""
    return [step for m in module for step in steps(m)] if isinstance(module, nn.Sequential) else [module]
