"""What a notebook, or a file of the user's, says for all of PyTorch: set aside where the zoo computes, so that a run has the numbers that its
command has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch


@contextmanager
def undisturbed() -> Iterator[None]:
    """PyTorch as a fresh process has it, meanwhile: float32 by default and in products, on the CPU unless told; no autocast, no anomaly mode,
    no inference mode. What was set before is set again, whatever was set inside."""
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autograd.set_detect_anomaly(False))
        for kind in ("cpu", "cuda"):
            stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(multiplying(tf32=False))
        if device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            if torch.get_default_device().type != "cpu":
                torch.set_default_device(None if device.type == "cpu" else device)


@contextmanager
def multiplying(*, tf32: bool) -> Iterator[None]:
    """Whether products and convolutions of float32 on a GPU round their factors to 10 bits of mantissa (TF32), in this process meanwhile; on a
    CPU, where a notebook may have asked for fewer bits, they do not.

    PyTorch by itself does so in convolutions and not in products.
    """
    backends: Any = torch.backends
    products, convolutions, cpu = backends.cuda.matmul, backends.cudnn, backends.mkldnn
    parts = (products, convolutions.conv, convolutions.rnn, cpu.matmul, cpu.conv)
    before = [(part, part.fp32_precision) for part in parts]
    again: list[Callable[[], Any]] = []
    with suppress(RuntimeError):  # the older names do not tell what was set by the newer ones
        precision = torch.get_float32_matmul_precision()
        again.append(lambda: torch.set_float32_matmul_precision(precision))
    with suppress(RuntimeError):
        allowed = convolutions.allow_tf32
        again.append(lambda: setattr(convolutions, "allow_tf32", allowed))
    torch.set_float32_matmul_precision("highest")
    products.allow_tf32 = convolutions.allow_tf32 = tf32
    for part in parts:  # by the older names a convolution would have what is set for all
        part.fp32_precision = "tf32" if tf32 and part not in (cpu.matmul, cpu.conv) else "ieee"
    try:
        yield
    finally:
        for give_back in again:
            give_back()
        for part, value in before:
            part.fp32_precision = value
