"""A straight line without Python between its operations (CPU): TorchScript's interpreter calls them one after another.

Python takes 2 us to call an operation and holds its lock meanwhile, for which the threads of other seeds wait: with two of them a round of
the default run took 1.8 times what it takes so. The interpreter calls the same kernels in the same order, so that results are the same
bits. PyTorch has deprecated ``torch.jit`` and offers nothing in its place that does not compile. What it cannot write down (the gradients
of convolutions and of batch normalisation, whose kernels take much longer than a call) Python plays, as it will where torch has it no more.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx


def interpreted(module: fx.GraphModule, example: list[Tensor]) -> Callable[..., Any]:
    """``module``, for tensors of the shapes and types of ``example``; itself where it cannot be had otherwise."""
    given = tuple(t.clone() for t in example)  # writing it down plays it, and it may write over what it is given
    in_python = fx.Interpreter(
        module
    )  # node by node: a long function's line numbers, asked for at each operation, take longer
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # it tells of the deprecation, and that shapes will be taken for constants, which they are
            warnings.simplefilter("ignore")
            script = torch.jit.trace(lambda *inputs: tuple(in_python.run(*inputs)), given, check_trace=False)
    except (AttributeError, RuntimeError):
        return module

    def play(*inputs: Tensor) -> Any:
        with torch.jit.optimized_execution(False):  # as it stands: products that it joins would round otherwise
            return script(*inputs)

    return play
