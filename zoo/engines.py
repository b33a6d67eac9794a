"""Which engine makes a run's rounds: traced; compiled where that is repaid; on a GPU traced and kept as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from zoo import compiling
from zoo.engine import Engine, Function, Traced
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
        return make(Graphed())
    if asked and not compiling.compiler():
        raise ZooError(f"There is no C++ compiler here (g++, clang++, or what CXX names). {INSTEAD}")
    wanted = asked is not False and bool(compiling.compiler())
    if not wanted or (asked is None and not compiling.pays(_round(game), len(seeds) * game.recipe.rounds)):
        return game
    tell("Compiling the round: 5 s to a minute, about 2 s where PyTorch has it in its cache.")
    compiled = make(compiling.Compiled())
    try:
        _round(compiled)
    except Exception as error:  # whatever a compiler and its headers can lack
        if asked:
            raise ZooError(f"Compiling failed ({_first_line(error)}). {INSTEAD}") from error
        tell(f"Compiling failed ({_first_line(error)}); the round is traced instead.")
        return game
    return compiled


def _round(game: Game) -> Function:
    return game.prepare(game.build([0]), game.stream([0]))


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120]}" if str(error) else type(error).__name__


def workers(device: torch.device) -> int:
    """How many groups of seeds play at a time."""
    return torch.get_num_threads() if device.type == "cpu" else 1
