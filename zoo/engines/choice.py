"""Which engine makes a run's rounds: traced, or compiled where that is repaid; on a GPU either is kept as a CUDA graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch

from zoo import native
from zoo.engines import compiling, memory
from zoo.engines.graphs import Graphed
from zoo.engines.tracing import Engine, Function, Traced
from zoo.errors import ZooError, kind_and_line
from zoo.harness import Game

NO_COMPILER = "There is no C++ compiler here (g++, clang++, or what CXX names)"
INSTEAD = "Install one with Python's headers, or say --no-compile (the last digits of results differ)."
NO_TRITON = "There is no Triton here"
WITHOUT = "Say --no-compile (the last digits of results differ)."


class Choice(NamedTuple):
    """A run's game under its engine."""

    game: Game
    compiled: bool
    groups: int
    """In how many groups its seeds are trained."""
    tf32: bool = False


def choose(
    make: Callable[[Engine], Game],
    seeds: Sequence[int],
    asked: bool | None,
    tell: Callable[[str], None],
    *,
    tf32: bool = False,
) -> Choice:
    """The game under its engine. ``asked``: compiled or not, as the user says or as the run began; ``None`` decides by what it saves.

    ``tell`` hears a line where it will take a while. ``ZooError`` where compiling is asked for and cannot be had, or ``tf32`` of a CPU.
    """
    traced = make(Traced())
    on_gpu = traced.device.type == "cuda"
    if tf32 and not on_gpu:
        raise ZooError("TF32 is a GPU's arithmetic; there is none on a CPU: leave --tf32 out, or say --device cuda.")
    compiler = compiling.triton() if on_gpu else native.compiler()
    lacking, instead = (NO_TRITON, WITHOUT) if on_gpu else (NO_COMPILER, INSTEAD)
    if asked and not compiler:
        raise ZooError(f"{lacking}. {instead}")
    groups = memory.groups(traced, seeds, workers(traced.device))
    first = seeds[: math.ceil(len(seeds) / groups)]
    trial = cache(lambda: (traced.build(first), traced.stream(first)))  # lanes that nobody keeps, whatever the engine
    compiled: Game | None = None
    if asked is not False and compiler and (asked or _pays(traced, traced.prepare(*trial()), len(first), len(seeds))):
        tell("Compiling the round: 5 s to a minute, about 2 s where PyTorch has it in its cache.")
        try:
            candidate = make(Graphed(compiling.Joined(), tf32) if on_gpu else compiling.Compiled())
            candidate.prepare(*trial())
            compiled = candidate
        except Exception as error:  # whatever a compiler and its headers can lack
            if asked:
                raise ZooError(f"Compiling failed ({kind_and_line(error)[:120]}). {instead}") from error
            tell(f"Compiling failed ({kind_and_line(error)[:120]}); the round is traced instead.")
    if not on_gpu:
        return Choice(compiled or traced, compiled is not None, len(seeds) if compiled else groups)
    game = compiled or make(Graphed(tf32=tf32))
    try:
        game.advance(*trial(), 1)  # a graph is recorded where its first round is played
    except Exception as error:  # of a round that waits for the GPU's answer (GDPP's eigenvalues), and of whatever else
        told = kind_and_line(error)[:120]
        tell(f"A round cannot be kept as a CUDA graph ({told}); it is traced instead, in float32.")
        return Choice(traced, False, groups)
    return Choice(game, compiled is not None, groups, tf32)


def _pays(game: Game, traced: Function, group: int, seeds: int) -> bool:
    """Told from the traced round of a group of so many, which on a CPU a run that stays traced needs anyway."""
    rounds = seeds * game.recipe.rounds
    if game.device.type == "cuda":
        return compiling.pays_on_a_gpu(traced, group, rounds)
    return compiling.pays(traced, group, rounds // min(seeds, workers(game.device)))


def workers(device: torch.device) -> int:
    """How many groups of seeds play at a time."""
    return torch.get_num_threads() if device.type == "cpu" else 1
