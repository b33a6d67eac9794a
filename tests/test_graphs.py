"""The engine of a GPU, played on the CPU by a stand-in for CUDA's graphs that has their traps: fixed addresses, for what is read and told."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.test_harness import game, leaves, training
from zoo import compiling, counting, engines, graphs, memory
from zoo.engine import Engine, Traced
from zoo.errors import ZooError
from zoo.graphs import Graphed, Replayed
from zoo.harness import Game


def capture(
    function: Callable[[], list[Tensor]], device: torch.device, pool: Any
) -> tuple[Callable[[], None], list[Tensor], Any]:
    """As ``graphs.capture``: nothing is played until the replay; each reads where the first read, and tells where it told."""
    told: list[Tensor] = []

    def replay() -> None:
        made = function()
        told.extend(t.clone() for t in made[len(told) :])
        for place, tensor in zip(told, made, strict=True):
            place.copy_(tensor)

    return replay, told, pool


@pytest.fixture(autouse=True)
def _no_cuda_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "capture", capture)


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


def test_what_a_line_makes_elsewhere_is_put_where_it_belongs() -> None:
    """Results may lie where another of them belongs, or in memory of their own."""
    swap = Replayed(lambda inputs: [inputs[1], inputs[0], inputs[0] + inputs[2], inputs[3] * 2], donated=3)
    a, b, c = (torch.full((2,), value) for value in (1.0, 2.0, 4.0))
    state = [a, b, c]
    for _ in range(2):
        *state, told = swap([*state, torch.ones(2)])
    assert all(t is given for t, given in zip(state, (a, b, c), strict=True))
    assert [float(t[0]) for t in (a, b, c, told)] == [1.0, 2.0, 7.0, 2.0]


def test_few_graphs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "GRAPHS", 2)
    double = Replayed(lambda inputs: [inputs[0] * 2], donated=1)
    given = [torch.ones(2) for _ in range(5)]
    for t in given:
        double([t])
    assert len(double._graphs) == 2
    assert all(float(t[0]) == 2 for t in given)


def on_a_gpu(engine: Engine) -> Game:
    """A game that takes itself for a GPU's."""
    made = game(engine=engine)
    made.device = torch.device("cuda")
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told of a choice on a GPU where compiling would pay, by a machine that has none: nothing is played."""
    monkeypatch.setattr(memory, "groups", lambda *_: 2)
    monkeypatch.setattr(engines, "_pays", lambda *_: True)
    monkeypatch.setattr(engines, "_played", lambda game, seeds: game)
    monkeypatch.setattr(compiling, "triton", lambda: True)
    return []


@pytest.mark.parametrize(("asked", "compiled"), [(None, True), (True, True), (False, False)])
def test_a_gpu_gets_graphs_of_kernels_where_that_is_repaid(said: list[str], asked: bool | None, compiled: bool) -> None:
    chosen = engines.choose(on_a_gpu, range(4), asked, said.append)
    assert chosen.game.engine == (Graphed(compiling.Joined()) if compiled else Graphed())
    assert (chosen.compiled, chosen.groups) == (compiled, 2)
    assert [line[:9] for line in said] == ["Compiling"] * compiled


def test_without_triton_it_is_a_traced_graph_or_said(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "triton", lambda: False)
    assert engines.choose(on_a_gpu, range(4), None, said.append).game.engine == Graphed()
    with pytest.raises(ZooError, match="There is no Triton here"):
        engines.choose(on_a_gpu, range(4), True, said.append)


def test_what_cannot_be_a_graph_is_traced_and_told_of(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Game:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(engines, "_played", fail)
    assert isinstance(engines.choose(on_a_gpu, range(4), None, said.append).game.engine, Traced)
    why = "(RuntimeError: operation not permitted when stream is capturing); "
    assert said[1:] == [
        f"Compiling failed {why}the round is traced instead.",
        f"A round cannot be kept as a CUDA graph {why}it is traced instead.",
    ]
