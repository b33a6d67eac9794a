"""A round as one CUDA graph: all kernels of a round of all seeds are launched by one call, and the GPU never waits for Python.

A graph reads and writes fixed addresses. Here they are those of the state that the round was given: a group's weights and moments stay where
they lie, and what is new in every round (batches, rates) is copied to a place of its own first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from zoo.ambient import multiplying
from zoo.engines.tracing import Engine, Function, Traced


@dataclass(frozen=True)
class Graphed:
    """An ``Engine`` for CUDA: the rounds that another makes, each launched by one call, in float32 or with TF32."""

    rounds: Engine = field(default_factory=Traced)
    tf32: bool = False
    side_by_side: bool = True

    def __call__(self, one: Function, example: list[Tensor], donated: int) -> Replayed:
        return Replayed(self.rounds(one, example, donated), donated, self.tf32)


class Recording(NamedTuple):
    """A graph: the addresses that it plays on, what plays it, and where it tells the rest of its results."""

    where: tuple[int, ...]
    replay: Callable[[], None]
    told: list[Tensor]


class Replayed:
    """A group's round that a GPU plays by itself; ``round`` is what it was recorded from."""

    def __init__(self, round_: Function, donated: int, tf32: bool = False) -> None:
        self.round, self._donated, self._tf32 = round_, donated, tf32
        self._given: list[Tensor] = []
        # by the state's first tensor: a graph lives as long as what it plays on
        self._recordings = WeakTensorKeyDictionary()
        self._place: Place | None = None

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        moving, given = inputs[: self._donated], inputs[self._donated :]
        if not self._given:
            self._given = [t.clone() for t in given]
        for place, tensor in zip(self._given, given, strict=True):
            place.copy_(tensor)
        where, kept = tuple(t.data_ptr() for t in moving), self._recordings.get(moving[0])
        if kept is None or kept.where != where:
            kept = self._recordings[moving[0]] = Recording(where, *self._record(moving))
        kept.replay()
        return [*moving, *(t.clone() for t in kept.told)]  # a replay tells where the one before it told

    def _record(self, moving: list[Tensor]) -> tuple[Callable[[], None], list[Tensor]]:
        def over() -> list[Tensor]:
            results = self.round([*moving, *self._given])
            moved = [(to, made) for to, made in zip(moving, results, strict=False) if to.data_ptr() != made.data_ptr()]
            kept = [made.clone() for _, made in moved]  # one may lie where another belongs
            for (to, _), made in zip(moved, kept, strict=True):
                to.copy_(made)
            return results[self._donated :]

        with multiplying(tf32=self._tf32):
            # once before, on copies: kernels are loaded then, which no recording may do
            self.round([*(t.clone() for t in moving), *self._given])
            replay, told, self._place = capture(over, moving[0].device, self._place)
        return replay, told


class Place(NamedTuple):
    """Where graphs that are never played at once are recorded: in one memory, which is shared on one stream only."""

    stream: Any
    first: Any
    """A graph, which keeps that memory."""


def capture(
    function: Callable[[], list[Tensor]], device: torch.device, place: Place | None
) -> tuple[Callable[[], None], list[Tensor], Place]:
    """``function`` recorded, not played: what plays it, where its results will lie, and the place where it was recorded."""
    graph: Any = torch.cuda.CUDAGraph()
    stream, pool = (place.stream, place.first.pool()) if place else (torch.cuda.Stream(device), None)
    with torch.cuda.device(device):
        before = torch.cuda.current_stream(device)
        try:
            told = _recorded(graph, function, stream, pool)
        except Exception:
            # PyTorch's own generator believes that it is still being recorded, until a recording ends well
            _recorded(torch.cuda.CUDAGraph(), lambda: [torch.zeros(1, device=device)], torch.cuda.Stream(device), None)
            raise
        finally:
            torch.cuda.set_stream(before)  # a recording that failed may leave its own

    def replay() -> None:
        with torch.cuda.device(device):
            graph.replay()

    return replay, told, place or Place(stream, graph)


def _recorded(graph: Any, function: Callable[[], list[Tensor]], stream: Any, pool: Any) -> list[Tensor]:
    with torch.no_grad(), torch.cuda.graph(graph, pool=pool, stream=stream):
        return function()
