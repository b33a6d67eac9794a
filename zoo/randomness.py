"""One stream of randomness per seed: what seed i draws depends on i alone, never on its neighbours, chunks, or where a run was resumed.

Every draw is addressed, not remembered: block b of seed i comes from a generator seeded with the hash of (i, purpose, b). So a stream has no
state to save, and any part of it can be made again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from zoo import normals
from zoo.game import Batch

BLOCK, BATCHES = {"cpu": 2**19, "cuda": 2**23}, {"cpu": 64, "cuda": 1024}
"""About how many numbers one seed draws at a time (2 MiB of float32, which stay near a core), and of how many batches at most.

On a GPU each draw of each seed is a kernel of its own, short of work in small blocks."""


Drawing: TypeAlias = Generator[None, None, list[Batch]]
"""A block being drawn: a step for each seed, the batches in the end."""


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
        self.source, self.seeds, self.batch = source, list(seeds), batch
        self.device, self.dtype = torch.device(device), dtype
        self.latent, self.uniforms, self.uniform_latent = latent, uniforms, uniform_latent
        per_batch = batch * (torch.Size(source.shape).numel() + latent + uniforms)
        kind = self.device.type
        self.per_block = max(1, min(BATCHES[kind], BLOCK[kind] // per_batch))
        self._number, self._block = -1, list[Batch]()
        self._ahead = Ahead(self._drawing, len(self.seeds), self.device) if kind == "cuda" else None

    def __getitem__(self, t: int) -> Batch:
        number, i = divmod(t, self.per_block)
        if number != self._number:
            self._block = []  # its memory is for what comes
            self._block = self._ahead(number) if self._ahead else _whole(self._drawing(number))
            self._number = number
        if self._ahead:
            self._ahead.draw(math.ceil(len(self.seeds) / self.per_block))
        return self._block[i]

    def _drawing(self, number: int) -> Drawing:
        """A block of batches, drawn seed by seed."""
        shape = (len(self.seeds), self.per_block, self.batch)
        z, u = (torch.empty(*shape, columns, device=self.device) for columns in (self.latent, self.uniforms))
        x = []
        for i, seed in enumerate(self.seeds):
            g = generator(seed, "batch", number, device=self.device)
            x.append(self.source.sample(self.per_block * self.batch, g).view(*shape[1:], *self.source.shape))
            self._fill(z[i], g)
            u[i].uniform_(generator=g)
            yield
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


def _whole(drawing: Drawing) -> list[Batch]:
    while True:
        try:
            next(drawing)
        except StopIteration as end:
            drawn: list[Batch] = end.value
            return drawn


class Ahead:
    """Blocks drawn on a GPU one after another: while one is played, the next is drawn beside it, a few seeds in every round.

    Not all seeds at once: a GPU takes a thousand calls in advance, these are more, and rounds would wait behind them.
    """

    def __init__(self, drawing: Callable[[int], Drawing], seeds: int, device: torch.device) -> None:
        self._draw, self._seeds, self._device = drawing, seeds, device
        self._side = torch.cuda.Stream(device)
        self._taken = -1
        self._begin(0)

    def __call__(self, number: int) -> list[Batch]:
        """This block, in whole; the next begins, if blocks are taken in turn."""
        self._follow()
        if number != self._number:
            self._begin(number)
        with torch.cuda.stream(self._side):
            drawn = _whole(self._drawing)
        torch.cuda.current_stream(self._device).wait_stream(self._side)
        in_turn, self._taken = number == self._taken + 1, number
        self._begin(number + 1, self._seeds if in_turn else 0)
        return drawn

    def draw(self, seeds: int) -> None:
        """So many seeds more of the next block; the last one's end is left to whoever takes the block."""
        if self._left:
            self._follow()  # anew each time: a round over the edge of two blocks lets go of the first after it was left
        with torch.cuda.stream(self._side):
            for _ in range(min(seeds, self._left)):
                next(self._drawing)
                self._left -= 1

    def _follow(self) -> None:
        """What is drawn from here on comes after what is queued: that may read the block before, whose memory this takes."""
        self._side.wait_stream(torch.cuda.current_stream(self._device))

    def _begin(self, number: int, ahead: int = 0) -> None:
        """A block of which so many seeds are drawn before anybody takes it."""
        self._number, self._drawing, self._left = number, self._draw(number), ahead
