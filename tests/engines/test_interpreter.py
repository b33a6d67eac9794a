"""A line without Python between its operations: the same bits, Python's lock left alone, and Python's own way where that cannot be had."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, fx
from torch.func import grad, vmap

from zoo.engines import recording, tracing
from zoo.optim import Adam


def a_round(ts: list[Tensor]) -> list[Tensor]:
    """Adam's step of two layers, and what they make then."""
    theta, m, v, x, lr = ts

    def loss(theta: Tensor) -> Tensor:
        a, b = theta.split([12, 8], -1)
        return torch.nn.functional.softplus(torch.tanh(torch.tanh(x @ a.view(3, 4)) @ b.view(4, 2))).mean()

    moved, state = Adam().step(theta, grad(loss)(theta), {"m": m, "v": v, "t": lr * 0}, lr)
    a, _ = moved.split([12, 8], -1)
    return [moved, state["m"], state["v"], x @ a.view(3, 4), loss(moved)]


def every(ts: list[Tensor]) -> list[Tensor]:
    return list(vmap(lambda *t: a_round(list(t)))(*ts))


def inputs() -> list[Tensor]:
    g = torch.Generator().manual_seed(0)
    made = [torch.randn(*shape, generator=g) for shape in ((3, 20), (3, 20), (3, 20), (3, 5, 3), (3,))]
    return [*made[:2], made[2].abs(), made[3], made[4].abs()]


def in_python(monkeypatch: pytest.MonkeyPatch) -> recording.Line:
    with monkeypatch.context() as m:
        m.setattr(recording, "interpreted", lambda *_: None)
        return tracing.trace(every, inputs(), donated=3)


def called(line: recording.Line) -> int:
    """Python functions and methods entered in one round, PyTorch's own among them."""
    count, given = 0, inputs()

    def seen(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    line([t.clone() for t in given])
    sys.setprofile(seen)
    try:
        line(given)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("long", [False, True], ids=["Adam in passes", "Adam as one kernel"])
def test_the_same_bits_as_in_python_round_after_round(monkeypatch: pytest.MonkeyPatch, long: bool) -> None:
    if long:
        monkeypatch.setattr("zoo.engines.fusing.LONG", 20)
    line, plain = tracing.trace(every, inputs(), donated=3), in_python(monkeypatch)
    ours, theirs = inputs(), inputs()
    for _ in range(5):
        got, want = line(ours), plain(theirs)
        assert all(map(torch.equal, got, want))
        ours, theirs = [*got[:3], *ours[3:]], [*want[:3], *theirs[3:]]


def test_products_are_not_joined() -> None:
    """TorchScript's own passes would make one large product of these, which rounds otherwise, from the second call on."""

    def function(ts: list[Tensor]) -> list[Tensor]:
        return [ts[0] @ ts[1] + ts[1] @ ts[2] + ts[2] @ ts[3] + ts[3] @ ts[0] + ts[0] @ ts[2]]

    g = torch.Generator().manual_seed(0)
    given = [torch.randn(64, 64, generator=g) for _ in range(4)]
    line = recording.record(function, given)
    line.interpret(given)
    assert not isinstance(line._play, fx.GraphModule)
    assert all(torch.equal(line(given)[0], function(given)[0]) for _ in range(4))


def test_a_line_that_is_dropped_is_gone() -> None:
    """``torch.jit.trace`` keeps what it wrote: of a sweep of image recipes, gigabytes."""
    kept = torch.jit._state._python_cu.get_functions
    before = len(kept())
    line = tracing.trace(every, inputs(), donated=3)
    assert not isinstance(line._play, fx.GraphModule)
    assert len(kept()) == before


def test_no_python_between_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    line = tracing.trace(every, inputs(), donated=3)
    assert called(line) < 20
    assert called(in_python(monkeypatch)) > len(tracing.nodes(line))


def test_what_is_given_as_an_example_stays_and_nothing_is_said() -> None:
    given = inputs()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracing.trace(every, given, donated=3)
    assert all(map(torch.equal, given, inputs()))


def images(ts: list[Tensor]) -> list[Tensor]:
    """Of a convolution and of batch normalisation the gradients are told by lists of truth values which of them are wanted."""

    def loss(x: Tensor, w: Tensor) -> Tensor:
        hidden = torch.nn.functional.batch_norm(torch.nn.functional.conv2d(x, w, padding=1), None, None, training=True)
        return hidden.square().mul(hidden).sum()

    return [loss(*ts), *grad(loss, argnums=(0, 1))(*ts), grad(loss, argnums=1)(*ts)]


def test_gradients_of_images_are_written_down_too() -> None:
    g = torch.Generator().manual_seed(1)
    x, w = torch.randn(2, 3, 8, 8, generator=g), torch.randn(8, 3, 3, 3, generator=g)
    line = recording.record(images, [x, w])
    told = {str(node.target) for node in line.graph.nodes}
    assert told >= {"aten.convolution_backward.default", "aten.native_batch_norm_backward.default"}
    line.interpret([x, w])
    assert not isinstance(line._play, fx.GraphModule)
    assert all(map(torch.equal, line([x, w]), images([x, w])))


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "broken"])
def test_python_plays_where_torch_has_no_interpreter_any_more(monkeypatch: pytest.MonkeyPatch, removed: bool) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise NotImplementedError("tracing")

    want = in_python(monkeypatch)(inputs())
    if removed:
        monkeypatch.delattr(torch._C, "_create_graph_by_tracing")
    else:
        monkeypatch.setattr(torch._C, "_create_graph_by_tracing", broken)
    line = tracing.trace(every, inputs(), donated=3)
    assert isinstance(line._play, fx.GraphModule)
    assert all(map(torch.equal, line(inputs()), want))
