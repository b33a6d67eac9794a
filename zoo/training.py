"""A game trained to its end: its seeds in groups, an evaluation now and then, and a state that can be saved whenever it stops.

Lanes are split into groups that fit in memory; on CPU one per core, or one per compiled seed, in threads, since a round spends its time
outside Python's lock. How seeds are grouped changes no result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from zoo.diagnostics import diagnose
from zoo.engines import counting
from zoo.harness import Game
from zoo.lanes import Lanes
from zoo.threads import take_turns

Evaluate: TypeAlias = Callable[[Tensor], Mapping[str, Tensor]]
"""Samples ``[S, N, *data]`` to metrics ``[S]``."""
TURN = 0.1
"""Seconds that a worker plays a group before it looks for another: long enough for the group's weights to stay near the core."""
LOOKED_AT = 16
"""Seeds whose players are diagnosed at a time."""


@dataclass(frozen=True)
class Record:
    """What one evaluation found, as plain arrays over the seeds ``[S]``."""

    round: int
    seconds: float
    metrics: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    diverged: dict[int, int]
    """Seed to the first round at which one of its losses or weights was not finite."""
    samples: np.ndarray
    """``[S, N, *data]``"""
    diagnostics: dict[str, np.ndarray] = field(default_factory=dict)
    """What the variant tells of its players."""


class CtrlC(KeyboardInterrupt):
    """Ctrl-C while a ``Training`` played, raised when all is as ``stop()`` leaves it."""


@dataclass
class Training:
    """A game played by many seeds. Iterate to train: each step plays up to the next evaluation and yields its ``Record``.

    ``stop()`` is asked between rounds; when it says yes, iteration ends early with everything in a state that ``lanes()`` can save.
    Ctrl-C ends it in that state too, by ``CtrlC``.
    """

    game: Game
    seeds: Sequence[int]
    evaluate: Evaluate
    n_samples: int = 2500
    groups: int = 1
    workers: int = 1
    """How many groups play at a time."""
    stop: Callable[[], bool] = lambda: False
    progress: Callable[[int], None] = lambda played: None
    seconds: float = 0.0
    """Time spent playing, evaluation excluded."""
    cpu_seconds: float = 0.0
    """CPU time of this process meanwhile, all threads."""

    def __post_init__(self) -> None:
        parts = [list(p) for p in np.array_split(np.asarray(self.seeds), min(self.groups, len(self.seeds)))]
        self._groups = [[int(s) for s in part] for part in parts]
        self._lanes = [self.game.build(part) for part in self._groups]
        self._streams = [self.game.stream(part) for part in self._groups]

    @property
    def played(self) -> int:
        return min(lanes.played for lanes in self._lanes)

    @property
    def flops(self) -> float:
        """Floating-point operations of a seed's round (``counting.flops``)."""
        lanes = self._lanes[0]
        counted = counting.flops(self.game.prepare(lanes, self._streams[0]))
        return counted / len(lanes.seeds) if self.game.engine.side_by_side else counted

    @property
    def diverged(self) -> dict[int, int]:
        return {seed: r for lanes in self._lanes for seed, r in lanes.diverged.items()}

    def lanes(self) -> Lanes:
        """All seeds' state, joined."""
        return Lanes.joined(self._lanes)

    def restore(self, saved: Lanes) -> None:
        """Continue from ``saved`` (of the same seeds)."""
        start = 0
        for i, lanes in enumerate(self._lanes):
            part = slice(start, start + len(lanes.seeds))
            self._lanes[i] = saved.part(part, self.game.device, self.game.dtype)
            start = part.stop

    def sample(self, n: int, purpose: str = "evaluation") -> Tensor:
        """``[S, n, *data]`` from every seed's current generator, from latents that stay the same for one purpose."""
        # one tensor, filled in place: samples of images are the most that a run holds
        made = torch.empty(len(self.seeds), n, *self.game.source.shape, device=self.game.device, dtype=self.game.dtype)
        places = made.split([len(lanes.seeds) for lanes in self._lanes])
        for lanes, stream, place in zip(self._lanes, self._streams, places, strict=True):
            self.game.sample(lanes.sampled, stream.latents(n, purpose), out=place)
        return made

    def __iter__(self) -> Iterator[Record]:
        for lanes, stream in zip(self._lanes, self._streams, strict=True):
            self.game.prepare(lanes, stream)
        for until in self.game.recipe.evaluations(self.played):
            started, busy = time.perf_counter(), time.process_time()
            pressed = self._play(until)
            self.seconds += time.perf_counter() - started
            self.cpu_seconds += time.process_time() - busy
            if self.played == until:
                yield self._record()
            if pressed:
                raise CtrlC
            if self.played < until:
                return

    def _play(self, until: int) -> bool:
        """All groups up to round ``until``; to the one that the first of them has reached, where ``stop()`` or Ctrl-C (then True) ends it early."""
        pressed = False
        try:
            self._take_turns(until, self.stop)
        except KeyboardInterrupt:
            pressed = True
        if self.played < (ahead := max(lanes.played for lanes in self._lanes)):
            self._take_turns(ahead, lambda: False)
        if self.game.device.type == "cuda":
            torch.cuda.synchronize(self.game.device)  # what is queued is part of playing
        return pressed

    def _take_turns(self, until: int, stop: Callable[[], bool]) -> None:
        """On CPU a thread per worker keeps every core busy, and each group's weights near its core."""

        def turn(i: int) -> int | None:
            lanes, began, end = self._lanes[i], self._lanes[i].played, time.perf_counter() + TURN

            def over() -> bool:
                return stop() or (time.perf_counter() > end and lanes.played > began)

            self.game.advance(lanes, self._streams[i], until, over)
            self.progress(sum(lanes.played for lanes in self._lanes) // len(self._lanes))
            return lanes.played if lanes.played < until and not stop() else None

        take_turns([lanes.played for lanes in self._lanes], turn, self.workers)

    def _looked_at(self) -> Iterator[Lanes]:
        """The weights of a few groups at a time: one call for each seed takes seven times as long."""
        groups = max(1, LOOKED_AT // len(self._groups[0]))
        for first in range(0, len(self._lanes), groups):
            some = self._lanes[first : first + groups]
            params = {n: torch.cat([lanes.moving[0][n] for lanes in some]) for n in self.game.networks}
            yield Lanes([seed for lanes in some for seed in lanes.seeds], (params, {}, {}), self.played)

    def _record(self) -> Record:
        parts = [self.game.settle(lanes) for lanes in self._lanes]
        losses = {name: torch.cat([p[name] for p in parts]).cpu().numpy() for name in parts[0]}
        samples = self.sample(self.n_samples)
        metrics = {k: v.cpu().numpy() for k, v in self.evaluate(samples).items()}
        told = [diagnose(self.game, lanes, self.game.stream(lanes.seeds)) for lanes in self._looked_at()]
        diagnostics = {name: torch.cat([t[name] for t in told]).cpu().numpy() for name in told[0]}
        plain = samples.float().cpu().numpy()
        return Record(self.played, self.seconds, metrics, losses, self.diverged, plain, diagnostics)
