"""The engine of a GPU, played on the CPU by a stand-in for CUDA's graphs that has their traps: fixed addresses, for what is read and told."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.test_harness import game, leaves, training
from zoo.ambient import multiplying
from zoo.engines import choice, compiling, counting, graphs, memory
from zoo.engines.graphs import Graphed, Replayed
from zoo.engines.tracing import Engine, Traced
from zoo.errors import ZooError
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
    assert memory.need(graphed) == memory.need(traced)


def test_what_a_line_makes_elsewhere_is_put_where_it_belongs() -> None:
    """Results may lie where another of them belongs, or in memory of their own."""
    swap = Replayed(lambda inputs: [inputs[1], inputs[0], inputs[0] + inputs[2], inputs[3] * 2], donated=3)
    a, b, c = (torch.full((2,), value) for value in (1.0, 2.0, 4.0))
    state = [a, b, c]
    for _ in range(2):
        *state, told = swap([*state, torch.ones(2)])
    assert all(t is given for t, given in zip(state, (a, b, c), strict=True))
    assert [float(t[0]) for t in (a, b, c, told)] == [1.0, 2.0, 7.0, 2.0]


def test_a_graph_lives_as_long_as_the_state_that_it_plays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[list[Tensor]] = []

    def forgetful(function: Callable[[], list[Tensor]], *_: object) -> tuple[Callable[[], None], list[Tensor], None]:
        held.append([])
        return (lambda: None), [], None  # as CUDA's, it knows addresses and holds no tensors

    monkeypatch.setattr(graphs, "capture", forgetful)
    round_ = Replayed(lambda inputs: [inputs[0] * 2], donated=1)
    one, two = torch.ones(2), torch.ones(2)
    for t in (one, two, one, two):
        round_([t])
    assert len(held) == len(round_._recordings) == 2
    del one, t
    assert len(round_._recordings) == 1
    two.set_(torch.ones(3))  # it lies elsewhere now
    round_([two])
    assert len(held) == 3


def test_lanes_that_nobody_keeps_leave_no_graph_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "capture", lambda function, *_: (lambda: None, function()[:0], None))
    made = game(engine=Graphed())
    lanes, stream = made.build(range(2)), made.stream(range(2))
    (round_,) = [made.prepare(lanes, stream)]
    assert isinstance(round_, Replayed)
    round_(
        [
            *leaves(lanes),
            *(t for t in made._rates(lanes, 1).values()),
            *(p for b in made._batches(lanes, stream) for p in b),
        ]
    )
    assert len(round_._recordings) == 1
    del lanes
    assert len(round_._recordings) == 0


def test_products_are_as_asked_where_a_round_is_recorded_and_as_they_were_elsewhere() -> None:
    def flags() -> tuple[bool, bool]:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    seen, before = [], flags()

    def round_(inputs: list[Tensor]) -> list[Tensor]:
        seen.append(flags())
        return [inputs[0] * 2]

    for tf32 in (True, False):
        with multiplying(tf32=not tf32):
            Replayed(round_, 1, tf32)([torch.ones(2)])
            assert flags() == (not tf32, not tf32)
        assert seen[0] == (tf32, tf32)  # the replay of a GPU asks nobody
        seen.clear()
    assert flags() == before


def on_a_gpu(engine: Engine) -> Game:
    """A game that takes itself for a GPU's."""
    made = game(engine=engine)
    made.device = torch.device("cuda")
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told of a choice on a GPU where compiling would pay, by a machine that has none: nothing is made or played."""
    monkeypatch.setattr(memory, "groups", lambda *_: 2)
    monkeypatch.setattr(choice, "_pays", lambda *_: True)
    for name in ("build", "stream", "prepare", "advance"):
        monkeypatch.setattr(Game, name, lambda *_: None)
    monkeypatch.setattr(compiling, "triton", lambda: True)
    return []


@pytest.mark.parametrize(("asked", "compiled"), [(None, True), (True, True), (False, False)])
@pytest.mark.parametrize("tf32", [False, True])
def test_a_gpu_gets_graphs_of_kernels_where_that_is_repaid(
    said: list[str], asked: bool | None, compiled: bool, tf32: bool
) -> None:
    chosen = choice.choose(on_a_gpu, range(4), asked, said.append, tf32=tf32)
    assert chosen.game.engine == (Graphed(compiling.Joined(), tf32) if compiled else Graphed(tf32=tf32))
    assert (chosen.compiled, chosen.groups, chosen.tf32) == (compiled, 2, tf32)
    assert [line[:9] for line in said] == ["Compiling"] * compiled


def fail(*_: object) -> Game:
    raise RuntimeError("operation not permitted when stream is capturing\nand more")


WHY = "(RuntimeError: operation not permitted when stream is capturing)"


def test_without_triton_it_is_a_traced_graph_or_said(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "triton", lambda: False)
    assert choice.choose(on_a_gpu, range(4), None, said.append).game.engine == Graphed()
    with pytest.raises(ZooError, match=r"There is no Triton here. Say --no-compile"):
        choice.choose(on_a_gpu, range(4), True, said.append)


def test_kernels_that_cannot_be_compiled_are_told_of(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Game, "prepare", lambda made, *_: None if made.engine == Traced() else fail())
    chosen = choice.choose(on_a_gpu, range(4), None, said.append)
    assert (chosen.game.engine, chosen.compiled) == (Graphed(), False)
    assert said[1:] == [f"Compiling failed {WHY}; the round is traced instead."]
    with pytest.raises(ZooError, match=r"Compiling failed .*capturing\). Say --no-compile"):
        choice.choose(on_a_gpu, range(4), True, said.append)


@pytest.mark.parametrize("asked", [None, True])
def test_what_cannot_be_a_graph_is_traced_and_told_of(
    said: list[str], monkeypatch: pytest.MonkeyPatch, asked: bool | None
) -> None:
    monkeypatch.setattr(Game, "advance", fail)
    chosen = choice.choose(on_a_gpu, range(4), asked, said.append, tf32=True)
    assert (isinstance(chosen.game.engine, Traced), chosen.compiled, chosen.tf32) == (True, False, False)
    assert said[1:] == [f"A round cannot be kept as a CUDA graph {WHY}; it is traced instead, in float32."]
