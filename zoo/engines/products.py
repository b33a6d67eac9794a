"""Matrix products of a traced round, each in the form that this machine's kernels do well (CPU; every form has the same value).

For ``a [S, M, K] @ b [S, K, N]``, decided from shapes alone, so that the same round is always the same list of operations:

* thin ones, which run at a few percent of the kernels' rate, take an equal form that does not;
* the others go to oneDNN's own kernels, where MKL leaves half of the processor idle (``zoo.engines.onednn``);
* what is added next, a bias or another product, goes into the product.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from zoo.engines import onednn
from zoo.engines.nodes import call, copied, value
from zoo.engines.onednn import THIN

aten = torch.ops.aten


def rewrite(graph: fx.Graph) -> None:
    """Every product of a traced ``graph``, in place."""
    form: dict[Any, Callable[..., None]] = {
        aten.bmm.default: _stacked,
        aten.mm.default: _single,
        aten.addmm.default: _single_with_bias,
    }
    for node in list(graph.nodes):
        if node.target in form and not node.kwargs:
            form[node.target](graph, node, *node.args)


VIEWS = {
    aten.reshape.default,
    aten.view.default,
    aten.t.default,
    aten.transpose.int,
    aten.permute.default,
    aten.unsqueeze.default,
    aten.squeeze.dim,
}


def align(graph: fx.Graph) -> None:
    """Weights that a stack of products reads, cut from one flat vector, in memory of their own (CUDA), in place.

    The parts of that vector, and of each lane's, begin wherever those before them end, and the quickest kernels want 16 bytes.
    """
    held: dict[fx.Node, fx.Node] = {}
    for node in [n for n in graph.nodes if n.target is aten.bmm.default]:
        for argument in node.all_input_nodes:
            reader, part = node, argument
            while part.target in VIEWS:
                reader, part = part, part.all_input_nodes[0]
            if part.target is operator.getitem and reader is not node:
                if part not in held:
                    with graph.inserting_after(part):
                        held[part] = copied(graph, part)
                reader.replace_input_with(part, held[part])


def flip(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """Every lane's matrix transposed."""
    return call(graph, aten.transpose.int, node, 1, 2)


def _put(graph: fx.Graph, old: fx.Node, new: fx.Node) -> None:
    old.replace_all_uses_with(new)
    graph.erase_node(old)


def _sum_after(node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
    """The addition that alone uses this product ``[S, M, N]``, and what it adds: a bias ``[S, 1, N]``, or as much again."""
    user = next(iter(node.users)) if len(node.users) == 1 else None
    if user is None or user.target is not aten.add.Tensor or user.kwargs:
        return None
    (added,) = [n for n in user.args if n is not node] or [None]
    held, product = value(added), value(node)
    if not isinstance(added, fx.Node) or held is None or product is None or held.dtype != product.dtype:
        return None
    biased = held.shape == (len(product), 1, product.shape[-1])
    return (user, added) if biased or held.shape == product.shape else None


def _stacked(graph: fx.Graph, node: fx.Node, a: fx.Node, b: fx.Node) -> None:
    va, vb = value(a), value(b)
    if va is None or vb is None:
        return
    last, bias = _sum_after(node) or (node, None)
    with graph.inserting_before(last):
        new = _best(graph, a, b, va, vb, bias)
    if new is not None:
        _put(graph, last, new)
        if bias is not None:
            graph.erase_node(node)


def _best(graph: fx.Graph, a: fx.Node, b: fx.Node, va: Tensor, vb: Tensor, bias: fx.Node | None) -> fx.Node | None:
    """The product, plus the bias, in its best form; ``None`` where it has that already."""
    inner, columns = vb.shape[-2:]
    if inner == 1:  # an outer product
        return call(graph, aten.mul.Tensor, a, b) if bias is None else call(graph, aten.addcmul.default, bias, a, b)
    if columns <= THIN:  # (b^T a^T)^T
        at, bt = flip(graph, a), flip(graph, b)
        if va.stride(-1) == 1 and vb.stride(-2) != 1 and columns > 1:
            bt = copied(graph, bt)
        return flip(graph, _product(graph, bt, at, None if bias is None else flip(graph, bias)))
    if onednn.takes(va, vb):
        return _by_onednn(graph, a, b, bias)
    return None if bias is None else _product(graph, a, b, bias)


def _product(graph: fx.Graph, a: fx.Node, b: fx.Node, bias: fx.Node | None) -> fx.Node:
    return call(graph, aten.bmm.default, a, b) if bias is None else call(graph, aten.baddbmm.default, bias, a, b)


def _by_onednn(graph: fx.Graph, a: fx.Node, b: fx.Node, bias: fx.Node | None) -> fx.Node:
    return call(graph, onednn.MM, a, b) if bias is None else call(graph, onednn.ADDMM, bias, a, b)


def _single(graph: fx.Graph, node: fx.Node, a: fx.Node, b: fx.Node, bias: fx.Node | None = None) -> None:
    """Products of one seed alone, which is not mapped: ``[M, K] @ [K, N]``."""
    va, vb = value(a), value(b)
    if va is not None and vb is not None and onednn.takes(va, vb):
        with graph.inserting_before(node):
            _put(graph, node, _by_onednn(graph, a, b, bias))


def _single_with_bias(graph: fx.Graph, node: fx.Node, bias: fx.Node, a: fx.Node, b: fx.Node) -> None:
    held, product = value(bias), value(node)
    if held is None or product is None or held.dtype != product.dtype:
        return
    m, n = product.shape
    if held.shape in {(n,), (1, n), (m, n)}:  # the kernels broadcast nothing else
        _single(graph, node, a, b, bias)
