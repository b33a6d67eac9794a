"""Memory of a traced round: which nodes share a tensor, when it is read for the last time, and elementwise results written over it then."""

from __future__ import annotations

import functools
import operator
from collections.abc import Set
from typing import Any

import torch
from torch import fx

from zoo.engines import onednn
from zoo.engines.nodes import value

aten = torch.ops.aten

COMMUTE = {aten.add.Tensor, aten.mul.Tensor}
BACKWARD = {
    aten.threshold_backward.default,
    aten.leaky_relu_backward.default,
    aten.tanh_backward.default,
    aten.sigmoid_backward.default,
    aten.softplus_backward.default,
}
"""Elementwise, first argument the gradient."""
ACCUMULATE = {aten.baddbmm.default, aten.addmm.default, onednn.ADDMM}
"""The product is added to the first argument."""


def owners(graph: fx.Graph) -> dict[fx.Node, fx.Node]:
    """For every node the one that made the memory it holds: itself, or what it is a view of (or may be)."""
    made: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        # a part of a tuple lies where what made the tuple put it: splitting in what is split, Adam's step in the argument of its place
        call, part = node.args if node.target is operator.getitem else (node, 0)
        found = _argument(call.target, part) if node.op == "call_function" else None
        if found is None:
            made[node] = node
        else:
            place, name = found
            made[node] = made[call.args[place] if place < len(call.args) else call.kwargs[name]]
    return made


@functools.cache
def _argument(target: Any, part: int) -> tuple[int, str] | None:
    """Place and name of the argument where this part of an operation's result lies; ``None`` where it has memory of its own."""
    schema = getattr(target, "_schema", None)
    if schema is None or not schema.returns:
        return None
    returned = schema.returns[part if len(schema.returns) > 1 else 0].alias_info
    if returned is None:
        return None
    shared = [
        i for i, a in enumerate(schema.arguments) if a.alias_info and a.alias_info.before_set & returned.before_set
    ]
    place = shared[0] if shared else 0  # what splits does not say so: it has one tensor, its first argument
    return place, schema.arguments[place].name


def last_reads(graph: fx.Graph, made: dict[fx.Node, fx.Node]) -> dict[fx.Node, fx.Node]:
    """For every owner the last node that reads its memory, through whatever view."""
    return {made[argument]: node for node in graph.nodes for argument in node.all_input_nodes}


def write_over(graph: fx.Graph, donated: Set[fx.Node] = frozenset()) -> None:
    """Elementwise results go where an argument of their shape lay that nobody reads any more: less memory to go through, same values.

    ``donated`` inputs may be written over like anything made inside.
    """
    made = owners(graph)
    last = last_reads(graph, made)
    moved: dict[fx.Node, fx.Node] = {}

    def owner(node: fx.Node) -> fx.Node:
        found = made[node]
        while found in moved:
            found = moved[found]
        return found

    def done(node: fx.Node, argument: Any) -> bool:
        """Whether this argument's memory is all the result's to take."""
        before, after = value(argument), value(node)
        if before is None or after is None or before.shape != after.shape or before.dtype != after.dtype:
            return False
        mine = owner(argument)
        apart = all(n is argument or owner(n) is not mine for n in node.all_input_nodes)
        free = mine.op == "call_function" or mine in donated
        return free and last[mine] is node and apart and 0 not in before.stride()

    for node in graph.nodes:
        target = _in_place(node.target)
        if target is None:
            continue
        if node.target in COMMUTE and not node.kwargs and not done(node, node.args[0]):
            node.args = (node.args[1], node.args[0])
        if done(node, node.args[0]):
            moved[node] = owner(node.args[0])
            last[moved[node]] = last.get(node, node)
            node.target = target
            if target._overloadname == "grad_input":
                node.kwargs = {"grad_input": node.args[0]}


def _in_place(target: Any) -> torch._ops.OpOverload | None:
    """The form of an elementwise operation that writes over its first argument, if there is one."""
    if not isinstance(target, torch._ops.OpOverload):
        return None
    if target in BACKWARD:
        form: torch._ops.OpOverload = target.overloadpacket.grad_input
        return form
    if torch.Tag.pointwise not in target.tags and target not in ACCUMULATE:
        return None
    packet = getattr(getattr(torch.ops, target.namespace), target._opname + "_", None)
    return getattr(packet, target._overloadname, None)


def keep_apart(graph: fx.Graph, donated: int) -> None:
    """Each of the first ``donated`` results has memory of its own, laid out like the input of its place, which it may follow there."""
    made, (end,) = owners(graph), graph.find_nodes(op="output")
    inputs = [node for node, _ in zip(graph.nodes, range(donated), strict=False)]
    results, taken = list(end.args[0]), set()
    for i, (given, result) in enumerate(zip(inputs, results, strict=False)):
        owner = made[result]
        free = owner.op == "call_function" or owner in inputs
        before, after = value(given), value(result)
        alike = before is None or after is None or before.stride() == after.stride()
        if owner in taken or not free or not alike:
            with graph.inserting_before(end):
                results[i] = graph.call_function(
                    aten.clone.default, (result,), {"memory_format": torch.contiguous_format}
                )
                results[i].meta["val"] = after
        taken.add(owner)
    end.args = (type(end.args[0])(results),)
