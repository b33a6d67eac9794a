"""Convolutions of a traced round as matrix products: where they stand in its graph, and those to and from the smallest maps (CPU).

A position of the small map sees a window of the large one, through as much of the kernel as does not hang over its edge. One product for each
position does what a convolution is, what a transposed one is, and what differentiating either makes:

    fold       y_p = x[window p] . w[part p]          a convolution; the gradient of a transposed one by its input
    spread     x[window p] += w[part p]' . y_p        a transposed convolution; the gradient of a convolution by its input
    correlate  w[part p] += y_p' . x[window p]        the gradient of either by its weights

``G`` groups are the lanes that the seed map made of one convolution. On maps of 2 x 2, where half of a 5 x 5 kernel hangs over the edge,
oneDNN's own kernels run at a third of the machine's rate and products at most of it; above, they run better than products, but for one
thing: to maps of one or a few channels (images) ``overlay``, one product and a sum for each tap of the kernel, is up to four times faster.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from zoo.engines.nodes import call, value
from zoo.engines.onednn import multiply

aten = torch.ops.aten

SMALL = 4
"""Positions of the small map up to which products are faster."""
FEW = 4
"""Channels of the large map up to which a convolution onto it is faster tap by tap."""
TYPES = {torch.float32}
"""What is trained in: in float64, in which the contract compares rounds bit by bit or nearly so, a convolution stays as it is."""
WIDEST = 49
"""Positions of the largest kernel: what second derivatives make of a map as a kernel is left as it is."""


class Shape(NamedTuple):
    """Of the large map: its size, and the kernel, stride and padding that make the small one of it."""

    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)

    @property
    def small(self) -> tuple[int, int]:
        """Height and width of the small map."""
        down, across = (_positions(*side) for side in self._sides())
        return down, across

    def _sides(self) -> Iterator[tuple[int, int, int, int]]:
        spans = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        return zip((self.height, self.width), spans, self.stride, self.padding, strict=True)

    def windows(self) -> Iterator[tuple[tuple[int, int], tuple[slice, slice], tuple[slice, slice]]]:
        """For each position of the small map: it, its window in the large one, and the part of the kernel over that."""
        down, across = ([_window(at, *side) for at in range(_positions(*side))] for side in self._sides())
        for i, (rows, part_rows) in enumerate(down):
            for j, (columns, part_columns) in enumerate(across):
                yield (i, j), (rows, columns), (part_rows, part_columns)


def _positions(size: int, kernel: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - kernel) // stride + 1


def _window(at: int, size: int, kernel: int, stride: int, padding: int) -> tuple[slice, slice]:
    """Of one side: what position ``at`` sees, and the part of the kernel that it sees it through."""
    start = at * stride - padding
    low, high = max(0, start), max(0, min(size, start + kernel))
    return slice(low, high), slice(low - start, high - start)


def apart(maps: Tensor, groups: int) -> Tensor:
    """``[B, G C, H, W]`` as ``[G, B, H, W, C]``."""
    b, channels, height, width = maps.shape
    each = maps.view(b, groups, channels // groups, height, width).permute(1, 0, 3, 4, 2)
    return each.clone(memory_format=torch.contiguous_format)


def together(maps: Tensor) -> Tensor:
    """``[G, B, H, W, C]`` as ``[B, G C, H, W]``."""
    groups, b, height, width, c = maps.shape
    whole = maps.permute(1, 0, 4, 2, 3).clone(memory_format=torch.contiguous_format)
    return whole.view(b, groups * c, height, width)


def cut(w: Tensor, groups: int, shape: Shape) -> Tensor:
    """Of weights ``[G C', C, k, k]`` the part of every window, end to end: ``[G, C', sum of positions x C]``."""
    last = w.permute(0, 2, 3, 1).contiguous()
    windows = [last[:, rows, columns] for _, _, (rows, columns) in shape.windows()]
    sizes = [math.prod(window.shape[1:]) for window in windows]
    parts = w.new_empty(len(w), sum(sizes))
    for part, window in zip(parts.split(sizes, 1), windows, strict=True):
        part.unflatten(1, window.shape[1:]).copy_(window)
    return parts.view(groups, len(w) // groups, -1)


def fold(x: Tensor, parts: Tensor, shape: Shape) -> Tensor:
    """``x [G, B, H, W, C]``, ``parts`` of ``cut`` to ``y [G, B, h, w, C']``."""
    y, start = x.new_zeros(*x.shape[:2], *shape.small, parts.shape[1]), 0
    for (i, j), (rows, columns), _ in shape.windows():
        seen = x[:, :, rows, columns].flatten(2)
        part = parts[:, :, start : start + seen.shape[-1]]
        y[:, :, i, j] = multiply(seen, part.transpose(1, 2))
        start += seen.shape[-1]
    return y


def spread(y: Tensor, parts: Tensor, shape: Shape, channels: int) -> Tensor:
    """``y [G, B, h, w, C']``, ``parts`` of ``cut`` to ``x [G, B, H, W, C]``."""
    x, start = y.new_zeros(*y.shape[:2], shape.height, shape.width, channels), 0
    for (i, j), (rows, columns), _ in shape.windows():
        window = x[:, :, rows, columns]
        many = math.prod(window.shape[2:])
        window += multiply(y[:, :, i, j], parts[:, :, start : start + many]).view(window.shape)
        start += many
    return x


def overlay(y: Tensor, w: Tensor, groups: int, shape: Shape) -> Tensor:
    """``y [B, G C', h, w]``, weights ``[G C', C, k, k]`` to ``x [B, G C, H, W]``: ``spread`` where C is small."""
    (kh, kw), (sh, sw), (ph, pw) = shape.kernel, shape.stride, shape.padding
    b, _, h, width = y.shape
    c = w.shape[1]
    taps = w.reshape(groups, -1, c * kh * kw).transpose(1, 2) @ y.reshape(b, groups, -1, h * width)
    taps = taps.view(b, groups * c, kh, kw, h, width)
    x = y.new_zeros(b, groups * c, shape.height + 2 * ph + sh, shape.width + 2 * pw + sw)
    for i in range(kh):
        for j in range(kw):
            x[:, :, i : i + sh * h : sh, j : j + sw * width : sw] += taps[:, :, i, j]
    return x[:, :, ph : ph + shape.height, pw : pw + shape.width].contiguous()


def correlate(y: Tensor, x: Tensor, shape: Shape) -> Tensor:
    """``y [G, B, h, w, C']``, ``x [G, B, H, W, C]`` to weights ``[G, C', k, k, C]``."""
    w = x.new_zeros(len(x), y.shape[-1], *shape.kernel, x.shape[-1])
    for (i, j), (rows, columns), (part_rows, part_columns) in shape.windows():
        part = w[:, :, part_rows, part_columns]
        part += multiply(y[:, :, i, j].transpose(1, 2), x[:, :, rows, columns].flatten(2)).view(part.shape)
    return w


def weights(w: Tensor) -> Tensor:
    """``[G, C', k, k, C]`` as ``[G C', C, k, k]``."""
    return w.flatten(0, 1).permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format)


