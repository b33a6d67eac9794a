"""Nodes of a traced round's graph, and what they hold: the shape, strides and type of a tensor without memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx


def value(node: Any) -> Tensor | None:
    """A tensor without memory like what the node holds."""
    found = node.meta.get("val") if isinstance(node, fx.Node) else None
    return found if isinstance(found, Tensor) else None


def call(graph: fx.Graph, target: Any, *args: Any) -> fx.Node:
    """A new node, with the shape of what it holds."""
    node = graph.call_function(target, args)
    node.meta["val"] = target(*fx.node.map_arg(args, value))
    return node


def copied(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """The same numbers end to end in memory of their own."""
    copy, held = graph.call_function(torch.ops.aten.clone.default, (node,)), value(node)
    copy.kwargs = {"memory_format": torch.contiguous_format}
    copy.meta["val"] = None if held is None else torch.empty(held.shape, dtype=held.dtype, device="meta")
    return copy
