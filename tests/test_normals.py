"""Fast normal numbers are PyTorch's to the bit, and whatever does not come to them is not used."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from tests.engines.test_compiling import needs_compiler
from zoo import native, normals


@pytest.fixture(autouse=True)
def as_at_the_start() -> Iterator[None]:
    normals.fast.cache_clear()
    yield
    normals.fast.cache_clear()


def drawn(n: int, before: int, fast: bool) -> tuple[Tensor, Tensor]:
    """n normal numbers after some uniform ones, and the generator's state behind them."""
    g = torch.Generator().manual_seed(n)
    torch.rand(before, generator=g)
    return (normals.fill(torch.empty(n), g) if fast else torch.empty(n).normal_(generator=g)), g.get_state()


@needs_compiler
@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="PyTorch draws otherwise without AVX2")
def test_they_are_pytorch_s_bits_wherever_the_twister_stands() -> None:
    assert normals.fast()
    for n in (normals.SHORT - 1, normals.SHORT, normals.SHORT + 1, 7 * 624, 7 * 624 + 5, 10_015, 2**16 + 16):
        for before in (0, 1, 622, 623, 624, 625, 1000):
            (ours, after), (theirs, there) = drawn(n, before, fast=True), drawn(n, before, fast=False)
            assert torch.equal(ours.view(torch.int32), theirs.view(torch.int32)), (n, before)
            assert torch.equal(after, there), (n, before)


@needs_compiler
def test_what_it_cannot_fill_pytorch_does() -> None:
    normals.fast()
    for into in (torch.empty(2**13, dtype=torch.float64), torch.empty(2**7, 2**7).t(), torch.empty(3)):
        ours, theirs = (torch.Generator().manual_seed(1) for _ in range(2))
        assert torch.equal(normals.fill(into.clone(), ours), into.clone().normal_(generator=theirs))


def nothing(into: int, n: int, state: int) -> None:
    """A library that draws nothing."""


@pytest.mark.parametrize("library", [SimpleNamespace(fill=nothing), None])
def test_where_it_does_not_compile_or_draws_other_numbers_pytorch_draws(
    monkeypatch: pytest.MonkeyPatch, library: SimpleNamespace | None
) -> None:
    monkeypatch.setattr(native, "library", lambda *_: library)
    assert normals.fast() is None
    (ours, _), (theirs, _) = drawn(10_000, 0, fast=True), drawn(10_000, 0, fast=False)
    assert torch.equal(ours, theirs)
