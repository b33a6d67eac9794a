"""Compiled rounds do what the Python does, seed by seed; when they are chosen, and what is said where they cannot be had."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.engines.test_graphs import capture
from tests.test_harness import RECIPE, game, leaves
from zoo import losses, native
from zoo.engines import choice, compiling, convolutions, counting, forms, graphs, products, tracing
from zoo.engines.columns import Columns
from zoo.engines.recording import record
from zoo.engines.tracing import Engine, Mapped, Traced
from zoo.errors import ZooError
from zoo.extending import rules
from zoo.harness import Game
from zoo.runs import session
from zoo.runs.cell import plan
from zoo.training import Training
from zoo.variant import Variant
from zoo.variants.madgan import MADGAN
from zoo.variants.minibatch import Minibatch
from zoo.variants.ns import NonSaturating
from zoo.variants.unrolled import Unrolled
from zoo.variants.wgan_gp import WGANGP

SEEDS = [3, 5, 7]
needs_compiler = pytest.mark.skipif(not native.compiler(), reason="there is no C++ compiler here")


def played(variant: Variant, by: Engine, rounds: int = 3) -> list[Tensor]:
    g = rules.Case(variant, "mlp").game(by)
    lanes = g.build(SEEDS)
    g.advance(lanes, g.stream(SEEDS), rounds)
    return leaves(lanes)


@needs_compiler
@pytest.mark.parametrize(
    "variant",
    [NonSaturating(), Unrolled(k=2), WGANGP(), Minibatch(kernels=3), MADGAN(n=3)],
    ids=lambda v: type(v).__name__,
)
def test_a_compiled_round_is_the_python(variant: Variant) -> None:
    for ours, theirs in zip(played(variant, compiling.Compiled()), played(variant, Mapped()), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-11)


@pytest.fixture(scope="module")
def compiled() -> Game:
    return game(engine=compiling.Compiled())


@needs_compiler
def test_a_seed_s_bytes_do_not_depend_on_its_neighbours_or_its_thread(compiled: Game) -> None:
    def spread(samples: Tensor) -> dict[str, Tensor]:
        return {"spread": samples.std(dim=(1, 2))}

    def weights(seeds: list[int], groups: int) -> Tensor:
        training = Training(compiled, seeds, spread, n_samples=50, groups=groups, workers=2)
        list(training)
        return training.lanes().moving[0]["G"]

    together = weights([0, 1, 2, 3, 4, 5], groups=2)
    torch.testing.assert_close(weights([4], groups=1)[0], together[4], rtol=1e-12, atol=1e-13)
    assert torch.equal(together, weights([0, 1, 2, 3, 4, 5], groups=2))


@needs_compiler
def test_a_seed_that_diverges_leaves_the_others_alone(compiled: Game) -> None:
    lanes, well = compiled.build([0, 1]), compiled.build([1])
    lanes.moving[0]["D"][0] = torch.nan
    compiled.advance(lanes, compiled.stream([0, 1]), 4)
    compiled.advance(well, compiled.stream([1]), 4)
    compiled.settle(lanes)
    assert lanes.diverged == {0: 1}
    torch.testing.assert_close(lanes.moving[0]["G"][1], well.moving[0]["G"][0], rtol=1e-12, atol=1e-13)


@needs_compiler
def test_operations_are_counted_alike(compiled: Game) -> None:
    lanes, stream = compiled.build([0]), compiled.stream([0])
    traced = game()
    assert counting.flops(compiled.prepare(lanes, stream)) == counting.flops(traced.prepare(lanes, stream)) > 0


@needs_compiler
def test_a_round_of_joined_kernels_is_the_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU's engine, by the compiler of the CPU: all seeds at a time, in one group and in two."""
    monkeypatch.setattr(graphs, "capture", capture)
    joined, python = game(engine=graphs.Graphed(compiling.Joined())), game(engine=Mapped())
    theirs = python.build(SEEDS)
    python.advance(theirs, python.stream(SEEDS), 5)
    ours, others = joined.build(SEEDS), joined.build([1, 2, 4])
    for until in (2, 5):
        for lanes in (ours, others):
            joined.advance(lanes, joined.stream(lanes.seeds), until)
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)
    made = joined.prepare(ours, joined.stream(SEEDS))
    traced = game()
    # outer products are none there
    operations = counting.flops(traced.prepare(traced.build(SEEDS), traced.stream(SEEDS)))
    assert operations <= counting.flops(made) < 1.05 * operations


