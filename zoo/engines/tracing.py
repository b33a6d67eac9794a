"""From a round written in Python to a straight line of tensor operations.

``trace(f, example)`` runs ``f`` once and records what it does below autograd and below the seed map: what is left is one flat list of
matrix products and elementwise operations over all seeds, with no gradient tape and no dispatch through ``vmap`` in the loop. The list is
then cleaned (repeated work merged, no-op views dropped); on CPU, products take the form that the kernels do well, a large net's step of Adam
is one, and no Python stands between two operations (``zoo.engines.interpreter``).
Tracing is exact: the traced round returns the same bits as ``f``, up to the rounding of re-ordered thin products and, where oneDNN does them,
of sums of more than 128 terms.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, fx
from torch.func import vmap

from zoo.engines import convolutions, fusing, parts, products, reuse
from zoo.engines.columns import Columns
from zoo.engines.nodes import value
from zoo.engines.recording import Function, Line, record

aten = torch.ops.aten


class Engine(Protocol):
    """How the round of a group of seeds is made of one seed's.

    ``engine(one, example, donated)``: ``one`` is a round of one seed on a flat list of tensors, ``example`` the group's, each ``[S, ...]``;
    the first ``donated`` of them are what the round changes, and its first results. These the round that is returned may write over.
    """

    @property
    def side_by_side(self) -> bool:
        """Whether the round works on all seeds at a time: it is then made for their number, and its memory grows with it."""
        ...

    def __call__(self, one: Function, example: list[Tensor], donated: int) -> Function: ...


@dataclass(frozen=True)
class Mapped:
    """The Python as it stands, mapped over seeds; unmapped for a single one (the map costs more than it gives there)."""

    side_by_side: bool = True

    def __call__(self, one: Function, example: list[Tensor], donated: int) -> Function:
        if len(example[0]) > 1:
            return lambda leaves: vmap(lambda *lane: one(list(lane)))(*leaves)
        return lambda leaves: [t[None] for t in one([t[0] for t in leaves])]


@dataclass(frozen=True)
class Traced:
    """The mapped round, run once and written down as a straight line."""

    side_by_side: bool = True

    def __call__(self, one: Function, example: list[Tensor], donated: int) -> Line:
        return trace(Mapped()(one, example, donated), example, donated)


@dataclass(frozen=True)
class SeedBySeed:
    """A group's round that calls ``lane``, one seed's, for each: over tensors ``[S, ...]``, of which it writes over the first ``donated``.

    It is quickest for groups of one seed, each of which keeps the core's cache to itself for many rounds.
    """

    flops: int
    """Of one seed's round."""
    donated: int
    lane: Callable[..., Any]
    """On tensors ``[1, ...]``; returns what is not written over."""

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        if len(inputs[0]) == 1:
            return [*inputs[: self.donated], *self.lane(*inputs)]
        told = [self.lane(*lane) for lane in zip(*(t.split(1) for t in inputs), strict=True)]
        return [*inputs[: self.donated], *(torch.cat(lanes) for lanes in zip(*told, strict=True))]


def line_of(round_: Function) -> Line | None:
    """What a round that works on all seeds at a time does, written down; ``None`` where it is not. Rounds are made of rounds."""
    while not isinstance(round_, Line) and hasattr(round_, "round"):
        round_ = round_.round
    return round_ if isinstance(round_, Line) else None


def trace(function: Function, example: list[Tensor], donated: int = 0) -> Line:
    """``function`` as a straight line, for inputs of the shapes of ``example``; it must be pure and free of data-dependent control flow.

    The first ``donated`` inputs are the line's to write over, and as many of its results may be handed to its next call.
    """
    line = record(function, example)
    graph = line.graph
    given = {node for node, _ in zip(graph.nodes, range(donated), strict=False)}
    tidy(graph)
    on_cpu = all(t.device.type == "cpu" for t in example)
    convolutions.rewrite(graph, convolutions.Windows if on_cpu else Columns)
    tidy(graph)
    if on_cpu:
        parts.sum_first(graph)
        products.rewrite(graph)
        tidy(graph)
        fusing.fuse(graph, given)
    reuse.write_over(graph, given)
    reuse.keep_apart(graph, donated)
    if on_cpu:
        line.interpret(example)
    else:
        line.compile()
    return line


def tidy(graph: fx.Graph) -> None:
    """Repeated work merged, what does nothing dropped, what nobody reads too; in place."""
    _merge_repeats(graph)
    _drop_no_ops(graph)
    graph.eliminate_dead_code()  # a dead reader would keep products from being joined with what follows


def _merge_repeats(graph: fx.Graph) -> None:
    """Common subexpressions: the same operation on the same inputs is done once."""
    seen: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function" or node.is_impure():
            continue
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: n)
        key = (node.target, _freeze(args), _freeze(kwargs))
        if key in seen:
            node.replace_all_uses_with(seen[key])
            graph.erase_node(node)
        else:
            seen[key] = node


def _freeze(value: Any) -> Any:
    """A hashable stand-in that keeps 1, 1.0 and True apart."""
    if isinstance(value, list | tuple):
        return tuple(_freeze(v) for v in value)
    if isinstance(value, dict):
        return tuple((k, _freeze(v)) for k, v in value.items())
    return value if isinstance(value, fx.Node) else (type(value), value)


def _drop_no_ops(graph: fx.Graph) -> None:
    """Sums with zeros (second derivatives), products with 1, views of the shape that is there already (the seed map), transposes of transposes."""
    views = {aten.view.default, aten._unsafe_view.default, aten.expand.default}
    for node in list(graph.nodes):
        if node.target is aten.add.Tensor and not node.kwargs:
            zeros = [a for a in node.args if isinstance(a, fx.Node) and a.target is aten.zeros_like.default]
            left = [a for a in node.args if a not in zeros] or zeros[:1]
            here, there = value(node), value(left[0])
            if zeros and here is not None and there is not None and here.shape == there.shape:
                node.replace_all_uses_with(left[0])
        elif node.target is aten.fill.Scalar:
            node.target = aten.full_like.default  # nothing to write into; and TorchScript cannot write down the other
        elif node.target is aten.mul.Scalar and node.args[1] == 1 and type(node.args[1]) is int:
            node.replace_all_uses_with(node.args[0])
        elif node.target in views:
            before, after = value(node.args[0]), value(node)
            if before is not None and after is not None and before.shape == after.shape:
                node.replace_all_uses_with(node.args[0])
            elif node.target is not aten.expand.default:
                node.target = aten.reshape.default  # a view that holds for any layout: thin products change it
        elif node.target in (aten.t.default, aten.transpose.int) and isinstance(node.args[0], fx.Node):
            inner = node.args[0]
            if inner.target is node.target and inner.args[1:] == node.args[1:]:
                node.replace_all_uses_with(inner.args[0])


def nodes(traced: Line) -> list[str]:
    """The operations of a traced function, in order (for tests and benchmarks)."""
    calls = [n for n in traced.graph.nodes if n.op == "call_function" and n.target is not operator.getitem]
    return [str(n.target) for n in calls]
