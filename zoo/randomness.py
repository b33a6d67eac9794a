"""One stream of randomness per seed: what seed i draws depends on i alone, never on its neighbours, chunks, or where a run was resumed.

Every draw is addressed, not remembered: block b of seed i comes from a generator seeded with the hash of (i, purpose, b). So a stream has no
state to save, and any part of it can be made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from zoo import normals
from zoo.game import Batch

BLOCK = 2**19
"""About how many numbers one seed draws at a time (2 MiB of float32)."""


class Source(Protocol):
    """Where real samples come from."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor: ...


def derive(seed: int, *path: str | int) -> int:
    """A 63-bit seed for one purpose of one seed."""
    digest = hashlib.sha256("/".join(map(str, (seed, *path))).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, *path: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator for one purpose of one seed."""
    return torch.Generator(device).manual_seed(derive(seed, *path))


class Stream:
    """The batches of several seeds: ``stream[t]`` is batch number t of all of them, ``x [S, B, *data]``, ``z [S, B, z]``, ``u [S, B, m]``."""

    def __init__(
        self,
        source: Source,
        seeds: Sequence[int],
        batch: int,
        latent: int,
        uniforms: int = 1,
        *,
        uniform_latent: bool = False,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.source, self.seeds, self.batch, self.device, self.dtype = (
            source,
            list(seeds),
            batch,
            torch.device(device),
            dtype,
        )
        self.latent, self.uniforms, self.uniform_latent = latent, uniforms, uniform_latent
        per_batch = batch * (torch.Size(source.shape).numel() + latent + uniforms)
        self.per_block = max(1, min(64, BLOCK // per_batch))
        self._number, self._block = -1, list[Batch]()

    def __getitem__(self, t: int) -> Batch:
        number, i = divmod(t, self.per_block)
        if number != self._number:
            self._number, self._block = number, self._draw(number)
        return self._block[i]

    def _draw(self, number: int) -> list[Batch]:
        shape = (len(self.seeds), self.per_block, self.batch)
        z, u = (torch.empty(*shape, columns, device=self.device) for columns in (self.latent, self.uniforms))
        x = []
        for i, seed in enumerate(self.seeds):
            g = generator(seed, "batch", number, device=self.device)
            x.append(self.source.sample(self.per_block * self.batch, g).view(*shape[1:], *self.source.shape))
            self._fill(z[i], g)
            u[i].uniform_(generator=g)
        drawn = (t.to(self.dtype).unbind(1) for t in (torch.stack(x), z, u))
        return [Batch(*parts) for parts in zip(*drawn, strict=True)]

    def _fill(self, z: Tensor, g: torch.Generator) -> None:
        """Latents, drawn where they will lie."""
        if self.uniform_latent:
            z.uniform_(-1, 1, generator=g)
        else:
            normals.fill(z, g)

    def latents(self, n: int, purpose: str) -> Tensor:
        """``[S, n, z]``: the same latents every time for one purpose (evaluation, the film of samples)."""
        z = torch.empty(len(self.seeds), n, self.latent, device=self.device)
        for lane, seed in zip(z, self.seeds, strict=True):
            self._fill(lane, generator(seed, purpose, device=self.device))
        return z.to(self.dtype)
