"""How many seeds fit: the peak read off a straight line, and groups that keep within a budget."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

import toy_data
from tests.test_harness import game, training
from zoo.engines import memory, tracing
from zoo.engines.compiling import Compiled
from zoo.errors import ZooError
from zoo.harness import Game
from zoo.runs.cell import plan
from zoo.runs.kits import kit_for


def test_the_peak_of_a_straight_line_is_what_is_alive_at_once() -> None:
    def chain(ts: list[Tensor]) -> list[Tensor]:
        (x,) = ts
        a = x.exp()  # 1 alive
        b = torch.cat([a, a])  # a and b: 3
        c = b.cumsum(0)  # b and c (a is done): 4
        return [c.sum()]

    traced = tracing.trace(chain, [torch.randn(1000)])
    assert 4 * 4000 <= memory.peak_bytes(traced) <= 4 * 4000 + 100


def test_views_cost_nothing() -> None:
    traced = tracing.trace(lambda ts: [ts[0].t().unsqueeze(0).expand(50, -1, -1).sum(0)], [torch.randn(30, 40)])
    assert memory.peak_bytes(traced) == 30 * 40 * 4


@pytest.mark.parametrize("name", ["ns", "wgan", "lookahead", "mrgan", "consensus"])
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_what_seeds_keep_is_told_without_making_it(name: str, ema: float, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = plan(name, data="ring", changes={"ema": ema})
    kit = kit_for(toy_data.load("ring"), cell.recipe)
    made = Game(cell.build(), kit, toy_data.load("ring"), cell.recipe).build([0])
    told = memory.state_bytes(cell.build(), kit, cell.recipe)
    assert told == sum(4 * t.nelement() for t in tree_leaves(made.moving) if t.dim() > 1)
    cpu = torch.device("cpu")
    monkeypatch.setattr(memory, "available", lambda device: 6.5 * told)
    memory.refuse(cell.build(), kit, cell.recipe, 3, cpu)
    with pytest.raises(ZooError, match=r"The weights of 4 seeds, .* at most 3 seeds"):
        memory.refuse(cell.build(), kit, cell.recipe, 4, cpu)
    monkeypatch.setattr(memory, "available", lambda device: told)
    with pytest.raises(ZooError, match=r"The weights of 1 seed, .* GB are free; take smaller nets"):
        memory.refuse(cell.build(), kit, cell.recipe, 1, cpu)


def test_seeds_are_chunked_to_the_budget() -> None:
    g = game()
    kept, played = memory.need(g)
    seeds = range(40)
    assert memory.groups(g, range(8), workers=2) == 2
    assert memory.groups(g, range(1), workers=2) == 1
    assert memory.groups(g, seeds, 2, budget=1000 * (kept + played)) == 2
    assert memory.groups(g, seeds, 2, budget=40 * kept + 10.5 * played) == 8
    assert memory.groups(g, seeds, 1, budget=10 * kept) == 40  # what all keep leaves nothing


def test_large_networks_are_trained_one_after_another_on_cpu(monkeypatch) -> None:
    g = game()
    largest = max(sum(network.sizes) for network in g.networks.values())
    monkeypatch.setattr(memory, "NEAR", 3 * largest)
    assert memory.groups(g, range(9), workers=2) == 3
    assert memory.groups(g, range(3), workers=2) == 2
    monkeypatch.setattr(memory, "NEAR", largest - 1)
    assert memory.groups(g, range(5), workers=1) == 5


def test_more_groups_than_workers_train_to_the_same_result() -> None:
    whole, chunked = training(range(5), groups=1), training(range(5), groups=5)
    list(whole), list(chunked)
    for a, b in zip(whole.lanes().moving[0].values(), chunked.lanes().moving[0].values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_seeds_that_are_played_one_by_one_have_a_group_each() -> None:
    assert memory.groups(game(engine=Compiled()), range(5), workers=2) == 5


def test_memory_is_what_can_be_had_within_the_control_groups_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file cache can be had: counted as used, it made a run's groups depend on what was read from disk before."""
    cpu, group = torch.device("cpu"), tmp_path / "job" / "step"
    group.mkdir(parents=True)
    for name, path in (("MEMINFO", "meminfo"), ("OWN_CGROUP", "own"), ("CGROUPS", "")):
        monkeypatch.setattr(memory, name, tmp_path / path)
    assert memory.available(cpu) > 0  # neither file is there
    (tmp_path / "meminfo").write_text("MemTotal:  9000 kB\nMemFree:  10 kB\nMemAvailable:  5000 kB\n")
    (tmp_path / "own").write_text("4:memory:/elsewhere\n0::/job/step\n")
    assert memory.available(cpu) == 5000 * 1024
    for folder, limit in ((group, "max"), (group.parent, "1000000")):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text("700000\n")
        (folder / "memory.stat").write_text("anon 1\ninactive_file 200000\n")
    assert memory.available(cpu) == 500_000
