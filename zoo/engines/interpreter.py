"""A straight line without Python between its operations (CPU): TorchScript's interpreter calls them one after another.

Python takes 2 us to call an operation and holds its lock meanwhile, for which the threads of other seeds wait: with two of them a round of
the default run took 1.8 times what it takes so. The interpreter calls the same kernels in the same order, so that results are the same
bits. PyTorch has deprecated ``torch.jit`` and offers nothing in its place that does not compile; where a version has it no more, Python
plays the line.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

LIBRARY = torch.library.Library("zoo", "FRAGMENT")


def interpreted(graph: fx.Graph, constants: dict[str, Tensor], example: list[Tensor]) -> Callable[..., Any] | None:
    """``graph`` as a function of tensors of the shapes and types of ``example``; ``None`` where TorchScript cannot take it."""
    given = tuple(t.clone() for t in example)  # writing it down plays it, and it may write over what it is given
    holder = nn.Module()
    for name, tensor in constants.items():
        setattr(holder, name, tensor)
    writing = _Writing(holder, graph=graph)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # it tells of the deprecation, and that shapes will be taken for constants, which they are
            warnings.simplefilter("ignore")
            # what torch.jit.trace does, but it keeps all that it ever wrote in one store, until the process ends
            written, _ = torch._C._create_graph_by_tracing(
                lambda *inputs: tuple(writing.run(*inputs)), given, lambda _: "", True, False
            )
            script = torch._C._create_function_from_graph("line", written)
    except Exception:  # whatever it lacks, Python comes to the same bits
        return None

    def play(*inputs: Tensor) -> Any:
        with torch.jit.optimized_execution(False):  # as it stands: products that it joins would round otherwise
            return script(*inputs)

    return play


class _Writing(fx.Interpreter):
    """Node by node: the line numbers of one long function, which are asked for at each operation, take longer than all else."""

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(target, torch._ops.OpOverload) and (at := _flags(target)):
            target = _without_flags(target)
            args = tuple([int(a) for a in arg] if i in at else arg for i, arg in enumerate(args))
        return super().call_function(target, args, kwargs)


def _flags(target: torch._ops.OpOverload) -> list[int]:
    """Which arguments are lists of truth values."""
    return [i for i, argument in enumerate(target._schema.arguments) if str(argument.type) == "List[bool]"]


@functools.cache
def _without_flags(target: torch._ops.OpOverload) -> Any:
    """The same operation with integers for truth values: lists of them (gradients of convolutions have one) TorchScript cannot write down."""
    at = _flags(target)

    def same(*args: Any) -> Any:
        made = target(*([bool(a) for a in arg] if i in at else arg for i, arg in enumerate(args)))
        return tuple(torch.empty(0) if part is None else part for part in made)  # what a flag left out, nobody reads

    name = target._schema.name.partition("::")[2]
    arguments = re.sub(r"bool\[\d*\]", "int[]", str(target._schema).partition("(")[2].replace("SymInt", "int"))
    LIBRARY.define(f"{name}({arguments}")
    LIBRARY.impl(name, same, "CPU")
    return getattr(torch.ops.zoo, name).default
