"""Convolutions to and from the smallest maps of a traced round, as matrix products (CPU).

A convolution is a product of patches, ``y = P(x) M(w)``, and everything that differentiating one makes is built of the same parts:
``P`` (patches), its adjoint ``P*`` (each patch added back where it came from) and the weights as a matrix ``M [G, k k C, C']``:

    convolution           y  = P(x) M          transposed   y  = P*(x M')
    with respect to x     g_x = P*(g M')                    g_x = P(g) M
    with respect to w     g_M = P(x)' g                     g_M = P(g)' x

``G`` groups are the lanes that the seed map made of one convolution. On maps of 2 x 2 oneDNN's own kernels run at a third of the machine's
rate and products at all of it; above, patches cost more than they give.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch.nn.functional import pad

from zoo.products import call, flip, value

aten = torch.ops.aten

SMALL = 4
"""Positions of the smaller map up to which a product is faster."""
TYPES = {torch.float32}
"""What is trained in: in float64, in which the contract compares rounds bit by bit or nearly so, a convolution stays as it is."""
WIDEST = 49
"""Positions of the largest kernel: what second derivatives make of a map as a kernel is left as it is."""


class Shape(NamedTuple):
    """Of the map that patches are taken from: its size, and the kernel, stride and padding."""

    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def view(self, padded: Tensor) -> Tensor:
        """All patches ``[G, B, h, w, k, k C]`` as a view of ``padded [G, B, H, W, C]``."""
        (kh, kw), (sh, sw) = self.kernel, self.stride
        g, b, height, width, c = padded.shape
        h, w = (height - kh) // sh + 1, (width - kw) // sw + 1
        lane, image, row, column, _ = padded.stride()
        return padded.as_strided((g, b, h, w, kh, kw * c), (lane, image, row * sh, column * sw, row, 1))


def rows(maps: Tensor, groups: int) -> Tensor:
    """``[B, G C, h, w]`` to ``[G, B h w, C]``."""
    b, channels, h, w = maps.shape
    apart = maps.view(b, groups, channels // groups, h, w).permute(1, 0, 3, 4, 2)
    return apart.clone(memory_format=torch.contiguous_format).view(groups, b * h * w, -1)


def maps(rows: Tensor, h: int, w: int) -> Tensor:
    """``[G, B h w, C]`` to ``[B, G C, h, w]``."""
    together = rows.view(len(rows), -1, h, w, rows.shape[-1]).permute(1, 0, 4, 2, 3)
    return together.clone(memory_format=torch.contiguous_format).view(len(together), -1, h, w)


def patches(x: Tensor, groups: int, shape: Shape) -> Tensor:
    """P: ``[B, G C, H, W]`` to ``[G, B h w, k k C]``."""
    b, channels, height, width = x.shape
    (ph, pw), c = shape.padding, channels // groups
    apart = x.view(b, groups, c, height, width).permute(1, 0, 3, 4, 2)
    taken = shape.view(pad(apart, (0, 0, pw, pw, ph, ph)).contiguous())
    return taken.clone(memory_format=torch.contiguous_format).view(groups, -1, math.prod(shape.kernel) * c)


def scatter(patches: Tensor, batch: int, shape: Shape) -> Tensor:
    """P*: ``[G, B h w, k k C]`` to ``[B, G C, H, W]``."""
    (kh, kw), (sh, sw), (ph, pw) = shape.kernel, shape.stride, shape.padding
    groups, _, columns = patches.shape
    c, height, width = columns // (kh * kw), shape.height + 2 * ph, shape.width + 2 * pw
    h, w = (height - kh) // sh + 1, (width - kw) // sw + 1
    made, taken = patches.new_zeros(groups, batch, height, width, c), patches.view(groups, batch, h, w, kh, kw, c)
    for i in range(kh):
        for j in range(kw):
            made[:, :, i : i + sh * h : sh, j : j + sw * w : sw] += taken[:, :, :, :, i, j]
    inside = made[:, :, ph : ph + shape.height, pw : pw + shape.width].permute(1, 0, 4, 2, 3)
    return inside.clone(memory_format=torch.contiguous_format).view(batch, groups * c, shape.height, shape.width)


def matrix(w: Tensor, groups: int) -> Tensor:
    """Weights ``[G C', C, k, k]`` as ``M [G, k k C, C']``."""
    apart = w.view(groups, -1, *w.shape[1:]).permute(0, 3, 4, 2, 1)
    return apart.clone(memory_format=torch.contiguous_format).view(groups, -1, len(w) // groups)


def weights(m: Tensor, kernel: tuple[int, int]) -> Tensor:
    """``[G, k k C, C']`` as ``[G C', C, k, k]``."""
    apart = m.view(len(m), *kernel, -1, m.shape[-1]).permute(0, 4, 3, 1, 2)
    return apart.clone(memory_format=torch.contiguous_format).view(-1, apart.shape[2], *kernel)


def rewrite(graph: fx.Graph) -> None:
    """Every two-dimensional convolution of a traced ``graph``, and every gradient of one, in place."""
    for node in list(graph.nodes):
        if node.target is aten.convolution.default:
            _forward(graph, node, *node.args)
        elif node.target is aten.convolution_backward.default:
            _backward(graph, node, *node.args)


def _shape(large: Tensor | None, w: Tensor | None, stride: Any, padding: Any, dilation: Any) -> Shape | None:
    """The convolution's shape, if it is one of a small kernel over a map; ``large`` is what patches are taken from."""
    if large is None or w is None or large.dtype not in TYPES or large.ndim != 4 or any(d != 1 for d in dilation):
        return None
    kernel = (w.shape[2], w.shape[3])
    height, width = large.shape[2:]
    return Shape(height, width, kernel, tuple(stride), tuple(padding)) if math.prod(kernel) <= WIDEST else None


