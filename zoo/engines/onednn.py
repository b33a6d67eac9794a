"""Products of a compiled round by oneDNN's own kernels, which the round's C++ calls with nothing in between.

PyTorch's products go through MKL, which packs both matrices anew in each call and keeps to half of what an AMD processor can do. oneDNN
writes a kernel for each size, which reads them where they lie: 255 GFLOP/s of the 262 that a core of Zen 5 can do, for MKL's 108; 134 for
110 where it is held to AVX2. PyTorch has these kernels within (``at::native::cpublas::brgemm``) and calls them for attention.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx

from zoo.engines.interpreter import LIBRARY
from zoo.engines.products import call, copied, value

HEADER = Path(__file__).with_name("product.h")
SYMBOL = "_ZN2at6native7cpublas6brgemmEllllllbPKfS3_Pfb"

LIBRARY.define("product(Tensor a, Tensor b) -> Tensor")  # [..., M, K], [..., K, N]


def _product(a: Tensor, b: Tensor) -> Tensor:
    return a @ b


for _key in ("CPU", "Meta"):
    LIBRARY.impl("product", _product, _key)


@cache
def are_here() -> bool:
    """Whether this PyTorch has them."""
    library = Path(torch.__file__).with_name("lib") / "libtorch_cpu.so"
    try:
        return hasattr(ctypes.CDLL(str(library)), SYMBOL)
    except OSError:
        return False


def product(graph: fx.Graph, a: fx.Node, b: fx.Node) -> fx.Node | None:
    """``a [..., M, K] @ b [..., K, N]`` as a new node; ``None`` where the kernels cannot."""
    if not are_here() or any((held := value(x)) is None or held.dtype != torch.float32 for x in (a, b)):
        return None
    return call(graph, torch.ops.zoo.product.default, *(_by_rows(graph, x) for x in (a, b)))


def _by_rows(graph: fx.Graph, x: fx.Node) -> fx.Node:
    """The matrix, or a copy that lies row by row: each row's numbers side by side, and no two rows over each other."""
    held = value(x)
    assert held is not None
    return x if held.stride(-1) == 1 and held.stride(-2) >= held.shape[-1] else copied(graph, x)


@cache
def tell_the_compiler() -> None:
    """How ``zoo::product`` is called from C++."""
    from torch._inductor import ir
    from torch._inductor.lowering import register_lowering

    class Product(ir.ExternKernelOut):
        def codegen(self, wrapper: Any) -> None:
            wrapper.include_extra_header(str(HEADER))
            super().codegen(wrapper)

    @register_lowering(torch.ops.zoo.product, type_promotion_kind=None)
    def lowered(a: Any, b: Any) -> Any:
        lying = []
        for x in (a, b):
            order = list(reversed(range(len(x.get_size()))))
            lying.append(ir.ExternKernel.require_stride_order(ir.ExternKernel.realize_input(x), order))
        sizes = [*lying[0].get_size()[:-1], lying[1].get_size()[-1]]
        layout = ir.FixedLayout(torch.device("cpu"), torch.float32, sizes)
        name = "aoti_torch_cpu_zoo_product"
        made = Product(layout, lying, cpp_kernel_name=name, op_overload=torch.ops.zoo.product.default)
        return ir.TensorBox.create(made)
