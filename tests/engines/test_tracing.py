"""Tracing: the straight line computes what the function computes, with repeated work merged and thin products rewritten."""

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from zoo.engines import tracing
from zoo.optim import Adam


def check(function: tracing.Function, inputs: list[Tensor]) -> list[str]:
    traced = tracing.trace(function, inputs)
    fresh = [torch.randn_like(t) for t in inputs]
    for got, expected in zip(traced(fresh), function(fresh), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    return tracing.nodes(traced)


def doubles(*shapes: tuple[int, ...]) -> list[Tensor]:
    return [torch.randn(s, dtype=torch.float64) for s in shapes]


@pytest.mark.parametrize("rows", [1, 5, 40])
@pytest.mark.parametrize("inner", [1, 2, 30])
@pytest.mark.parametrize("columns", [1, 2, 30])
def test_products_of_every_thinness_and_layout(rows: int, inner: int, columns: int) -> None:
    a, b = doubles((3, rows, inner), (3, inner, columns))
    at, bt = doubles((3, inner, rows), (3, columns, inner))
    check(lambda ts: [torch.bmm(*ts)], [a, b])
    check(lambda ts: [torch.bmm(ts[0].mT, ts[1])], [at, b])
    check(lambda ts: [torch.bmm(ts[0], ts[1].mT)], [a, bt])
    check(lambda ts: [torch.bmm(ts[0].mT, ts[1].mT)], [at, bt])


def test_a_mapped_gradient_is_a_straight_line_of_plain_operations() -> None:
    def loss(w: Tensor, x: Tensor) -> Tensor:
        return torch.tanh(x @ w).square().mean()

    operations = check(lambda ts: [vmap(grad(loss))(*ts)], doubles((4, 6, 5), (4, 7, 6)))
    assert not any("vmap" in o or "autograd" in o for o in operations)


def test_repeated_work_is_merged_but_not_across_different_constants() -> None:
    def twice(ts: list[Tensor]) -> list[Tensor]:
        (x,) = ts
        return [torch.exp(x) + torch.exp(x), x.pow(2), x.pow(2.0), x.pow(3)]

    operations = check(twice, doubles((3,)))
    assert operations.count("aten.exp.default") == 1
    assert operations.count("aten.pow.Tensor_Scalar") == 3


def test_inputs_that_are_one_tensor_while_tracing_stay_apart() -> None:
    """An average of weights starts as the weights themselves."""
    x = torch.randn(4, dtype=torch.float64)
    traced = tracing.trace(lambda ts: [ts[0] - ts[1]], [x, x])
    a, b = doubles((4,), (4,))
    torch.testing.assert_close(traced([a, b])[0], a - b)


def test_a_bias_goes_into_its_product_but_not_into_one_that_is_used_twice() -> None:
    a, b, c = doubles((3, 6, 5), (3, 5, 20), (3, 1, 20))
    assert "aten.baddbmm.default" in check(lambda ts: [torch.bmm(ts[0], ts[1]) + ts[2]], [a, b, c])

    def twice(ts: list[Tensor]) -> list[Tensor]:
        product = torch.bmm(ts[0], ts[1])
        return [product + ts[2], product]

    assert "aten.baddbmm.default" not in check(twice, [a, b, c])
    sums = check(lambda ts: [torch.bmm(ts[0], ts[1]) + torch.bmm(ts[1].mT, ts[0].mT).mT], [a, b])
    assert "aten.baddbmm_.default" in sums or "aten.baddbmm.default" in sums
    assert not any("add.Tensor" in o for o in sums)


def test_elementwise_results_are_written_over_what_is_read_no_more_and_over_nothing_else() -> None:
    def function(ts: list[Tensor]) -> list[Tensor]:
        x, y = ts
        kept = torch.exp(x)  # an input stays
        a = torch.sin(kept + y)  # the sum is free, and kept is an output
        left = a[:2]
        b = torch.cos(a) + left.sum()  # a is read through its view afterwards
        twice = x * y
        return [kept, b, left * 2, twice + twice.flip(0), (x - y) * (x - y).flip(0)]

    operations = check(function, doubles((4, 3), (4, 3)))
    assert "aten.exp.default" in operations
    assert "aten.sin_.default" in operations
    assert "aten.cos.default" in operations  # left is read after it
    assert "aten.add_.Tensor" in operations


def test_gradients_of_activations_are_written_over_the_gradient_that_came_in() -> None:
    def loss(x: Tensor) -> Tensor:
        hidden = torch.relu(x @ x)
        return torch.tanh(torch.relu(hidden @ x)).sum()

    operations = check(lambda ts: [vmap(grad(loss))(*ts)], doubles((3, 4, 4)))
    assert "aten.threshold_backward.grad_input" in operations


def adam(ts: list[Tensor]) -> list[Tensor]:
    """Two steps of Adam's on a stack of vectors, as a player takes them."""
    theta, m, v, x, lr = ts
    state = {"m": m, "v": v.abs(), "t": lr * 0 + 3}
    for _ in range(2):
        theta, state = Adam(b1=0.5).step(theta, torch.sin(theta * x), state, lr)
    return [theta, state["m"], state["v"]]


@pytest.mark.parametrize("shape", [(3, 50), (50,)], ids=["lanes", "one lane"])
def test_a_long_adam_is_one_kernel_where_nobody_looks_ahead_through_it(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [*doubles(*[shape] * 4), torch.rand(shape[:-1], dtype=torch.float64) + 0.1]
    assert not any("adam_" in o for o in tracing.nodes(tracing.trace(adam, inputs, donated=3)))
    monkeypatch.setattr("zoo.engines.fusing.LONG", 50)
    traced = tracing.trace(adam, inputs, donated=3)
    assert sum("adam_" in o for o in tracing.nodes(traced)) == 2
    assert not any("clone" in o for o in tracing.nodes(traced))
    want = adam(inputs)
    for got, expected in zip(traced([t.clone() for t in inputs]), want, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)

    def ahead(ts: list[Tensor]) -> list[Tensor]:
        return [grad(lambda theta: adam([theta, *ts[1:]])[0].square().sum())(ts[0])]

    assert not any("adam_" in o for o in check(ahead, inputs))


def test_adam_reads_a_long_gradient_in_the_parts_it_was_made_in(monkeypatch) -> None:
    """One player, playing twice in its loss: two layers, both gradients summed inside the products, joined nowhere."""

    def loss(theta: Tensor, x: Tensor) -> Tensor:
        a, b = theta.split([12, 8], -1)
        return torch.tanh(torch.tanh(x @ a.view(3, 4)) @ b.view(4, 2)).sum()

    def step(ts: list[Tensor]) -> list[Tensor]:
        theta, m, v, x, y, lr = ts
        slope = grad(lambda theta: loss(theta, x) - loss(theta, y))
        moved, state = Adam().step(theta, slope(theta), {"m": m, "v": v, "t": lr * 0}, lr)
        return [moved, state["m"], state["v"]]

    def every(ts: list[Tensor]) -> list[Tensor]:
        return list(vmap(lambda *t: step(list(t)))(*ts))

    inputs = [*doubles((3, 20), (3, 20), (3, 20), (3, 5, 3), (3, 5, 3)), torch.rand(3, dtype=torch.float64)]
    inputs[2] = inputs[2].abs()
    want = every([t.clone() for t in inputs])
    for least, joins in ((20, 0), (21, 1)):
        monkeypatch.setattr("zoo.engines.fusing.LONG", least)
        traced = tracing.trace(every, inputs, donated=3)
        operations = tracing.nodes(traced)
        assert sum("cat" in o for o in operations) == joins
        assert sum("baddbmm" in o for o in operations) == 2
        for got, expected in zip(traced([t.clone() for t in inputs]), want, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


def test_only_inputs_that_are_given_away_are_written_over() -> None:
    def function(ts: list[Tensor]) -> list[Tensor]:
        return [ts[0] * 2 + ts[1], ts[1].sin()]

    inputs = doubles((5,), (5,))
    kept = [t.clone() for t in inputs]
    tracing.trace(function, inputs)(inputs)
    assert all(map(torch.equal, inputs, kept))
    given = tracing.trace(function, inputs, donated=2)
    out = given(inputs)
    assert out[0].data_ptr() == inputs[0].data_ptr()
    for got, expected in zip(out, function(kept), strict=True):
        torch.testing.assert_close(got, expected)
    whole = tracing.trace(lambda ts: [torch.zeros_like(t) for t in ts], inputs, donated=2)(inputs)
    assert whole[0].data_ptr() != whole[1].data_ptr()  # equal, but each is written over later


def test_zeros_are_not_added() -> None:
    whole, row = doubles((3, 4), (4,))
    assert check(lambda ts: [torch.sin(ts[0]) + torch.zeros_like(ts[0])], [whole]) == ["aten.sin.default"]
    assert len(check(lambda ts: [ts[1] + torch.zeros_like(ts[0])], [whole, row])) == 2  # broadcast: the shape is theirs