def rewrite(graph: fx.Graph, kind: type[Site]) -> None:
    """Every two-dimensional convolution of a traced ``graph``, and every gradient of one, in place, as this kind of site has it."""
    for node in list(graph.nodes):
        if node.target is aten.convolution.default:
            _forward(kind, graph, node, *node.args)
        elif node.target is aten.convolution_backward.default:
            _backward(kind, graph, node, *node.args)


def any_in(graph: fx.Graph) -> bool:
    """Whether a traced round has convolutions, in whatever form."""
    plain = {aten.convolution.default, aten.convolution_backward.default}
    forms = plain | {fold, spread, overlay, correlate, aten.col2im.default}
    return any(node.target in forms for node in graph.nodes)


@dataclass(frozen=True)
class Site(ABC):
    """A convolution in a graph, between a large map and a small one; each direction as products, or ``None`` where it should stay."""

    graph: fx.Graph
    weights: fx.Node
    """``[G C', C, k, k]``, whichever way it goes."""
    groups: int
    shape: Shape
    channels: int
    """Of the large map, by group."""

    @property
    def taken(self) -> bool:
        """Whether it is looked at."""
        return True

    @abstractmethod
    def to_small(self, large: fx.Node) -> fx.Node | None:
        """A convolution, or the gradient of a transposed one by its input."""

    @abstractmethod
    def to_large(self, small: fx.Node) -> fx.Node | None:
        """A transposed convolution, or the gradient of a convolution by its input."""

    @abstractmethod
    def to_weights(self, small: fx.Node, large: fx.Node) -> fx.Node | None:
        """The gradient of either by its weights."""

    def _made(self, target: Any, *args: Any) -> fx.Node:
        return call(self.graph, target, *args)


