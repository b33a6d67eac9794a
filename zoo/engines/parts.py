"""Gradients of a traced round stay in the parts they are made in: sums meet before the parts are joined to one flat vector.

A player that plays twice in a loss (D on real, D on fake) gets its gradient as ``cat(parts) + cat(parts')``. The same sum, part by part, is
``cat(part + part')``: where a part is a product, the sum goes into it (``zoo.engines.products``), and the two long vectors are never written.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from zoo.engines import convolutions
from zoo.engines.nodes import call, value

aten = torch.ops.aten

MOVES = {aten.reshape.default, aten.transpose.int, aten.permute.default, convolutions.weights}
"""What puts numbers elsewhere and changes none: f(x) + f(y) = f(x + y)."""


def sum_first(graph: fx.Graph) -> None:
    """Every sum of two joined (or moved) tensors that nothing else reads as the join of sums, in place."""
    todo = [node for node in graph.nodes if node.target is aten.add.Tensor]
    while todo:
        node = todo.pop(0)
        pair = _alike(node)
        if pair is None:
            continue
        (first, second), target = pair, pair[0].target
        left, right = ((side.args[0] if target is aten.cat.default else [side.args[0]]) for side in pair)
        with graph.inserting_before(node):
            sums = [call(graph, aten.add.Tensor, a, b) for a, b in zip(left, right, strict=True)]  # type: ignore[arg-type]
            new = call(graph, target, sums if target is aten.cat.default else sums[0], *first.args[1:])
        node.replace_all_uses_with(new)
        for old in (node, first, second):
            graph.erase_node(old)
        todo[:0] = sums


def _alike(node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
    """The two sides of a sum, if both are joined, or moved, in one way from tensors of the same shapes."""
    if node.kwargs or len(node.args) != 2 or node.args[0] is node.args[1]:
        return None
    first, second = node.args
    if not isinstance(first, fx.Node) or not isinstance(second, fx.Node) or first.target is not second.target:
        return None
    if first.target is not aten.cat.default and first.target not in MOVES:
        return None
    if len(first.users) > 1 or len(second.users) > 1 or first.args[1:] != second.args[1:]:
        return None
    return (first, second) if _shapes(first) == _shapes(second) else None


def _shapes(node: fx.Node) -> list[Any]:
    found = [value(a) for a in node.all_input_nodes]
    return [(held.shape, held.dtype) for held in found if held is not None]
