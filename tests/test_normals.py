"""Fast normal numbers are PyTorch's to the bit, and whatever does not come to them is not used."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engines.test_compiling import needs_compiler
from tests.test_harness import RECIPE, game
from zoo import normals
from zoo.engines import choice, compiling
from zoo.engines.tracing import Engine
from zoo.harness import Game


@pytest.fixture(autouse=True)
def as_at_the_start() -> Iterator[None]:
    cached = normals.hasten
    cached.cache_clear()
    normals._made.clear()
    yield
    cached.cache_clear()
    normals._made.clear()


def hastened() -> bool:
    found = compiling.compiler()
    assert found is not None
    return normals.hasten(found)


def drawn(n: int, before: int, fast: bool) -> tuple[Tensor, Tensor]:
    """n normal numbers after some uniform ones, and the generator's state behind them."""
    g = torch.Generator().manual_seed(n)
    torch.rand(before, generator=g)
    return (normals.fill(torch.empty(n), g) if fast else torch.empty(n).normal_(generator=g)), g.get_state()


@needs_compiler
@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="PyTorch draws otherwise without AVX2")
def test_they_are_pytorch_s_bits_wherever_the_twister_stands() -> None:
    assert hastened()
    for n in (normals.SHORT - 1, normals.SHORT, normals.SHORT + 1, 7 * 624, 7 * 624 + 5, 10_015, 2**16 + 16):
        for before in (0, 1, 622, 623, 624, 625, 1000):
            (ours, after), (theirs, there) = drawn(n, before, fast=True), drawn(n, before, fast=False)
            assert torch.equal(ours.view(torch.int32), theirs.view(torch.int32)), (n, before)
            assert torch.equal(after, there), (n, before)


@needs_compiler
def test_what_it_cannot_fill_pytorch_does() -> None:
    hastened()
    for into in (torch.empty(2**13, dtype=torch.float64), torch.empty(2**7, 2**7).t(), torch.empty(3)):
        ours, theirs = (torch.Generator().manual_seed(1) for _ in range(2))
        assert torch.equal(normals.fill(into.clone(), ours), into.clone().normal_(generator=theirs))


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler"])
def test_a_compiler_that_fails_leaves_pytorch_s_own(compiler: str) -> None:
    assert not normals.hasten(compiler)
    (ours, _), (theirs, _) = drawn(10_000, 0, fast=True), drawn(10_000, 0, fast=False)
    assert torch.equal(ours, theirs)


def test_other_numbers_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normals, "_compile", lambda compiler: lambda into, n, state: None)
    assert not normals.hasten("a compiler whose library draws nothing")
    assert not normals._made


@pytest.mark.parametrize(
    ("changes", "asked", "fast"),
    [
        ({"rounds": 10**9, "every": 10**8}, None, True),
        ({"rounds": 10**9, "every": 10**8}, False, True),
        ({"rounds": 10**9, "every": 10**8, "uniform_latent": True}, None, False),
        ({"rounds": 1000}, None, False),
    ],
)
def test_long_runs_of_normal_latents_are_hastened(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], asked: bool | None, fast: bool
) -> None:
    monkeypatch.setattr(compiling, "compiler", lambda: "a compiler")
    monkeypatch.setattr(compiling, "pays", lambda *_: False)
    called: list[str] = []
    monkeypatch.setattr(normals, "hasten", called.append)

    def make(engine: Engine) -> Game:
        return game(recipe=replace(RECIPE, **changes), engine=engine)

    choice.choose(make, [0, 1], asked, print)
    assert called == ["a compiler"] * fast
