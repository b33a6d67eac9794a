"""Products by oneDNN's kernels, of compiled rounds and of traced ones: every layout and size, in single precision, and only where they are."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from tests.engines.test_compiling import needs_compiler
from tests.test_harness import RECIPE, Blob, leaves
from zoo import native
from zoo.engines import compiling, counting, forms, interpreter, onednn, tracing
from zoo.engines.recording import record
from zoo.engines.tracing import Engine, Function, Mapped
from zoo.harness import Game
from zoo.nets.kits import MLP
from zoo.variant import Variant
from zoo.variants.madgan import MADGAN
from zoo.variants.ns import NonSaturating
from zoo.variants.unrolled import Unrolled

needs_kernels = pytest.mark.skipif(not onednn.are_here(), reason="this PyTorch has no such kernels (x86 on Linux has)")
product = onednn.MM


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


# A traced round's


@pytest.fixture
def playing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on an AMD processor."""
    if not (native.compiler() and onednn.are_here() and native.library(onednn.SOURCE)):
        pytest.skip("there are no such kernels here, or no C++ compiler")
    monkeypatch.setattr(onednn, "plays", lambda: True)


def laid(shape: tuple[int, ...], how: str, draw: torch.Generator) -> Tensor:
    """Normal numbers, their rows end to end, or their columns, or every second of both, or one row in the place of all, or parts of a vector."""
    *many, rows, columns = shape
    if how == "columns":
        return torch.randn(*many, columns, rows, generator=draw).mT
    if how == "holes":
        return torch.randn(*many, 2 * rows, 2 * columns, generator=draw)[..., ::2, ::2]
    if how == "one row":
        return torch.randn(*many, 1, columns, generator=draw).expand(shape)
    if how == "parts":
        return torch.randn(*many, 3 + rows * columns + 2, generator=draw)[..., 3:-2].unflatten(-1, (rows, columns))
    return torch.randn(shape, generator=draw)


@pytest.mark.parametrize("right", ["rows", "columns", "holes", "one row", "parts"])
@pytest.mark.parametrize("left", ["rows", "columns", "holes", "one row", "parts"])
@pytest.mark.parametrize("sizes", [(64, 128, 40), (9, 300, 270), (33, 1, 17)])
@pytest.mark.parametrize("many", [(), (3,)])
def test_traced_products_of_every_layout_and_size(
    playing: None, many: tuple[int, ...], sizes: tuple[int, int, int], left: str, right: str
) -> None:
    draw, (m, k, n) = torch.Generator().manual_seed(0), sizes
    a, b = laid((*many, m, k), left, draw), laid((*many, k, n), right, draw)
    near = {"rtol": 1e-5, "atol": 1e-6 * float((a @ b).abs().max()), "check_dtype": False}
    torch.testing.assert_close(torch.ops.zoo.mm(a, b), a.double() @ b.double(), **near)
    for onto in ((n,), (1, n), (m, n)):
        for how in ("rows", "columns"):
            added = laid((*many, *onto) if len(onto) > 1 else (1, n), how, draw)
            added = added if len(onto) > 1 else added[0]
            want = added.double() + a.double() @ b.double()
            torch.testing.assert_close(torch.ops.zoo.addmm(added, a, b), want, **near)
            if len(onto) == 2 and onto[0] == m:
                assert torch.ops.zoo.addmm_(added, a, b) is added
                torch.testing.assert_close(added, want, **near)


