"""Rounds by PyTorch's compiler: one seed's, played seed by seed (CPU), or that of all seeds at a time (CUDA).

On a CPU nothing is stacked: what a seed's round holds fits the core's own cache. The compiler joins everything between two matrix products
into one loop, and Python is called once a round; what it joins over stacked seeds goes through the third-level cache, and was no faster than
the traced round. What the line is told beforehand:

* thin products become sums of products, which it joins with what stands around them (a kernel for 512 x 128 by 128 x 2 runs at 4 % of the rate);
* others are done by oneDNN's kernels (``zoo.engines.onednn``);
* scalars of a step (rates, bias corrections) are made once, not in every turn of the loop that reads them;
* what a round changes is written over the inputs.

A seed plays many rounds before the next one's turn (``zoo.threads``), so that its weights and moments stay in that cache too.

On a GPU, whose memory is fast and whose calls are dear, the round of all seeds is joined (``Joined``).

Compiling takes seconds (5 to 9 for ``ns``, 15 to 28 for ``unrolled --k 5``; 2 from PyTorch's cache), so that ``pays`` says when it is worth it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, fx

from zoo.engines import convolutions, counting, forms, onednn, parts, products, reuse, tracing
from zoo.engines.columns import Columns
from zoo.engines.nodes import call, value
from zoo.engines.recording import record
from zoo.engines.tracing import Function, Line, Mapped, SeedBySeed

aten = torch.ops.aten


@dataclass(frozen=True)
class Compiled:
    """An ``Engine`` for CPU: one seed's round compiled once, called for one seed after another."""

    side_by_side: bool = False

    def __call__(self, one: Function, example: list[Tensor], donated: int) -> SeedBySeed:
        lane = [t[:1] for t in example]
        line = record(Mapped()(one, lane, donated), lane)
        graph = line.graph
        tracing.tidy(graph)
        operations = counting.flops(line)
        parts.sum_first(graph)
        forms.write(graph, forms.sums, onednn.product, forms.stack_of_one)
        tracing.tidy(graph)
        _hold_scalars(graph)
        _hold_normals(graph)
        _write_over(graph, donated)
        try:
            made = _compile(line, lane, CPU | TRUSTED)
        except Exception:  # a compiler that is older than the processor
            made = _compile(line, lane, CPU)
        return SeedBySeed(operations, donated, made)


@dataclass(frozen=True)
class Kernels:
    """A group's round whose first ``donated`` inputs are written over; ``round`` is the line that it was compiled from."""

    round: Line
    donated: int
    play: Callable[..., Any]

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        return [*inputs[: self.donated], *self.play(*inputs)]


@dataclass(frozen=True)
class Joined:
    """An ``Engine`` for CUDA: the round of all seeds with whatever stands between two products joined into one kernel (Triton)."""

    side_by_side: bool = True

    def __call__(self, one: Function, example: list[Tensor], donated: int) -> Kernels:
        line = record(Mapped()(one, example, donated), example)
        convolutions.rewrite(line.graph, Columns)
        tracing.tidy(line.graph)
        made = line.copy()
        _put_in_numbers(made.graph)
        parts.sum_first(made.graph)
        forms.write(made.graph, forms.sums, forms.stack_of_one)
        products.align(made.graph)
        tracing.tidy(made.graph)
        _write_over(made.graph, donated)
        return Kernels(line, donated, _compile(made, example, {}))


def triton() -> bool:
    """Whether PyTorch's compiler for GPUs is here."""
    return find_spec("triton") is not None


def pays(line: Function, seeds: int, rounds: int) -> bool:
    """Whether so many seed-rounds, one after another, repay compiling twice: told from the traced round of some ``seeds``, never timed.

    Measured on Zen 5, to within a factor of two for most variants: a compiled seed-round saves 18 ms for each GB that goes between its products,
    0.1 us for each operation, and its share of the 0.9 us that a call takes; compiling takes 3 s and 17 ms for each operation (28 on Zen 4;
    22 is between the two). Products and convolutions save nothing: they are the same calls either way.
    """
    if not isinstance(line, Line) or convolutions.any_in(line.graph):
        return False
    operations = counting.operations(line)
    side_by_side = 1.8e-11 * counting.traffic(line) + 9e-7 * operations
    return rounds * (side_by_side / seeds + 1e-7 * operations) > 2 * (3 + 0.022 * operations)


