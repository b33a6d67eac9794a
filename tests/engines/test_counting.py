"""Operations counted off a traced round, against the arithmetic of its layers."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from zoo.engines import counting, tracing
from zoo.engines.recording import record
from zoo.runs.cell import plan
from zoo.runs.session import start


def test_products_and_convolutions_and_their_gradients() -> None:
    def f(args: list[torch.Tensor]) -> list[torch.Tensor]:
        x, w, image, kernel = args
        y = torch.func.grad(lambda w: (x @ w).square().sum())(w)
        return [y, torch.nn.functional.conv2d(image, kernel)]

    args = [torch.randn(5, 64), torch.randn(64, 32), torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)]
    product, convolution = 2 * 5 * 64 * 32, 2 * (2 * 4 * 6 * 6) * 3 * 3 * 3
    assert (
        counting.flops(tracing.trace(f, args)) == 2 * product + convolution
    )  # forward, and the gradient with respect to w
    assert counting.flops(f) == 0

    back = lambda args: list(torch.func.grad(lambda x, w: torch.conv2d(x, w).square().sum(), (0, 1))(*args))  # noqa: E731
    assert counting.flops(tracing.trace(back, args[2:])) == 3 * convolution  # forward, and both gradients
    small = [args[2][:, :, :4, :4], args[3]]
    assert counting.flops(tracing.trace(back, small)) == 3 * 2 * (2 * 4 * 2 * 2) * 3 * 3 * 3  # as products of patches
    lanes = [torch.randn(5, 2, 3, 8, 8), torch.randn(5, 4, 3, 3, 3)]
    assert (
        counting.flops(tracing.trace(lambda ts: list(torch.vmap(lambda *t: back(t))(*ts)), lanes)) == 15 * convolution
    )


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_seed_s_round_costs_the_same_among_others(seeds: int, tmp_path: Path) -> None:
    """ns on nets d-w-w-1 and z-w-w-d: D's turn 8 products' worth of each layer, G's turn the rest; counted per seed."""
    run = start(plan("ns", seeds=seeds, changes={"rounds": 2, "width": 32, "batch": 16}), out=tmp_path / "run")
    found = run.training.flops
    b, w, z, d = 16, 32, 2, 2
    one = 2 * b
    D, G = one * (d * w + w * w + w), one * (z * w + w * w + w * d)
    d_turn = (
        2 * D + G + 2 * D + 2 * (D - one * d * w)
    )  # forward of both batches and of G; gradients of weights, then of what they see
    g_turn = G + D + D + G + (G - one * z * w)  # forward; back through D to x, through G to its weights
    assert found == pytest.approx(d_turn + g_turn, rel=0.15)


def test_looking_ahead_costs_its_steps(tmp_path: Path) -> None:
    """Every step after the first costs the same; the first less, since nothing has to be carried back through D's gradient before it."""
    plans = [plan("unrolled", {"k": k}, seeds=2, changes={"rounds": 2}) for k in range(5)]
    cost = [start(cell, out=tmp_path / str(k)).training.flops for k, cell in enumerate(plans)]
    first, *others = [b - a for a, b in pairwise(cost)]
    assert 0 < first < others[0]
    assert others == [others[0]] * 3


def test_operations_of_products_are_counted_in_whatever_form_they_take() -> None:
    a, b, c = torch.randn(3, 40, 50), torch.randn(3, 50, 60), torch.randn(3, 1, 60)
    traced = tracing.trace(lambda ts: [torch.bmm(ts[0], ts[1]) + ts[2]], [a, b, c])
    assert counting.flops(traced) == 2 * 3 * 40 * 50 * 60
    big = tracing.trace(lambda ts: [torch.bmm(*ts)], [torch.randn(2, 256, 256)] * 2)
    assert counting.flops(big) == 2 * 2 * 256**3


def test_traffic_is_what_all_but_products_read_and_write() -> None:
    def f(args: list[torch.Tensor]) -> list[torch.Tensor]:
        x, w = args
        y = (x @ w).relu()
        return [y.t(), y.sum(0)]

    line = record(f, [torch.randn(4, 6), torch.randn(6, 5)])
    relu, total = 2 * 20, 20 + 5  # a view costs nothing
    assert counting.traffic(line) == 4 * (relu + total)
