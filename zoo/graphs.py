"""A traced round as one CUDA graph: all kernels of a round of all seeds are launched by one call, and the GPU never waits for Python."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.engine import Function, Replayed, Traced


@dataclass(frozen=True)
class Graphed:
    """An ``Engine`` for CUDA."""

    side_by_side: bool = True

    def __call__(self, one: Function, example: list[Tensor], donated: int) -> Replayed:
        # of copies: recording plays the round, and a traced round writes over what it is given
        line, sample = Traced()(one, example, donated), tuple(t.clone() for t in example)
        device = example[0].device
        with torch.no_grad(), _current(device):
            graph: Any = torch.cuda.make_graphed_callables(lambda *inputs: tuple(line(list(inputs))), sample)

        def replay(inputs: list[Tensor]) -> list[Tensor]:
            with _current(device):
                # results lie where the next replay puts its own, and another group of seeds may be the one that asks for it
                return [t.clone() for t in graph(*inputs)]

        return Replayed(line, replay)


def _current(device: torch.device) -> AbstractContextManager[Any]:
    """Graphs are recorded and replayed on the thread's current GPU, which is the first one until something says otherwise."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
