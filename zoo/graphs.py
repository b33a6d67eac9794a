"""A round as one CUDA graph: all kernels of a round of all seeds are launched by one call, and the GPU never waits for Python.

A graph reads and writes fixed addresses. Here they are those of the state that the round was given: a group's weights and moments stay where
they lie, and what is new in every round (batches, rates) is copied to a place of its own first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from zoo.engine import Engine, Function, Traced

GRAPHS = 64
"""Graphs of one round that are kept, one for each group of seeds: each holds some megabytes."""


@dataclass(frozen=True)
class Graphed:
    """An ``Engine`` for CUDA: the rounds that another makes, each launched by one call."""

    rounds: Engine = field(default_factory=Traced)
    side_by_side: bool = True

    def __call__(self, one: Function, example: list[Tensor], donated: int) -> Replayed:
        return Replayed(self.rounds(one, example, donated), donated)


class Replayed:
    """A group's round that a GPU plays by itself; ``round`` is what it was recorded from."""

    def __init__(self, round_: Function, donated: int) -> None:
        self.round, self._donated = round_, donated
        self._given: list[Tensor] = []
        self._graphs: dict[tuple[int, ...], tuple[Callable[[], None], list[Tensor]]] = {}
        self._pool: Any = None

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        moving, given = inputs[: self._donated], inputs[self._donated :]
        if not self._given:
            self._given = [t.clone() for t in given]
        for place, tensor in zip(self._given, given, strict=True):
            place.copy_(tensor)
        where = tuple(t.data_ptr() for t in moving)
        if where not in self._graphs:
            if len(self._graphs) >= GRAPHS:
                del self._graphs[next(iter(self._graphs))]
            self._graphs[where] = self._record(moving)
        replay, told = self._graphs[where]
        replay()
        return [*moving, *(t.clone() for t in told)]  # a replay tells where the one before it told

    def _record(self, moving: list[Tensor]) -> tuple[Callable[[], None], list[Tensor]]:
        # once before, on copies: kernels are loaded and workspaces made, which no recording may do
        self.round([*(t.clone() for t in moving), *self._given])

        def over() -> list[Tensor]:
            results = self.round([*moving, *self._given])
            moved = [(to, made) for to, made in zip(moving, results, strict=False) if to.data_ptr() != made.data_ptr()]
            kept = [made.clone() for _, made in moved]  # one may lie where another belongs
            for (to, _), made in zip(moved, kept, strict=True):
                to.copy_(made)
            return results[self._donated :]

        replay, told, self._pool = capture(over, moving[0].device, self._pool)
        return replay, told


def capture(
    function: Callable[[], list[Tensor]], device: torch.device, pool: Any
) -> tuple[Callable[[], None], list[Tensor], Any]:
    """``function`` recorded, not played: what plays it, where its results will lie, and the memory that it works in (another graph's, if given)."""
    graph: Any = torch.cuda.CUDAGraph()
    try:
        told = _recorded(graph, function, device, pool)
    except Exception:
        # PyTorch's own generator believes that it is still being recorded, until a recording ends well
        _recorded(torch.cuda.CUDAGraph(), lambda: [torch.zeros(1, device=device)], device, None)
        raise

    def replay() -> None:
        with torch.cuda.device(device):
            graph.replay()

    return replay, told, graph.pool()


def _recorded(graph: Any, function: Callable[[], list[Tensor]], device: torch.device, pool: Any) -> list[Tensor]:
    # of this device: a stream of the current one, the first GPU until something says otherwise, is what it takes by itself
    with torch.no_grad(), torch.cuda.graph(graph, pool=pool, stream=torch.cuda.Stream(device)):
        return function()
