"""Distances and nearest neighbours between point sets, in blocks of bounded memory, on CPU or GPU."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from zoo.errors import ZooError

FEW = 8  # dimensions up to which differences are taken one coordinate at a time, and neighbours looked up in a tree
_ROUNDING = 1e-14  # more than products of float64 err by in thousands of dimensions, relative to the norms
_CACHED, _BLOCK = 1 << 17, 1 << 21  # distances held at once: what a core's cache holds, or what a matrix product wants


@contextmanager
def one_thread() -> Iterator[None]:
    """Many small operations in a row: on a busy machine torch's threads would wait for each other at every one of them
    (MMD of 16 x 2500 points took 55 s with two threads beside other work, and 0.4 with one)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def over_seeds(samples: Tensor, of_one: Callable[[Tensor], float]) -> Tensor:
    """A metric of each seed's samples ``[N, d]``, as float64 ``[S]``; NaN where a sample is not finite."""
    return torch.tensor([of_one(x) if x.isfinite().all() else math.nan for x in samples], dtype=torch.float64)


def squared(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2: ``[B, d]``, ``[M, d]`` -> ``[B, M]``, never negative.

    In few dimensions by differences, in the type given; in many by |x|^2 + |y|^2 - 2 x'y in float64, whose error
    (1e-15 of the norms once centred) is below what float32 samples can tell apart: it is taken off, and copies are at 0.
    """
    if x.shape[-1] <= FEW:
        total = (x[:, None, 0] - y[None, :, 0]).square_()
        for c in range(1, x.shape[-1]):
            difference = x[:, None, c] - y[None, :, c]
            total.addcmul_(difference, difference)
        return total
    x, y = x.double(), y.double()
    centre = y.mean(0)
    x, y = x - centre, y - centre
    norms = (y.square().sum(-1)[None] + x.square().sum(-1)[:, None]) * (1 - _ROUNDING)
    return norms.addmm_(x, y.T, alpha=-2).clamp_min_(0)


def blocks(x: Tensor, m: int) -> Iterator[tuple[slice, Tensor]]:
    """Rows of ``x [N, d]`` in blocks, such that a block times ``m`` columns fits the budget."""
    size = max(1, (_CACHED if x.shape[-1] <= FEW and x.device.type == "cpu" else _BLOCK) // max(1, m))
    for start in range(0, len(x), size):
        yield slice(start, start + size), x[start : start + size]


class Neighbourhood:
    """Points ``[M, d]``, ready to be asked for neighbours: by a k-d tree on a CPU in few dimensions, else by blocks."""

    def __init__(self, points: Tensor) -> None:
        self.points, self._tree = points, None
        if points.device.type == "cpu" and points.shape[-1] <= FEW:
            from scipy.spatial import cKDTree

            # a balanced tree takes for ever to build on points that are all alike
            self._tree = cKDTree(points.numpy(), balanced_tree=False, compact_nodes=False)

    def distances(self, queries: Tensor, k: int = 1, *, same: bool = False) -> Tensor:
        """The distance to the k-th nearest point: ``queries [N, d]`` -> ``[N]`` float64.

        ``same``: queries are the points themselves, and none counts as its own neighbour. ``ZooError`` for too few
        points.
        """
        if len(self.points) - same < k:
            raise ZooError(f"{k} nearest neighbours need at least {k + same} samples, not {len(self.points)}.")
        if self._tree is not None:  # the nearest of a point is itself, or a copy at the same distance 0
            workers = torch.get_num_threads()
            return torch.from_numpy(self._tree.query(queries.numpy(), k=[k + same], workers=workers)[0][:, 0])
        found = torch.empty(len(queries), dtype=torch.float64, device=queries.device)
        for rows, block in blocks(queries, len(self.points)):
            d2 = squared(block, self.points)
            if same:
                index = torch.arange(len(block), device=d2.device)
                d2[index, index + rows.start] = torch.inf
            found[rows] = d2.amin(-1) if k == 1 else d2.topk(k, largest=False).values[:, -1]
        return found.sqrt_()

    def nearest(self, queries: Tensor) -> Tensor:
        """Which point is nearest: ``queries [N, d]`` -> ``[N]`` int64."""
        if self._tree is not None:
            return torch.from_numpy(self._tree.query(queries.numpy(), workers=torch.get_num_threads())[1]).long()
        return torch.cat([squared(block, self.points).argmin(-1) for _, block in blocks(queries, len(self.points))])

    def balls(self, centres: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
        """Open balls ``[N, d]``, ``[N]``: how many of them hold each point ``[M]`` (int64), and whether each holds any
        ``[N]``."""
        inside = torch.zeros(len(self.points), dtype=torch.int64, device=centres.device)
        radii = radii * (1 - 1e-9)  # a copy of the k-th neighbour is outside, whatever the rounding
        if self._tree is not None:
            filled = torch.zeros(len(centres), dtype=torch.bool)
            some = (radii > 0).nonzero()[:, 0]  # the tree's balls are closed, and those of radius 0 would hold copies
            for rows in some.split(1024):
                found = self._tree.query_ball_point(centres[rows].numpy(), radii[rows].numpy())
                filled[rows] = torch.tensor([bool(f) for f in found], dtype=torch.bool)
                inside += torch.bincount(
                    torch.tensor([i for f in found for i in f], dtype=torch.int64), minlength=len(inside)
                )
            return inside, filled
        filled = torch.empty(len(centres), dtype=torch.bool, device=centres.device)
        for rows, block in blocks(centres, len(self.points)):
            near = squared(block, self.points) < radii[rows, None].square()
            inside += near.sum(0)
            filled[rows] = near.any(1)
        return inside, filled


def flattened(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Check a pair: samples ``x [S, N, *shape]`` and data ``y [M, *shape]``, flattened to ``[S, N, d]`` and ``[M, d]``, both of the wider
    floating type of the two."""
    if x.ndim < 3 or x.shape[2:] != y.shape[1:]:
        raise ZooError(
            f"samples have shape {tuple(x.shape)}, the data {tuple(y.shape)}: "
            "they need [seeds, N, *shape] and [M, *shape] of one shape."
        )
    kind = torch.promote_types(x.dtype, y.dtype)
    kind = kind if kind.is_floating_point else torch.float32
    return x.flatten(2).to(kind), y.flatten(1).to(kind)