@pytest.mark.parametrize("shapes", [(7, 3, 5), (7, 1, 5), (6, 9, 2), (1, 9, 8), (9, 8, 7)])
def test_stacks_of_thin_products_are_written_out_and_of_others_left(shapes: tuple[int, int, int]) -> None:
    m, k, n = shapes
    inputs = [torch.randn(3, m, k, dtype=torch.float64), torch.randn(3, n, k, dtype=torch.float64)]

    def product(ts: list[Tensor]) -> list[Tensor]:
        return [ts[0] @ ts[1].mT, (ts[0] @ ts[1].mT).mT]

    line = record(product, inputs)
    forms.write(line.graph, forms.sums, forms.stack_of_one)
    left = torch.ops.aten.bmm.default in {node.target for node in line.graph.nodes}
    assert left == (min(shapes) > forms.THIN)
    for ours, theirs in zip(line(inputs), product(inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


def test_weights_of_a_stack_are_copied_once_from_where_they_are_cut() -> None:
    theta, x = torch.randn(3, 7 + 40), torch.randn(3, 6, 8)

    def layer(tensors: list[Tensor]) -> list[Tensor]:
        w = tensors[0].split([7, 40], 1)[1].view(3, 5, 8)
        return [tensors[1] @ w.mT, (tensors[1] @ w.mT) @ w]

    line = record(layer, [theta, x])
    tracing.tidy(line.graph)
    products.align(line.graph)
    copies = [node for node in line.graph.nodes if node.target is torch.ops.aten.clone.default]
    assert len(copies) == 1
    for ours, theirs in zip(line([theta, x]), layer([theta, x]), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "shapes", [(7, 3, 5), (7, 1, 5), (6, 9, 2), (6, 9, 1), (2, 9, 8), (1, 9, 8), (3, 2, 1), (9, 8, 7)]
)
@pytest.mark.parametrize("flat", [False, True], ids=["matrix", "part of a flat vector"])
def test_thin_products_are_written_out_exactly(shapes: tuple[int, int, int], flat: bool) -> None:
    m, k, n = shapes
    theta, bias = torch.randn(4 + n * k, dtype=torch.float64), torch.randn(n, dtype=torch.float64)

    def product(tensors: list[Tensor]) -> list[Tensor]:
        x, weights, b = tensors
        w = weights.split([4, n * k])[1].view(n, k) if flat else weights[4:].view(k, n).t()
        return [torch.nn.functional.linear(x, w, b), x @ w.t()]

    inputs = [torch.randn(m, k, dtype=torch.float64), theta, bias]
    line = record(product, inputs)
    forms.write(line.graph, forms.sums, forms.stack_of_one)
    assert (torch.ops.aten.mm.default in {node.target for node in line.graph.nodes}) is False
    for ours, theirs in zip(line(inputs), product(inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


def test_normals_of_uniform_numbers_are_made_once() -> None:
    u = torch.rand(6, 5)

    def read(tensors: list[Tensor]) -> list[Tensor]:
        noise = losses.normal(tensors[0])
        return [noise * 2, noise.cos() @ noise.mT]

    line = record(read, [u])
    compiling._hold_normals(line.graph)
    (made,) = line.graph.find_nodes(op="call_function", target=torch.ops.aten.erfinv.default)
    assert [node.target for node in made.users] == [torch.ops.aten.clone.default]
    for ours, theirs in zip(line([u]), read([u]), strict=True):
        assert torch.equal(ours, theirs)


@needs_compiler
def test_what_a_round_hands_on_is_read_before_it_is_written_over() -> None:
    """Two places that change theirs, and a third that keeps what the first one held."""

    def swap(tensors: list[Tensor]) -> list[Tensor]:
        a, b, _ = tensors
        return [b, a + 1, a.view(2, 2).t(), (a * b).sum()]

    one, two, three = torch.randn(3, 4), torch.randn(3, 4), torch.zeros(3, 2, 2)
    wanted = [two.clone(), one + 1, one.view(3, 2, 2).mT.clone(), (one * two).sum(-1)]
    round_ = compiling.Compiled()(swap, [one, two, three], donated=3)
    for ours, theirs in zip(round_([one, two, three]), wanted, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.equal(one, wanted[0])


def test_it_is_chosen_where_many_rounds_repay_it() -> None:
    g = game()
    line = g.prepare(g.build([0]), g.stream([0]))
    assert not compiling.pays(line, 1, 1000)
    assert compiling.pays(line, 1, 10**7)
    assert not compiling.pays(lambda tensors: tensors, 1, 10**9)  # of what is not traced nothing is known


def test_convolutions_are_not_compiled_by_themselves() -> None:
    kit = rules.KITS["conv"]
    g = Game(NonSaturating(), kit, rules.Noise(kit.shape), rules.RECIPE)
    assert not compiling.pays(g.prepare(g.build([0]), g.stream([0])), 1, 10**9)


def test_joined_kernels_are_chosen_where_many_rounds_repay_them() -> None:
    g = game()
    line = g.prepare(g.build(SEEDS), g.stream(SEEDS))
    assert not compiling.pays_on_a_gpu(line, 3, 3 * 1000)
    assert compiling.pays_on_a_gpu(line, 3, 3 * 10**6)
    assert not compiling.pays_on_a_gpu(lambda tensors: tensors, 3, 10**9)
    image, kernel = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    back = record(lambda ts: [torch.func.grad(lambda x: torch.conv2d(x, ts[1]).sin().sum())(ts[0])], [image, kernel])
    assert not compiling.pays_on_a_gpu(back, 1, 10**9)
    convolutions.rewrite(back.graph, Columns)
    assert not compiling.pays_on_a_gpu(back, 1, 10**9)  # by columns neither


def under(engine: Engine) -> Game:
    return game(recipe=replace(RECIPE, rounds=10**9, every=10**8), engine=engine)


def test_without_a_compiler_it_is_traced_or_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    said: list[str] = []
    assert isinstance(choice.choose(under, [0, 1], None, said.append).game.engine, Traced)
    assert said == []
    with pytest.raises(ZooError, match=r"no C\+\+ compiler.*--no-compile"):
        choice.choose(under, [0], True, said.append)


def test_a_compiler_that_fails_is_told_of_and_the_round_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Python.h: No such file\nand more")

    monkeypatch.setattr(compiling, "_compile", fail)
    monkeypatch.setattr(native, "compiler", lambda: "g++")
    said: list[str] = []
    assert isinstance(choice.choose(under, [0, 1], None, said.append).game.engine, Traced)
    assert "Python.h: No such file); the round is traced instead" in said[-1]
    with pytest.raises(ZooError, match=r"Python\.h"):
        choice.choose(under, [0], True, said.append)


@needs_compiler
def test_a_compiled_run_says_so_and_goes_on_compiled(tmp_path: Path) -> None:
    cell = plan("ns", data="ring", changes={"rounds": 40, "every": 10, "width": 8, "batch": 16}, seeds=2)
    whole = session.start(cell, out=tmp_path / "whole", compile=True)
    whole.train()
    config = json.loads((tmp_path / "whole/config.json").read_text())
    assert (config["compiled"], config["tf32"]) == (True, False)
    assert config["command"].endswith("--seeds 2 --compile"), "another machine might trace it, which rounds otherwise"
    half = session.start(cell, out=tmp_path / "half", compile=True)
    half.training.progress = lambda played: half.asked_to_stop.set()
    with pytest.raises(session.Interrupted):
        half.train()
    again = session.resume(tmp_path / "half")
    assert again.compiled
    again.train()
    for ours, theirs in zip(leaves(whole.training.lanes()), leaves(again.training.lanes()), strict=True):
        assert torch.equal(ours, theirs)


@needs_compiler
def test_the_command_line_compiles_and_says_how_long_it_takes(tmp_path: Path) -> None:
    small = f"--rounds 20 --width 8 --batch 16 --seeds 2 --no-track --out {tmp_path / 'run'}".split()
    done = subprocess.run(
        [sys.executable, "-m", "zoo", "run", "ns", "--compile", *small], capture_output=True, text=True, check=True
    )
    assert "Compiling the round" in done.stdout
    assert "CUDA" not in done.stderr


def test_a_compiler_older_than_the_processor_is_asked_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def compile_(line: object, lane: object, settings: dict[str, object]) -> object:
        asked.append(settings)
        if len(asked) == 1:
            raise RuntimeError("unrecognized command-line option '-mavx512vnni'")
        return "made"

    monkeypatch.setattr(compiling, "_compile", compile_)
    made = compiling.Compiled()(lambda tensors: [tensors[0] + 1], [torch.zeros(1, 2)], donated=1)
    assert made.lane == "made"
    assert asked == [compiling.CPU | compiling.TRUSTED, compiling.CPU]
