"""How many seeds fit side by side: a traced round's peak memory is read off its straight line, without running it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import fx
from torch.utils._pytree import tree_leaves

from zoo.engines import reuse
from zoo.engines.nodes import value
from zoo.engines.tracing import Line, line_of
from zoo.errors import ZooError, counted
from zoo.harness import Game
from zoo.optim import Optimiser
from zoo.recipe import Recipe
from zoo.variant import Kit, Variant, sketch

MANY = 16
"""Up to this many seeds are not worth asking about."""
NEAR = 2**19
"""Parameters of a group on CPU beyond which its optimiser waits for memory, and seeds one after another are faster than side by side."""

MEMINFO, CGROUPS, OWN_CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def peak_bytes(traced: Line) -> int:
    """The most that is alive at once inside a traced round, in bytes, inputs left out (kernels' workspaces are not counted)."""
    made = reuse.owners(traced.graph)
    last = reuse.last_reads(traced.graph, made)
    sizes: dict[fx.Node, int] = {}
    ends: dict[fx.Node, list[fx.Node]] = {}
    alive = peak = 0
    for node in traced.graph.nodes:
        held = value(node)
        if node.op == "call_function" and held is not None and made[node] is node:
            sizes[node] = held.nelement() * held.element_size()
            ends.setdefault(last.get(node, node), []).append(node)
            alive += sizes[node]
            peak = max(peak, alive)
        alive -= sum(sizes[done] for done in ends.pop(node, []))
    return peak


def available(device: torch.device) -> float:
    """Memory of a device that can be had, in bytes: of a CPU's also what holds files read lately, or a run's groups would depend on them."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        told = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
        free = 1024 * int(told["MemAvailable"].split()[0])
    except (OSError, KeyError):  # not Linux
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(free, _allowed())


def _allowed() -> float:
    """What the limits of this process's control groups (version 2) leave: infinite where there are none."""
    left = math.inf
    own = CGROUPS / OWN_CGROUP.read_text().rpartition("0::/")[2].strip() if OWN_CGROUP.exists() else CGROUPS
    for group in (own, *own.parents):
        try:
            limit, used = (int((group / f"memory.{what}").read_text()) for what in ("max", "current"))
            held = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):  # no such group here, or "max": it has no limit
            continue
        left = min(left, limit - used + int(held["inactive_file"]))
    return left


def state_bytes(variant: Variant, kit: Kit, recipe: Recipe) -> int:
    """One seed's weights, what their optimisers keep of them, and their average, told without making any of it."""
    weights = {name: sum(p.nelement() for p in net.parameters()) for name, net in sketch(variant, kit).items()}
    of_optimisers = sum(weights[n] * _kept(p.optimiser) for p in variant.players() for n in p.networks)
    return 4 * (sum(weights.values()) * (2 if recipe.ema else 1) + of_optimisers)


def _kept(optimiser: Optimiser) -> int:
    """Numbers that it keeps of every weight."""
    one, two = (sum(t.nelement() for t in optimiser.init(torch.zeros(n)).values()) for n in (1, 2))
    return two - one


def refuse(variant: Variant, kit: Kit, recipe: Recipe, seeds: int, device: torch.device) -> None:
    """``ZooError`` where so many seeds cannot fit on the device: their state, and a checkpoint's copy of it."""
    each, free = 2 * state_bytes(variant, kit, recipe), available(device)
    if seeds * each <= free:
        return
    fewer = f"at most {counted(fit, 'seed')}, or " if (fit := int(free / each)) else ""
    raise ZooError(
        f"The weights of {counted(seeds, 'seed')}, their optimisers and a checkpoint of them need {seeds * each / 1e9:.3g} GB, and "
        f"{free / 1e9:.3g} GB are free; take {fewer}smaller nets (--width)."
    )


class Need(NamedTuple):
    """Bytes of one seed."""

    kept: int
    """Its state, and its block of batches and the next: of all seeds, whichever group plays."""
    played: int
    """Its state once more, and its share of the round's own peak: of the seeds that play."""


def need(game: Game) -> Need:
    """What one seed needs."""
    lanes, stream = game.build([0]), game.stream([0])
    state = sum(t.nelement() * t.element_size() for t in tree_leaves(lanes.moving))
    batches = sum(t.nelement() * t.element_size() for t in stream[0]) * stream.per_block
    traced = line_of(game.prepare(lanes, stream))
    return Need(state + 2 * batches, state + (4 * batches if traced is None else peak_bytes(traced)))


def groups(game: Game, seeds: Sequence[int], workers: int, budget: float | None = None) -> int:
    """In how many groups these seeds should be trained: one per worker, or more where that many do not fit in ``budget`` bytes or near the CPU.

    One for each seed where seeds are played one by one.
    The default budget is half of what is free (a matrix product's workspace and fragmentation take their part of the rest).
    """
    if not game.engine.side_by_side:
        return len(seeds)
    least = workers
    if game.device.type == "cpu":
        largest = max(sum(network.sizes) for network in game.networks.values())
        least = min(len(seeds), max(workers, math.ceil(len(seeds) / max(1, NEAR // largest))))
    if len(seeds) <= MANY and budget is None:
        return min(least, len(seeds))
    budget = available(game.device) / 2 if budget is None else budget
    one = need(game)
    left = budget - len(seeds) * one.kept
    fit = max(1, int(left / one.played / workers))  # seeds per group, with ``workers`` groups running at a time
    return min(len(seeds), max(least, math.ceil(len(seeds) / fit)))
