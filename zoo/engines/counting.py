"""What a traced round costs in floating-point operations, read off its straight line: a price that no machine's load changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import fx
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from zoo.engines import convolutions, reuse
from zoo.engines.nodes import value
from zoo.engines.tracing import Function, Line, SeedBySeed, line_of

aten = torch.ops.aten


def flops(traced: Function) -> int:
    """Operations of the matrix products and convolutions of a traced round, forward and backward; elementwise work is not counted.

    A product ``[M, K] @ [K, N]`` is 2 M K N. Of one seed for a round that is played seed by seed; zero for one that is not traced.
    """
    if isinstance(traced, SeedBySeed):
        return traced.flops
    if (line := line_of(traced)) is None:
        return 0
    total = 0
    for node in line.graph.nodes:
        held = node.meta.get("val")  # of a convolution's backward pass, a tuple
        if node.op != "call_function" or held is None:
            continue
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: n.meta.get("val"))
        if node.target in (convolutions.fold, convolutions.spread, convolutions.overlay, convolutions.correlate):
            with FlopCounterMode(display=False) as counted:
                node.target(*args)
            total += counted.get_total_flops()
        else:
            total += _operations(_packet(node.target), *args, **kwargs, out_val=held)
    return int(total)


def traffic(line: Line) -> int:
    """Bytes that a line's operations read and write, but for its products: what joining them saves most of."""
    total = 0
    for node in _computed(line):
        held = value(node)
        if held is not None and not flop_registry.get(_packet(node.target)):
            read = (value(given) for given in node.all_input_nodes)
            total += sum(t.nelement() * t.element_size() for t in (held, *read) if t is not None)
    return total


def operations(line: Line) -> int:
    """How many of a line's operations compute something; the others are views."""
    return sum(1 for _ in _computed(line))


def _computed(line: Line) -> Iterator[fx.Node]:
    made = reuse.owners(line.graph)
    for node in line.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if node.op == "call_function" and (made[node] is node or (schema is not None and schema.is_mutable)):
            yield node


def _packet(target: Any) -> Any:
    """The operation without its overload, and the same for its form in place."""
    name = getattr(getattr(target, "overloadpacket", None), "__name__", "")
    return getattr(getattr(torch.ops, target.namespace), name.rstrip("_"), None) if name else None


def _operations(packet: Any, *args: Any, **kwargs: Any) -> int:
    """By PyTorch's formulas, but for a convolution's gradients: theirs take groups for one; each costs what the convolution does."""
    if packet is aten.convolution_backward:
        g, x, w, _, *how, (to_x, to_w, _) = args
        return (to_x + to_w) * _operations(aten.convolution, x, w, None, *how, out_val=g)
    formula = flop_registry.get(packet)
    return int(formula(*args, **kwargs)) if formula else 0
