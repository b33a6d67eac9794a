"""Convolutions of a traced round by columns (CUDA): every window of a map written out, and one product for all windows and lanes.

With ``G`` lanes, ``x [B, G C, H, W]`` and weights ``w [G C', C, k, k]``:

    columns(x) [G, B h w, C k k]        what each position of the small map sees
    y = w columns(x)'                   a convolution; the gradient of a transposed one by its input
    x = overlap-add of w' y             a transposed convolution; the gradient of a convolution by its input
    w = y columns(x)                    the gradient of either by its weights

The grouped convolutions that the seed map makes run at a tenth of a GPU's rate: 16 lanes of a DCGAN took 53 ms a round so, 22 with a graph and a
stream for each, and 19.5 by columns (H200, float32). Those of a kernel of 5 x 5 and stride 2 are six times the map, but a GPU's memory keeps up.
"""

from __future__ import annotations

import math

import torch
from torch import fx

from zoo.engines.convolutions import Site
from zoo.engines.nodes import copied, value

aten = torch.ops.aten


class Columns(Site):
    """Each direction by columns. What two of them share (columns of one map) is one node after ``tracing.tidy``."""

    def to_small(self, large: fx.Node) -> fx.Node:
        columns = self._made(aten.transpose.int, self._columns(large), 1, 2)
        y = self._made(aten.bmm.default, self._flat(), columns)  # [G, C', B h w]
        return self._made(
            aten.reshape.default, self._maps(y), [-1, self.groups * self._small_channels, *self.shape.small]
        )

    def to_large(self, small: fx.Node) -> fx.Node:
        s, flat = self.shape, self._made(aten.transpose.int, self._flat(), 1, 2)
        windows = self._maps(self._made(aten.bmm.default, flat, self._rows(small)))  # [B, G C k k, h w]
        how = (list(pair) for pair in (s.kernel, s.dilation, s.padding, s.stride))
        return self._made(aten.col2im.default, windows, [s.height, s.width], *how)

    def to_weights(self, small: fx.Node, large: fx.Node) -> fx.Node:
        w = self._made(aten.bmm.default, self._rows(small), self._columns(large))
        size = [self.groups * self._small_channels, self.channels, *self.shape.kernel]
        return self._made(aten.reshape.default, w, size)

    @property
    def _small_channels(self) -> int:
        held = value(self.weights)
        assert held is not None
        return held.shape[0] // self.groups

    @property
    def _positions(self) -> int:
        return math.prod(self.shape.small)

    def _flat(self) -> fx.Node:
        """Weights ``[G, C', C k k]``."""
        return self._made(
            aten.reshape.default,
            self.weights,
            [self.groups, self._small_channels, self.channels * math.prod(self.shape.kernel)],
        )

    def _rows(self, small: fx.Node) -> fx.Node:
        """``[B, G C', h, w]`` as ``[G, C', B h w]``."""
        each = self._made(aten.reshape.default, small, [-1, self.groups, self._small_channels, self._positions])
        apart = copied(self.graph, self._made(aten.permute.default, each, [1, 2, 0, 3]))
        return self._made(aten.reshape.default, apart, [self.groups, self._small_channels, -1])

    def _maps(self, rows: fx.Node) -> fx.Node:
        """``[G, n, B h w]`` as ``[B, G n, h w]``."""
        held = value(rows)
        assert held is not None
        many = held.shape[1]
        each = self._made(aten.reshape.default, rows, [self.groups, many, -1, self._positions])
        apart = copied(self.graph, self._made(aten.permute.default, each, [2, 0, 1, 3]))
        return self._made(aten.reshape.default, apart, [-1, self.groups * many, self._positions])

    def _columns(self, large: fx.Node) -> fx.Node:
        """``[B, G C, H, W]`` as ``[G, B h w, C k k]``."""
        (top, left), (kh, kw), (h, w) = self.shape.padding, self.shape.kernel, self.shape.small
        (down, across), (further, wider) = self.shape.stride, self.shape.dilation
        given, padded = value(large), (top, left) != (0, 0)
        assert given is not None
        if not padded or not given.is_contiguous():  # strides are counted below
            large = copied(self.graph, large)
        whole = self._made(aten.constant_pad_nd.default, large, [left, left, top, top], 0.0) if padded else large
        held = value(whole)
        assert held is not None
        batch, _, height, width = held.shape
        of_map, of_row = height * width, width
        of_lane = self.channels * of_map
        sizes = [self.groups, batch, h, w, self.channels, kh, kw]
        strides = [of_lane, self.groups * of_lane, down * of_row, across, of_map, further * of_row, wider]
        windows = copied(self.graph, self._made(aten.as_strided.default, whole, sizes, strides))
        return self._made(aten.reshape.default, windows, [self.groups, batch * h * w, self.channels * kh * kw])
