"""The engine of a GPU, played on the CPU by a stand-in for CUDA's graphs that has their one trap: all results lie in the same places."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.test_harness import game, leaves, training
from zoo import counting, engines, memory
from zoo.engine import Engine, Traced
from zoo.errors import ZooError
from zoo.graphs import Graphed
from zoo.harness import Game


def replaying(function: Callable[..., tuple[Tensor, ...]], sample: tuple[Tensor, ...]) -> Callable[..., Any]:
    """As ``torch.cuda.make_graphed_callables``: inputs are copied to fixed places, results stay in fixed places until the next call."""
    inputs = [t.clone() for t in sample]
    outputs = [t.clone() for t in function(*(t.clone() for t in sample))]

    def replay(*given: Tensor) -> tuple[Tensor, ...]:
        for place, tensor in zip(inputs, given, strict=True):
            place.copy_(tensor)
        for place, tensor in zip(outputs, function(*inputs), strict=True):
            place.copy_(tensor)
        return tuple(outputs)

    return replay


@pytest.fixture(autouse=True)
def _no_cuda_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", replaying)


def test_a_graph_s_rounds_are_the_traced_ones() -> None:
    graphed, traced = game(engine=Graphed()), game()
    ours, theirs = graphed.build(range(3)), traced.build(range(3))
    for until in (1, 2, 5):  # a state that was returned is handed back
        graphed.advance(ours, graphed.stream(range(3)), until)
    traced.advance(theirs, traced.stream(range(3)), 5)
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(torch.stack(ours.losses), torch.stack(theirs.losses))


def test_groups_that_share_a_graph_do_not_share_their_state() -> None:
    whole, chunked = training(range(4), groups=1), training(range(4), groups=2, g=game(engine=Graphed()))
    chunked.workers = 1
    list(whole), list(chunked)
    for a, b in zip(whole.lanes().moving[0].values(), chunked.lanes().moving[0].values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_what_a_graph_costs_is_what_its_line_does() -> None:
    graphed, traced = game(engine=Graphed()), game()
    ours, theirs = (g.prepare(g.build(range(3)), g.stream(range(3))) for g in (graphed, traced))
    assert counting.flops(ours) == counting.flops(theirs) > 0
    assert memory.lane_bytes(graphed) == memory.lane_bytes(traced)


def on_a_gpu(prepare: Callable[..., None]) -> Callable[[Engine], Game]:
    """Games that take themselves for a GPU's, with ``prepare`` for what would need one."""

    def make(engine: Engine) -> Game:
        made = game(engine=engine)
        made.device = torch.device("cuda")
        for name in ("build", "stream", "prepare"):
            setattr(made, name, prepare)
        return made

    return make


def test_a_gpu_gets_a_graph_and_no_compiler() -> None:
    make = on_a_gpu(lambda *_: None)
    assert isinstance(engines.choose(make, range(4), None, print).engine, Graphed)
    with pytest.raises(ZooError, match="for the CPU only"):
        engines.choose(make, range(4), True, print)


def test_what_cannot_be_a_graph_is_traced_and_told_of() -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    said: list[str] = []
    assert isinstance(engines.choose(on_a_gpu(fail), range(4), None, said.append).engine, Traced)
    assert said == [
        "A round cannot be kept as a CUDA graph (RuntimeError: operation not permitted when stream is capturing); it is traced instead."
    ]
