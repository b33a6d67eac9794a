"""Matrix products of a traced round, each in the form that this machine's kernels do well (CPU; every form has the same value).

For ``a [S, M, K] @ b [S, K, N]``, decided from shapes alone, so that the same round is always the same list of operations:

* large ones go lane by lane through oneDNN, where MKL leaves half of the processor idle;
* thin ones, which run at a few percent of the kernels' rate, take an equal form that does not;
* what is added next, a bias or another product, goes into the product.
"""

from __future__ import annotations

import operator
import textwrap
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, fx

aten = torch.ops.aten

THIN = 8
LARGE = 8e6
"""Operations of one lane's product from which oneDNN's 14 us a call are repaid (4e6, batch 128 at width 128, was no gain within a round)."""


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


def copied(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """The same numbers end to end in memory of their own."""
    copy, held = graph.call_function(aten.clone.default, (node,)), value(node)
    copy.kwargs = {"memory_format": torch.contiguous_format}
    copy.meta["val"] = None if held is None else torch.empty(held.shape, dtype=held.dtype, device="meta")
    return copy


def lanes(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """``a [S, M, K] @ b [S, K, N]``, plus ``bias [S, 1, N]``, a call of oneDNN for each lane."""
    biases = [None] * len(a) if bias is None else bias.squeeze(1).unbind()
    return torch.stack([lane(x, w, c) for x, w, c in zip(a.unbind(), b.unbind(), biases, strict=True)])


def lane(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """``a [M, K] @ b [K, N]``, plus ``bias [N]``, by oneDNN."""
    # a ReLU could go in as well, but oneDNN's makes 0 of NaN, and a lane that diverges must be seen to
    return _onednn()(a, _dense(b.t()), bias)


@cache
def _onednn() -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """``a w'``, plus ``bias``, as a function of TorchScript: called from Python, it cannot be written down (for its list of scalars)."""
    told = """
    def product(a: Tensor, w: Tensor, bias: Optional[Tensor]) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(a, w, bias, "none", [], None)
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated
            made: Callable[..., Tensor] = torch.jit.CompilationUnit(textwrap.dedent(told)).product
            return made
    except Exception:  # a torch without it: Python plays the line
        return lambda a, w, bias: torch.ops.mkldnn._linear_pointwise(a, w, bias, "none", [], None)


def _dense(w: Tensor) -> Tensor:
    """``w [N, K]`` with its rows or its columns end to end: oneDNN copies any other a number at a time (a thousandfold slower)."""
    rows, columns = w.shape
    return w if w.stride() in ((columns, 1), (1, rows)) else w.contiguous()


@cache
def onednn_is_faster() -> bool:
    """Whether oneDNN's products beat MKL's here: AMD from Zen 5 on has AVX-512 of full width, and MKL keeps to AVX2 (190 against 90 GFLOP/s).

    Told from the processor, never timed: a run must make the same choice when it goes on.
    """
    processor: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    zen5 = str(processor.get("cpu_name", "")).startswith("AMD") and processor.get("avx512_vp2intersect", False)
    return bool(zen5 and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"))


def value(node: Any) -> Tensor | None:
    """A tensor without memory like what the node holds."""
    found = node.meta.get("val") if isinstance(node, fx.Node) else None
    return found if isinstance(found, Tensor) else None


def _is_large(a: Tensor, b: Tensor) -> bool:
    (m, k), n = a.shape[-2:], b.shape[-1]
    return a.dtype == torch.float32 and min(m, k, n) > THIN and 2 * m * k * n >= LARGE and onednn_is_faster()


def call(graph: fx.Graph, target: Any, *args: Any) -> fx.Node:
    """A new node, with the shape of what it holds."""
    node = graph.call_function(target, args)
    node.meta["val"] = target(*fx.node.map_arg(args, value))
    return node


def flip(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """Every lane's matrix transposed."""
    return call(graph, aten.transpose.int, node, 1, 2)


def _put(graph: fx.Graph, old: fx.Node, new: fx.Node) -> None:
    new.meta = new.meta or dict(old.meta)
    old.replace_all_uses_with(new)
    graph.erase_node(old)


def _sum_after(node: fx.Node, bias_only: bool) -> tuple[fx.Node, fx.Node] | None:
    """The addition that alone uses this product ``[S, M, N]``, and what it adds: a bias ``[S, 1, N]``, or as much again (oneDNN: a bias)."""
    user = next(iter(node.users)) if len(node.users) == 1 else None
    if user is None or user.target is not aten.add.Tensor or user.kwargs:
        return None
    (added,) = [n for n in user.args if n is not node] or [None]
    held, product = value(added), value(node)
    if not isinstance(added, fx.Node) or held is None or product is None or held.dtype != product.dtype:
        return None
    biased = held.shape == (len(product), 1, product.shape[-1])
    return (user, added) if biased or (held.shape == product.shape and not bias_only) else None


def _stacked(graph: fx.Graph, node: fx.Node, a: fx.Node, b: fx.Node) -> None:
    va, vb = value(a), value(b)
    if va is None or vb is None:
        return
    last, bias = _sum_after(node, bias_only=_is_large(va, vb)) or (node, None)
    with graph.inserting_before(last):
        new = _best(graph, a, b, va, vb, bias)
    if new is not None:
        _put(graph, last, new)
        if bias is not None:
            graph.erase_node(node)


def _best(graph: fx.Graph, a: fx.Node, b: fx.Node, va: Tensor, vb: Tensor, bias: fx.Node | None) -> fx.Node | None:
    """The product, plus the bias, in its best form; ``None`` where it has that already."""
    inner, columns = vb.shape[-2:]
    if _is_large(va, vb):
        made = graph.call_function(lanes, (a, b) if bias is None else (a, b, bias))
        made.meta["val"] = va.new_empty(*va.shape[:2], columns)
        return made
    if inner == 1:  # an outer product
        return call(graph, aten.mul.Tensor, a, b) if bias is None else call(graph, aten.addcmul.default, bias, a, b)
    if columns <= THIN:  # (b^T a^T)^T
        at, bt = flip(graph, a), flip(graph, b)
        if va.stride(-1) == 1 and vb.stride(-2) != 1 and columns > 1:
            bt = copied(graph, bt)
        return flip(graph, _product(graph, bt, at, None if bias is None else flip(graph, bias)))
    return None if bias is None else _product(graph, a, b, bias)


def _product(graph: fx.Graph, a: fx.Node, b: fx.Node, bias: fx.Node | None) -> fx.Node:
    return call(graph, aten.bmm.default, a, b) if bias is None else call(graph, aten.baddbmm.default, bias, a, b)


def _single(graph: fx.Graph, node: fx.Node, a: fx.Node, b: fx.Node, bias: fx.Node | None = None) -> None:
    """Products of one seed alone, which is not mapped: ``[M, K] @ [K, N]``."""
    va, vb = value(a), value(b)
    if va is not None and vb is not None and _is_large(va, vb):
        with graph.inserting_before(node):
            _put(graph, node, graph.call_function(lane, (a, b) if bias is None else (a, b, bias)))


def _single_with_bias(graph: fx.Graph, node: fx.Node, bias: fx.Node, a: fx.Node, b: fx.Node) -> None:
    held = value(bias)
    if held is not None and held.ndim == 1:
        _single(graph, node, a, b, bias)
