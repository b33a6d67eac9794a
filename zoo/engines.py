"""Which engine makes a run's rounds: traced; compiled where that is repaid; on a GPU traced and kept as a CUDA graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from zoo import compiling, memory, normals
from zoo.engine import Engine, Traced
from zoo.errors import ZooError
from zoo.graphs import Graphed
from zoo.harness import Game

INSTEAD = "Install one with Python's headers, or say --no-compile (the last digits of results differ)."


def choose(
    make: Callable[[Engine], Game], seeds: Sequence[int], asked: bool | None, tell: Callable[[str], None]
) -> Game:
    """The game under its engine. ``asked``: compiled or not, as the user says or as the run began; ``None`` decides by what it saves.

    ``tell`` hears a line where it will take a while. ``ZooError`` where compiling is asked for and cannot be had.
    """
    game = make(Traced())
    if game.device.type == "cuda":
        if asked:
            raise ZooError("A round is compiled for the CPU only; on a GPU it is a CUDA graph: leave --compile out.")
        return _graphed(make, game, tell)
    compiler = compiling.compiler()
    if asked and not compiler:
        raise ZooError(f"There is no C++ compiler here (g++, clang++, or what CXX names). {INSTEAD}")
    if compiler and normals.pays(_normals(game) * len(seeds)):
        normals.hasten(compiler)
    if asked is False or not compiler or (asked is None and not _pays(game, seeds)):
        return game
    tell("Compiling the round: 5 s to a minute, about 2 s where PyTorch has it in its cache.")
    compiled = make(compiling.Compiled())
    try:
        compiled.prepare(compiled.build([0]), compiled.stream([0]))
    except Exception as error:  # whatever a compiler and its headers can lack
        if asked:
            raise ZooError(f"Compiling failed ({_first_line(error)}). {INSTEAD}") from error
        tell(f"Compiling failed ({_first_line(error)}); the round is traced instead.")
        return game
    return compiled


def _graphed(make: Callable[[Engine], Game], traced: Game, tell: Callable[[str], None]) -> Game:
    """The game with its rounds as CUDA graphs; traced where a round waits for the GPU's answer (GDPP's eigenvalues)."""
    graphed = make(Graphed())
    try:
        graphed.prepare(graphed.build([0]), graphed.stream([0]))
    except Exception as error:  # whatever cannot be recorded
        tell(f"A round cannot be kept as a CUDA graph ({_first_line(error)}); it is traced instead.")
        return traced
    return graphed


def _normals(game: Game) -> int:
    """How many normal numbers become latents in a seed's whole run."""
    r = game.recipe
    return 0 if r.uniform_latent else r.rounds * game.draws * r.batch * game.variant.latent(game.kit)


def _pays(game: Game, seeds: Sequence[int]) -> bool:
    """Told from the round of the first group, which a run that stays traced needs anyway."""
    size = math.ceil(len(seeds) / memory.groups(game, seeds, workers(game.device)))
    line = game.prepare(game.build(seeds[:size]), game.stream(seeds[:size]))
    return compiling.pays(line, size, len(seeds) * game.recipe.rounds)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120]}" if str(error) else type(error).__name__


def workers(device: torch.device) -> int:
    """How many groups of seeds play at a time."""
    return torch.get_num_threads() if device.type == "cpu" else 1
