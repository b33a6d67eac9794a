"""Convolutions of the traced round, in whatever form, against PyTorch's own; forward, gradients, and gradients of gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn.functional import conv2d, conv_transpose2d

from zoo.engines import convolutions, counting, tracing
from zoo.engines.columns import Columns
from zoo.engines.recording import Function, Line, record

SHAPES = {
    "small map": ((3, 6, 4, 3), (5, 6, 5, 5), 2, 2),
    "small map, uneven": ((3, 2, 4, 3), (4, 2, 3, 2), 1, 0),
    "large map": ((2, 3, 14, 12), (4, 3, 5, 5), 2, 2),
    "large map, many channels": ((2, 5, 9, 8), (4, 5, 3, 3), 2, 1),
}


def regular(x: Tensor, w: Tensor, b: Tensor, stride: int, padding: int) -> Tensor:
    return conv2d(x, w, b, stride, padding)


def transposed(x: Tensor, w: Tensor, b: Tensor, stride: int, padding: int) -> Tensor:
    return conv_transpose2d(x, w, b, stride, padding, output_padding=stride - 1)


def windows(function: Function, example: list[Tensor]) -> Line:
    return tracing.trace(function, example)


def columns(function: Function, example: list[Tensor]) -> Line:
    """As a round is traced on a GPU."""
    line = record(function, example)
    tracing.tidy(line.graph)
    before = counting.flops(line)
    convolutions.rewrite(line.graph, Columns)
    tracing.tidy(line.graph)
    assert not any("convolution" in name for name in tracing.nodes(line))
    assert counting.flops(line) == before
    return line


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s)
@pytest.mark.parametrize("kind", [regular, transposed], ids=lambda k: k.__name__)
@pytest.mark.parametrize("twice", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("way", [windows, columns], ids=lambda w: w.__name__)
def test_every_convolution_is_what_it_was(lanes: int, shape: str, kind, twice: bool, way, monkeypatch) -> None:
    monkeypatch.setattr(convolutions, "TYPES", {torch.float64})
    size, kernel, stride, padding = SHAPES[shape]
    (b, c, *map_), (c2, *_) = size, kernel
    if kind is transposed and shape.startswith("small"):
        map_ = [2, 2]
    x = torch.randn(lanes, b, c if kind is regular else c2, *map_, dtype=torch.float64)
    w, bias = torch.randn(lanes, *kernel, dtype=torch.float64), torch.randn(lanes, c2, dtype=torch.float64)
    bias = bias if kind is regular else bias[:, :1].expand(-1, c).clone()

    def loss(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return torch.sin(kind(x, w, b, stride, padding)).sum()

    def penalty(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return grad(loss)(x, w, b).square().sum()

    first = grad(penalty if twice else loss, argnums=(0, 1, 2))

    def every(ts: list[Tensor]) -> list[Tensor]:
        return list(vmap(first)(*ts)) if lanes > 1 else [t[None] for t in first(*[t[0] for t in ts])]

    traced = way(every, [x, w, bias])
    for got, expected in zip(traced([x, w, bias]), every([x, w, bias]), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)
    if shape.startswith("small") and not twice:
        assert not any("convolution" in o.split()[0] for o in tracing.nodes(traced))


LAST = torch.channels_last


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize(
    "lie", [lambda x: x.to(memory_format=LAST), lambda x: x.mT.contiguous().mT], ids=["last", "mT"]
)
def test_columns_of_maps_that_lie_otherwise(padding: int, lie: Callable[[Tensor], Tensor]) -> None:
    """PyTorch's padding keeps such strides."""
    x, w = lie(torch.randn(2, 3, 6, 5, dtype=torch.float64)), torch.randn(4, 3, 3, 3, dtype=torch.float64)

    def loss(x: Tensor, w: Tensor) -> Tensor:
        return torch.conv2d(x, w, padding=padding).sin().sum()

    def both(ts: list[Tensor]) -> list[Tensor]:
        return [torch.conv2d(*ts, padding=padding), *grad(loss, (0, 1))(*ts)]

    for ours, theirs in zip(columns(both, [x, w])([x, w]), both([x, w]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_spread_is_the_adjoint_of_fold_and_both_are_of_the_weights() -> None:
    """<y, fold(x, w)> = <spread(y, w), x> = <correlate(y, x), w>, with windows that hang over every edge."""
    shape = convolutions.Shape(6, 5, (3, 2), (2, 1), (1, 1))
    x = torch.randn(4, 2 * 3, 6, 5, dtype=torch.float64)
    w = torch.randn(2 * 7, 3, 3, 2, dtype=torch.float64)
    parts, inside = convolutions.cut(w, 2, shape), convolutions.apart(x, 2)
    made = convolutions.fold(inside, parts, shape)
    torch.testing.assert_close(convolutions.together(made), conv2d(x, w, None, (2, 1), (1, 1), groups=2))
    y = torch.randn_like(made)
    torch.testing.assert_close((y * made).sum(), (convolutions.spread(y, parts, shape, 3) * inside).sum())
    torch.testing.assert_close(
        (y * made).sum(), (convolutions.weights(convolutions.correlate(y, inside, shape)) * w).sum()
    )