def test_a_traced_round_has_them_where_they_are_faster(playing: None) -> None:
    def layer(w: Tensor, x: Tensor) -> Tensor:
        matrix, bias = w.split([24 * 32, 32])
        return torch.tanh(torch.nn.functional.linear(x, matrix.view(32, 24), bias))

    def function(given: list[Tensor]) -> list[Tensor]:
        w, x, wide = given

        def loss(w: Tensor) -> Tensor:
            return vmap(layer)(w, x).square().sum()

        return [*torch.func.grad_and_value(loss)(w), wide @ wide.mT, x @ x.mT[..., :4], wide.mT @ wide + x.mT @ x]

    draw = torch.Generator().manual_seed(0)
    given = [torch.randn(shape, generator=draw) for shape in ((3, 24 * 32 + 32), (3, 40, 24), (3, 30, 24))]
    line = tracing.trace(function, given)
    told = tracing.nodes(line)
    assert {"zoo.mm.default", "zoo.addmm.default", "zoo.addmm_.default"} <= set(told)
    assert sum("bmm" in name for name in told) == 1  # of four columns
    assert interpreter.interpreted(line.graph, line.constants, given) is not None
    assert counting.flops(line) == 2 * 3 * (2 * 40 * 24 * 32 + 30 * 24 * 30 + 40 * 24 * 4 + (30 + 40) * 24 * 24)
    for mine, theirs in zip(line(given), function(given), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(48,), (1, 48), (64, 48), (64, 1), (1, 1), (1,), ()])
def test_a_bias_of_every_shape_that_broadcasts(playing: None, shape: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    given = [torch.randn(size, generator=draw) for size in (shape, (64, 32), (32, 48))]
    line = tracing.trace(lambda tensors: [torch.addmm(*tensors)], given)
    (made,) = line(given)
    torch.testing.assert_close(made, torch.addmm(*given), rtol=1e-4, atol=1e-4)
    assert ("zoo.addmm.default" in tracing.nodes(line)) == (shape in {(48,), (1, 48), (64, 48)})


def test_a_traced_number_that_is_none_stays_one(playing: None) -> None:
    a, b = torch.randn(20, 30), torch.randn(30, 40)
    a[3, 7] = torch.nan
    made = torch.ops.zoo.mm(a, b)
    assert made[3].isnan().all()
    assert not made[:3].isnan().any()


def test_double_precision_and_thin_products_are_left_to_mkl(playing: None) -> None:
    a, b = torch.randn(3, 20, 30), torch.randn(3, 30, 40)
    assert onednn.takes(a, b)
    assert not any((onednn.takes(a.double(), b.double()), onednn.takes(a[:, :8], b), onednn.takes(a, b[..., :8])))


@pytest.mark.parametrize("lacking", ["an AMD processor", "a compiler"])
def test_without_what_they_need_a_traced_round_has_none(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    amd = lacking != "an AMD processor"
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: {"cpu_name": "AMD Zen5" if amd else "Intel"}, raising=False
    )
    monkeypatch.setattr(native, "library", lambda *_: pytest.fail("not asked for") if not amd else None)
    onednn.plays.cache_clear()
    try:
        assert not onednn.takes(torch.randn(20, 30), torch.randn(30, 40))
    finally:
        onednn.plays.cache_clear()


def test_other_products_are_not_taken(playing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert onednn._agrees()
    monkeypatch.setattr(onednn, "ADDMM", lambda onto, a, b: a @ b)
    assert not onednn._agrees()


@needs_kernels
@needs_compiler
def test_what_the_compiler_keeps_names_no_place_and_follows_the_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other checkouts meet it in PyTorch's cache when this one is gone; and with other C++ it is another round."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    a, b = torch.randn(40, 50), torch.randn(50, 30)

    def kept(name: str) -> set[Path]:
        torch.testing.assert_close(compiled(lambda given: [given[0] @ given[1]], [a, b])[0], a @ b)
        return {path for path in (tmp_path / "cache").rglob(name) if path.is_file()}

    rounds = [path.read_text() for path in kept("*.main.cpp")]
    assert "aoti_torch_cpu_zoo_mm" in "".join(rounds)
    assert str(onednn.HEADER.parent) not in "".join(rounds)
    before = kept("fxgraph/*/*/*")
    assert before == kept("fxgraph/*/*/*")
    newer = tmp_path / "newer.h"
    newer.write_text(onednn.HEADER.read_text() + "// newer\n")
    with monkeypatch.context() as patched:
        patched.setattr(onednn, "HEADER", newer)
        onednn.tag.cache_clear()
        assert kept("fxgraph/*/*/*") > before
    onednn.tag.cache_clear()