def pays_on_a_gpu(line: Function, seeds: int, rounds: int) -> bool:
    """As ``pays``, for ``Joined`` against the traced round, both as graphs.

    Measured on an H200, to within 40 %: a round of a group saves 0.9 us for each operation and a pass over memory, at 4.2 TB/s, for what is
    read and written between its products; compiling takes 11 s and 10 ms for each operation. Convolutions were not measured.
    """
    if not isinstance(line, Line) or convolutions.any_in(line.graph):
        return False
    operations = len(tracing.nodes(line))
    saved = 9e-7 * operations + counting.traffic(line) / 4.2e12
    return rounds / seeds * saved > 2 * (11 + 0.01 * operations)


CPU = {"cpp_wrapper": True, "cpp.threads": 1, "compile_threads": 1}
"""One C++ function for the whole round, which lets go of Python's lock; groups of seeds are what runs in threads."""


TRUSTED = {"cpp.vec_isa_ok": True}
"""The processor's word for its vector instructions, and not a test compiled for each kind, which took 8 s."""


def _compile(line: Line, given: list[Tensor], settings: dict[str, Any]) -> Callable[..., Any]:
    from torch._inductor import config, standalone_compile
    from torch.compiler import config as compiler

    onednn.tell_the_compiler()
    caches: Any = compiler  # what it has is put in when it is imported
    for node in line.graph.nodes:
        node.meta.clear()  # stand-ins on no device: the compiler makes its own
    # they tell of CUDA, which nobody asked for, and of operations that are called as they are, which is right
    talk = [logging.getLogger(name) for name in ("torch.utils.cpp_extension", "torch._inductor")]
    levels = [logger.level for logger in talk]
    for logger in talk:
        logger.setLevel(logging.ERROR)
    try:
        tagged = caches.patch(cache_key_tag=caches.cache_key_tag + onednn.tag())
        with torch.no_grad(), config.patch(settings), tagged, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "TensorFloat32")  # that it could be had: ``--tf32``
            example: list[Any] = [t.clone() for t in given]  # copies: compiling may play them
            made: Callable[..., Any] = standalone_compile(line.compile(), example, dynamic_shapes="from_example_inputs")
            return made
    finally:
        for logger, level in zip(talk, levels, strict=True):
            logger.setLevel(level)


def _write_over(graph: fx.Graph, donated: int) -> None:
    """The first ``donated`` results go over the inputs of their places; the others are returned."""
    (end,) = graph.find_nodes(op="output")
    results, inputs, made_by = list(end.args[0]), graph.find_nodes(op="placeholder"), reuse.owners(graph)
    moves = [(to, result) for to, result in zip(inputs, results[:donated], strict=False) if to is not result]
    with graph.inserting_before(end):
        # what is an input itself is read before any is written over
        kept = [call(graph, aten.clone.default, r) if made_by[r].op == "placeholder" else r for _, r in moves]
        for (to, _), result in zip(moves, kept, strict=True):
            graph.call_function(aten.copy_.default, (to, result))
    end.args = (tuple(results[donated:]),)


def _put_in_numbers(graph: fx.Graph) -> None:
    """Numbers that the seed map made tensors of, on the CPU, as numbers."""
    for node in list(graph.nodes):
        if node.target is aten._to_copy.default and isinstance(node.args[0], int | float):
            for user in list(node.users):
                user.args = tuple(node.args[0] if argument is node else argument for argument in user.args)
            if not node.users:
                graph.erase_node(node)


def _hold_normals(graph: fx.Graph) -> None:
    """Normal numbers made of uniform ones: 44 ns each, which the compiler would spend again in every loop that reads them."""
    for node in graph.find_nodes(op="call_function", target=aten.erfinv.default):
        _hold(graph, node, list(node.users))


def _hold_scalars(graph: fx.Graph) -> None:
    """Every single number that something larger is made of, if it was made and not cut from something larger, where it lies already."""
    made_by = reuse.owners(graph)
    for node in list(graph.nodes):
        held, owner = value(node), value(made_by[node])
        if node.op != "call_function" or held is None or held.nelement() != 1 or owner is None or owner.nelement() > 1:
            continue
        larger = [user for user in node.users if (made := value(user)) is not None and made.nelement() > 1]
        if larger:
            _hold(graph, node, larger)


def _hold(graph: fx.Graph, node: fx.Node, readers: list[fx.Node]) -> None:
    with graph.inserting_before(node.next):
        kept = forms.hold(graph, node)
    for reader in readers:
        reader.replace_input_with(node, kept)
