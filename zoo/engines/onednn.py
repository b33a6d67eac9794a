"""Products by oneDNN's own kernels, called with nothing in between: of a traced round as operations of ours, of a compiled one in its C++.

PyTorch's products go through MKL, which packs both matrices anew in each call and keeps an AMD processor to AVX2. oneDNN writes a kernel for
each size, which reads them where they lie: 255 GFLOP/s of the 262 that a core of Zen 5 can do, for MKL's 108; 134 for 110 where it is held
to AVX2. PyTorch has these kernels within (``at::native::cpublas::brgemm``) and calls them for attention. Up to 128 terms both sum in the
same order, to the same bits.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils.flop_counter import register_flop_formula

from zoo import native
from zoo.engines.interpreter import LIBRARY
from zoo.engines.nodes import call, copied, value

SOURCE = Path(__file__).with_name("product.cpp")
HEADER = SOURCE.with_suffix(".h")
SYMBOL = "_ZN2at6native7cpublas6brgemmEllllllbPKfS3_Pfb"
THIN = 8
"""Rows or columns of a product up to which these kernels are no faster."""

LIBRARY.define("mm(Tensor a, Tensor b) -> Tensor")  # [..., M, K], [..., K, N]
LIBRARY.define("addmm(Tensor onto, Tensor a, Tensor b) -> Tensor")
LIBRARY.define("addmm_(Tensor(a!) onto, Tensor a, Tensor b) -> Tensor(a!)")
MM, ADDMM = torch.ops.zoo.mm.default, torch.ops.zoo.addmm.default


def _of_mm(a: Tensor, b: Tensor) -> Tensor:
    return a.new_empty(*a.shape[:-1], b.shape[-1])


LIBRARY.impl("mm", _of_mm, "Meta")
LIBRARY.impl("addmm", lambda onto, a, b: _of_mm(a, b), "Meta")
LIBRARY.impl("addmm_", lambda onto, a, b: onto, "Meta")


@register_flop_formula(torch.ops.zoo.mm)
def _operations(a: torch.Size, b: torch.Size, **_: Any) -> int:
    return 2 * a.numel() * b[-1]


@register_flop_formula(torch.ops.zoo.addmm)
def _operations_onto(onto: torch.Size, a: torch.Size, b: torch.Size, **_: Any) -> int:
    return 2 * a.numel() * b[-1]


@cache
def are_here() -> bool:
    """Whether this PyTorch has them."""
    library = Path(torch.__file__).with_name("lib") / "libtorch_cpu.so"
    try:
        return hasattr(ctypes.CDLL(str(library)), SYMBOL)
    except OSError:
        return False


@cache
def plays() -> bool:
    """Whether a traced round has them: on AMD's processors, where there is a C++ compiler. Never timed, so that a run that goes on has them too."""
    processor: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    amd = str(processor.get("cpu_name", "")).startswith("AMD")
    return amd and are_here() and native.library(SOURCE) is not None and _agrees()


def _agrees() -> bool:
    a = torch.arange(600.0).view(20, 30) / 600
    made, theirs = ADDMM(a[0, :20], a, a.t()), a[0, :20] + a @ a.t()
    return torch.allclose(made, theirs, rtol=1e-5)


def takes(a: Tensor, b: Tensor) -> bool:
    """Whether ``a [..., M, K] @ b [..., K, N]`` is faster so."""
    return a.dtype == torch.float32 and a.ndim == b.ndim < 4 and min(a.shape[-2], b.shape[-1]) > THIN and plays()


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """``a [S, M, K] @ b [S, K, N]`` within an operation of a traced round."""
    return torch.ops.zoo.mm(a, b) if takes(a, b) else a @ b


def product(graph: fx.Graph, a: fx.Node, b: fx.Node) -> fx.Node | None:
    """``a [..., M, K] @ b [..., K, N]`` as a new node of a compiled round; ``None`` where the kernels cannot."""
    if not are_here() or any((held := value(x)) is None or held.dtype != torch.float32 for x in (a, b)):
        return None
    return call(graph, MM, *(_by_rows(graph, x) for x in (a, b)))


def _by_rows(graph: fx.Graph, x: fx.Node) -> fx.Node:
    """The matrix, or a copy that lies row by row: each row's numbers side by side, and no two rows over each other."""
    held = value(x)
    assert held is not None
    return x if held.stride(-1) == 1 and held.stride(-2) >= held.shape[-1] else copied(graph, x)


@cache
def tag() -> str:
    """What the compiler's cache is to tell rounds by, beside what it sees of them: the C++ that ``tell_the_compiler`` puts into them."""
    return f"zoo {hashlib.sha256(HEADER.read_bytes()).hexdigest()[:16]}"


@cache
def tell_the_compiler() -> None:
    """How a compiled round's C++ calls ``zoo::mm``."""
    from torch._inductor import ir
    from torch._inductor.lowering import register_lowering

    told = HEADER.read_text(encoding="utf-8")

    class Product(ir.ExternKernelOut):
        def codegen(self, wrapper: Any) -> None:
            if not getattr(wrapper, "zoo_mm", False):
                wrapper.zoo_mm = True
                # itself, not its place: the code is kept, and met by other checkouts when this one is gone
                wrapper.header.splice(told)
            super().codegen(wrapper)

    @register_lowering(torch.ops.zoo.mm, type_promotion_kind=None)
    def lowered(a: Any, b: Any) -> Any:
        lying = []
        for x in (a, b):
            order = list(reversed(range(len(x.get_size()))))
            lying.append(ir.ExternKernel.require_stride_order(ir.ExternKernel.realize_input(x), order))
        sizes = [*lying[0].get_size()[:-1], lying[1].get_size()[-1]]
        layout = ir.FixedLayout(torch.device("cpu"), torch.float32, sizes)
        name = "aoti_torch_cpu_zoo_mm"
        made = Product(layout, lying, cpp_kernel_name=name, op_overload=MM)
        return ir.TensorBox.create(made)
