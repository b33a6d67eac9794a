"""Products as PyTorch's compiler is to have them: thin ones as sums, which it joins with what stands around them, the others as stacks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import fx

from zoo.engines.nodes import call, copied, value

aten = torch.ops.aten

PRODUCTS = (aten.mm.default, aten.addmm.default, aten.bmm.default)
THIN = 4
"""Up to this many rows, columns or terms a product is written out."""


def write(graph: fx.Graph, *forms: Callable[[fx.Graph, fx.Node, fx.Node], fx.Node | None]) -> None:
    """Every product of two matrices or stacks of them in the first of these forms that it can take, a bias added after it."""
    for node in list(graph.nodes):
        if node.target not in PRODUCTS or node.kwargs:
            continue
        *bias, a, b = node.args
        with graph.inserting_before(node):
            new = next((made for form in forms if (made := form(graph, a, b)) is not None), None)
            if new is None:
                continue
            if bias:
                new = call(graph, aten.add.Tensor, new, bias[0])
        node.replace_all_uses_with(new)
        graph.erase_node(node)


def stack_of_one(graph: fx.Graph, a: fx.Node, b: fx.Node) -> fx.Node | None:
    """Two matrices as stacks of one: MKL's call for a stack has 4 us less to do first."""
    if (held := value(a)) is None or held.ndim > 2:
        return None
    stacked = call(graph, aten.bmm.default, *(call(graph, aten.unsqueeze.default, x, 0) for x in (a, b)))
    return call(graph, aten.squeeze.dim, stacked, 0)


def sums(graph: fx.Graph, a: fx.Node, b: fx.Node) -> fx.Node | None:
    """``a [..., M, K] @ b [..., K, N]`` by its few terms, columns or rows; ``None`` where it has many of all three."""
    va, vb = value(a), value(b)
    if va is None or vb is None:
        return None
    (m, k), n = va.shape[-2:], vb.shape[-1]

    def line(of: fx.Node, dim: int, i: int, alone: bool) -> fx.Node:
        """Row (of dimension -2) or column i; from matrices of which it lies strewn, a copy."""
        part = call(graph, aten.slice.Tensor, of, dim, i, i + 1)
        held = value(part)
        in_one_piece = held is None or held.nelement() == 1 or held.stride(-3 - dim) == 1
        return part if alone or in_one_piece else hold(graph, part)

    if k <= THIN:
        terms = [
            call(graph, aten.mul.Tensor, call(graph, aten.slice.Tensor, a, -1, i, i + 1), line(b, -2, i, k == 1))
            for i in range(k)
        ]
        total, *rest = terms
        for term in rest:
            total = call(graph, aten.add.Tensor, total, term)
        return total
    if n <= THIN:
        bt = call(graph, aten.transpose.int, b, -2, -1)
        products = [call(graph, aten.mul.Tensor, a, line(bt, -2, j, n == 1)) for j in range(n)]
        return _joined(graph, products, -1)
    if m <= THIN:
        at = call(graph, aten.transpose.int, a, -2, -1)
        products = [call(graph, aten.mul.Tensor, b, call(graph, aten.slice.Tensor, at, -1, i, i + 1)) for i in range(m)]
        return _joined(graph, products, -2)
    return None


def _joined(graph: fx.Graph, products: list[fx.Node], dim: int) -> fx.Node:
    """The sum of each over ``dim``, side by side along it."""
    parts = [call(graph, aten.sum.dim_IntList, product, [dim], True) for product in products]
    return parts[0] if len(parts) == 1 else call(graph, aten.cat.default, parts, dim)


def hold(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """The same numbers in memory of their own: the compiler would else make them again wherever they are read."""
    held = value(node)
    assert held is not None
    copy = copied(graph, node)
    strides = torch.empty(held.shape, device="meta").stride()
    return call(graph, aten.as_strided.default, copy, list(held.shape), list(strides))
