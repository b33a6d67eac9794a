"""A compiled round's products by oneDNN's kernels: every layout and size, in single precision, and only where they are."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engines.test_compiling import needs_compiler
from tests.test_harness import RECIPE, Blob, leaves
from zoo.engines import compiling, forms, onednn
from zoo.engines.recording import record
from zoo.engines.tracing import Engine, Function, Mapped
from zoo.harness import Game
from zoo.nets.kits import MLP
from zoo.variant import Variant
from zoo.variants.madgan import MADGAN
from zoo.variants.ns import NonSaturating
from zoo.variants.unrolled import Unrolled

needs_kernels = pytest.mark.skipif(not onednn.are_here(), reason="this PyTorch has no such kernels (x86 on Linux has)")
product = torch.ops.zoo.product.default


def in_its_form(one: Function, given: list[Tensor]) -> list[Any]:
    """The operations of one lane's function as the compiler is given them."""
    line = record(one, given)
    forms.write(line.graph, forms.sums, onednn.product, forms.stack_of_one)
    return [node.target for node in line.graph.nodes if node.op == "call_function"]


def compiled(one: Function, given: list[Tensor]) -> list[Tensor]:
    lanes = [t[None] for t in given]
    return [t[0] for t in compiling.Compiled()(one, lanes, donated=0)(lanes)]


def layouts(tensors: list[Tensor]) -> list[Tensor]:
    """Products of matrices that lie row by row, column by column, and as part of a longer vector; with a bias; of stacks."""
    x, w, theta, bias = tensors
    k, n = w.shape
    cut = theta[3 : 3 + k * n]
    stacks = torch.stack([x, x + 1]) @ torch.stack([w, cut.view(k, n)])
    return [x @ w, x @ cut.view(n, k).t(), (x @ w).t() @ x, torch.nn.functional.linear(x, cut.view(n, k), bias), stacks]


@needs_compiler
@needs_kernels
@pytest.mark.parametrize("sizes", [(512, 256, 128), (33, 17, 5), (7, 300, 270), (64, 129, 257), (1, 40, 40)])
def test_products_of_every_layout_and_size(sizes: tuple[int, int, int]) -> None:
    m, k, n = sizes
    draw = torch.Generator().manual_seed(0)
    given = [torch.randn(*shape, generator=draw) for shape in ((m, k), (k, n), (3 + k * n + 2,), (n,))]
    for mine, theirs in zip(compiled(layouts, given), layouts([t.double() for t in given]), strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=1e-5, atol=1e-6 * theirs.abs().max().item())
    operations = in_its_form(layouts, given)
    assert operations.count(product) == (6 if m > forms.THIN else 0)  # the third has two
    assert not set(operations) & set(forms.PRODUCTS)


@needs_compiler
@needs_kernels
def test_rows_that_lie_over_each_other_are_copied() -> None:
    def over(tensors: list[Tensor]) -> list[Tensor]:
        line, w = tensors
        windows = line.as_strided((20, 30), (1, 1))
        return [windows @ w, line[:30].expand(20, 30) @ w, w.t() @ windows.t()]

    given = [torch.randn(60), torch.randn(30, 40)]
    for mine, theirs in zip(compiled(over, given), over(given), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


@needs_compiler
@needs_kernels
@pytest.mark.parametrize("variant", [NonSaturating(), Unrolled(k=2), MADGAN(n=2)], ids=lambda v: type(v).__name__)
def test_a_round_in_single_precision_is_the_python(variant: Variant) -> None:
    def played(engine: Engine) -> list[Tensor]:
        g = Game(variant, MLP((2,), 3, 24), Blob(), RECIPE, engine=engine)
        lanes = g.build([3, 5])
        g.advance(lanes, g.stream([3, 5]), 4)
        return leaves(lanes)

    for ours, theirs in zip(played(compiling.Compiled()), played(Mapped()), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=2e-5)


@needs_compiler
@needs_kernels
def test_a_number_that_is_none_stays_one() -> None:
    x, w = torch.randn(20, 30), torch.randn(30, 40)
    x[3, 7] = torch.nan
    (made,) = compiled(lambda ts: [ts[0] @ ts[1]], [x, w])
    assert made[3].isnan().all()
    assert not made[:3].isnan().any()


def plainly(tensors: list[Tensor]) -> list[Tensor]:
    return [tensors[0] @ tensors[1]]


def test_double_precision_is_left_alone() -> None:
    operations = in_its_form(plainly, [torch.randn(20, 30).double(), torch.randn(30, 40).double()])
    assert product not in operations
    assert torch.ops.aten.bmm.default in operations


def test_without_the_kernels_products_go_as_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "SYMBOL", "no_such_function")
    onednn.are_here.cache_clear()
    try:
        assert torch.ops.aten.bmm.default in in_its_form(plainly, [torch.randn(20, 30), torch.randn(30, 40)])
    finally:
        onednn.are_here.cache_clear()
