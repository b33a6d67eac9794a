"""What a traced round costs in floating-point operations, read off its straight line: a price that no machine's load changes."""

from __future__ import annotations

from torch import fx
from torch.utils.flop_counter import flop_registry

from zoo import products
from zoo.engine import Function


def flops(traced: Function) -> int:
    """Operations of the matrix products and convolutions of a traced round, forward and backward; elementwise work is not counted.

    A product ``[M, K] @ [K, N]`` is 2 M K N. Zero for a round that is not traced.
    """
    if not isinstance(traced, fx.GraphModule):
        return 0
    total = 0
    for node in traced.graph.nodes:
        held = products.value(node)
        if node.op != "call_function" or held is None:
            continue
        if node.target in (products.lane, products.lanes):
            inner = products.value(node.args[0])
            total += 2 * held.nelement() * (inner.shape[-1] if inner is not None else 0)
        elif (formula := flop_registry.get(getattr(node.target, "overloadpacket", None))) is not None:
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: n.meta.get("val"))
            total += formula(*args, **kwargs, out_val=held)
    return int(total)