def _forward(graph: fx.Graph, node: fx.Node, x: Any, w: Any, bias: Any, *how: Any) -> None:
    stride, padding, dilation, transposed, _, groups = how
    shape = _shape(value(node if transposed else x), value(w), stride, padding, dilation)
    small = value(x if transposed else node)
    if shape is None or small is None or math.prod(small.shape[2:]) > SMALL:
        return
    (batch, _, h, w_), made = small.shape, partial(call, graph)
    with graph.inserting_before(node):
        m = made(matrix, w, groups)
        if transposed:
            new = made(scatter, made(aten.bmm.default, made(rows, x, groups), flip(graph, m)), batch, shape)
        else:
            new = made(maps, made(aten.bmm.default, made(patches, x, groups, shape), m), h, w_)
        if bias is not None:
            new = made(aten.add.Tensor, new, made(aten.reshape.default, bias, [1, -1, 1, 1]))
    node.replace_all_uses_with(new)
    graph.erase_node(node)


def _backward(graph: fx.Graph, node: fx.Node, g: Any, x: Any, w: Any, sizes: Any, *how: Any) -> None:
    stride, padding, dilation, transposed, _, groups, (to_x, to_w, to_bias) = how
    large, narrow = (g, x) if transposed else (x, g)
    shape, small = _shape(value(large), value(w), stride, padding, dilation), value(narrow)
    if shape is None or small is None or math.prod(small.shape[2:]) > SMALL:
        return
    (batch, _, h, w_), made = small.shape, partial(call, graph)
    found: dict[int, fx.Node] = {}
    with graph.inserting_before(node):
        m = made(matrix, w, groups)
        # what of these nobody takes is dropped afterwards as dead code
        taken = made(patches, large, groups, shape)
        across = made(rows, narrow, groups)
        if to_x and transposed:
            found[0] = made(maps, made(aten.bmm.default, taken, m), h, w_)
        elif to_x:
            found[0] = made(scatter, made(aten.bmm.default, across, flip(graph, m)), batch, shape)
        if to_w:
            found[1] = made(weights, made(aten.bmm.default, flip(graph, taken), across), shape.kernel)
        if to_bias:
            found[2] = made(aten.sum.dim_IntList, g, [0, 2, 3])
    for part in list(node.users):
        _, which = part.args
        part.replace_all_uses_with(found[which])  # type: ignore[index]
        graph.erase_node(part)
    graph.erase_node(node)
