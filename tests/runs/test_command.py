"""The command that config.json tells of plans the very cell of the run, whoever started it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import toy_data
from tests.toy_data.test_idx import write_idx
from zoo import variant
from zoo.cli import app as cli
from zoo.extending import plugins
from zoo.runs import session
from zoo.runs.cell import Cell, plan
from zoo.runs.command import command

PLUGIN = '''
from dataclasses import dataclass
from typing import Annotated
from zoo.variant import Opt, register
from zoo.variants.ns import NonSaturating

@register("test-own")
@dataclass(frozen=True)
class Own(NonSaturating):
    """Ours with a weight. Source: nowhere."""

    lam: Annotated[float, Opt("a weight")] = 1.0
    soft: Annotated[bool, Opt("a switch")] = True
'''


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Cell]:
    """The cell that a command would train."""
    monkeypatch.chdir(tmp_path)

    def parse(words: str) -> Cell:
        found: list[Cell] = []

        def start(cell: Cell, **_: object) -> None:
            found.append(cell)
            raise SystemExit

        monkeypatch.setattr(session, "start", start)
        monkeypatch.setattr(sys, "argv", shlex.split(words))
        with pytest.raises(SystemExit):
            cli.main()
        return found[0]

    return parse


def told(cell: Cell) -> str:
    return command(cell, toy_data.load(cell.data, cell.data_root))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"variant": "ns"}, "zoo run ns --data ring --seeds 8"),
        (
            {"variant": "wgan-gp", "options": {"lam": 3}, "changes": {"rounds": 100}, "seeds": "3-7"},
            "zoo run wgan-gp --lam 3.0 --data ring --rounds 100 --seeds 3-7",
        ),
        (
            {"variant": "wgan", "data": "grid", "recipe": "ring-tuned", "changes": {"norm": True, "lr_d": 1e-5}},
            "zoo run wgan --data grid --recipe ring-tuned --norm --lr-d 1e-05 --seeds 8",
        ),
        (
            {"variant": "unrolled", "changes": {"rounds": 100, "every": 7}, "seeds": [5], "protocol": "dyngan"},
            "zoo run unrolled --data ring --rounds 100 --every 7 --seeds 5-5 --protocol dyngan",
        ),
        ({"variant": "ns", "data": "digits", "changes": {"kit": "mlp"}, "seeds": [9, 3]}, None),
        ({"variant": "ns", "data": "digits", "changes": {"kit": "conv", "width": 256}}, None),
        ({"variant": None, "recipe": "pacgan-ring"}, None),
    ],
)
def test_it_plans_the_same_cell_and_says_what_differs(given: dict, words: str | None, planned: Callable) -> None:
    cell = plan(**given)
    assert words in (told(cell), None)
    again = planned(told(cell))
    assert (again.key, again.recipe_name, again.as_dict()) == (cell.key, cell.recipe_name, cell.as_dict())


def test_of_own_data_own_variants_and_own_recipes(
    tmp_path: Path, planned: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my own; files"
    folder.mkdir()
    (folder / "own.py").write_text(PLUGIN)
    monkeypatch.setattr(plugins, "FILES", {})
    monkeypatch.setattr(variant, "REGISTRY", dict(variant.REGISTRY))
    plugins.load_file(folder / "own.py")
    np.savez(folder / "points.npz", centres=np.eye(2), sigma=0.1)
    for part, n in (("train", 40), ("t10k", 20)):
        write_idx(folder / f"{part}-images-idx3-ubyte", np.zeros((n, 8, 8), "uint8"))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(n, dtype="uint8") % 10)
    (folder / "mine.toml").write_text(
        'about = "mine"\nprotocol = "dyngan"\n[recipe]\nrounds = 50\nwidth = 24\n[variants.test-own]\nlam = 2.0\nlr_g = 0.1\n'
    )
    for data in (str(folder / "points.npz"), f"idx:{folder}"):
        cell = plan("test-own", {"soft": False}, data=data, recipe=str(folder / "mine.toml"), seeds=2)
        words = told(cell)
        assert words.startswith(f"zoo run --plugin '{folder}/own.py' test-own --lam 2.0 --no-soft --data '")
        assert planned(words).key == cell.key


def test_what_a_recipe_of_the_users_holds_for_others_is_no_option(tmp_path: Path, planned: Callable) -> None:
    """Given as options such fields are refused; they change nothing."""
    (tmp_path / "mine.toml").write_text('about = "mine"\n[recipe]\nkit = "pacgan"\ndepth = 5\nb1 = 0.9\nrounds = 50\n')
    cell = plan("wgan", recipe=str(tmp_path / "mine.toml"))
    assert "--depth" not in told(cell)
    assert "--b1" not in told(cell)
    assert planned(told(cell)).recipe.kit == "pacgan"


def test_a_run_from_python_tells_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "run", "wgan-gp", "--lam", "3"])
    cell = plan("ns", seeds=1, changes={"rounds": 1, "width": 8, "batch": 16})
    session.start(cell, out=tmp_path / "run", device="cpu")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["command"] == "zoo run ns --data ring --rounds 1 --batch 16 --width 8 --seeds 1"