class Windows(Site):
    """Window by window (CPU), where oneDNN's kernels are slower."""

    @property
    def taken(self) -> bool:
        weights = value(self.weights)
        plain = self.shape.dilation == (1, 1) and math.prod(self.shape.kernel) <= WIDEST
        return plain and weights is not None and weights.dtype in TYPES

    @property
    def is_small(self) -> bool:
        return math.prod(self.shape.small) <= SMALL

    def _both(self, moving: fx.Node) -> tuple[fx.Node, fx.Node]:
        return self._made(apart, moving, self.groups), self._made(cut, self.weights, self.groups, self.shape)

    def to_small(self, large: fx.Node) -> fx.Node | None:
        return self._made(together, self._made(fold, *self._both(large), self.shape)) if self.is_small else None

    def to_large(self, small: fx.Node) -> fx.Node | None:
        if self.is_small:
            return self._made(together, self._made(spread, *self._both(small), self.shape, self.channels))
        few = self.channels <= FEW
        return self._made(overlay, small, self.weights, self.groups, self.shape) if few else None

    def to_weights(self, small: fx.Node, large: fx.Node) -> fx.Node | None:
        maps = (self._made(apart, each, self.groups) for each in (small, large)) if self.is_small else None
        return self._made(weights, self._made(correlate, *maps, self.shape)) if maps else None


def _site(kind: type[Site], graph: fx.Graph, large: Any, w: Any, how: Any) -> Site | None:
    """The convolution's, if it is one over a map."""
    stride, padding, dilation, _, _, groups, *_ = how
    big, kernel = value(large), value(w)
    if big is None or kernel is None or big.ndim != 4:
        return None
    (height, width), (kh, kw) = big.shape[2:], kernel.shape[2:]
    shape = Shape(height, width, (kh, kw), tuple(stride), tuple(padding), tuple(dilation))
    found = kind(graph, w, groups, shape, big.shape[1] // groups)
    return found if found.taken else None


def _forward(kind: type[Site], graph: fx.Graph, node: fx.Node, x: Any, w: Any, bias: Any, *how: Any) -> None:
    transposed = how[3]
    site = _site(kind, graph, node if transposed else x, w, how)
    if site is None:
        return
    with graph.inserting_before(node):
        new = site.to_large(x) if transposed else site.to_small(x)
        if new is None:
            return
        if bias is not None:
            new = call(graph, aten.add.Tensor, new, call(graph, aten.reshape.default, bias, [1, -1, 1, 1]))
    node.replace_all_uses_with(new)
    graph.erase_node(node)


def _backward(kind: type[Site], graph: fx.Graph, node: fx.Node, g: Any, x: Any, w: Any, sizes: Any, *how: Any) -> None:
    transposed, (to_x, to_w, to_bias) = how[3], how[-1]
    large, small = (g, x) if transposed else (x, g)
    site = _site(kind, graph, large, w, how)
    if site is None:
        return
    found: dict[Any, fx.Node | None] = {}
    with graph.inserting_before(node):
        if to_x:
            found[0] = site.to_small(g) if transposed else site.to_large(g)
        if to_w:
            found[1] = site.to_weights(small, large)
        if to_bias and None not in found.values():
            found[2] = call(graph, aten.sum.dim_IntList, g, [0, 2, 3])
    for part in list(node.users):
        new = found.get(part.args[1])
        if new is not None:
            part.replace_all_uses_with(new)
            graph.erase_node(part)
    left = [any(part.args[1] == i for part in node.users) for i in range(3)]
    node.args = (*node.args[:-1], left)
    if not node.users:
        graph.erase_node(node)
