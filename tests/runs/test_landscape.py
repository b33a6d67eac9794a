"""What is kept of D over the plane: D's own numbers, for D's that judge points; and how it comes through a run, a stop and a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import toy_data
from zoo.harness import Game
from zoo.lanes import Lanes
from zoo.runs import landscape, rundir, session
from zoo.runs.cell import plan
from zoo.runs.kits import kit_for
from zoo.variant import Kit
from zoo.variants.ns import NonSaturating

TINY = {"rounds": 6, "width": 8, "batch": 16, "every": 2}


def built(variant: str, data: str = "ring", seeds: str = "3,5") -> tuple[Game, Lanes, torch.Tensor]:
    cell, source = plan(variant, {}, data=data, seeds=seeds, changes=TINY), toy_data.load(data)
    game = Game(cell.build(), kit_for(source, cell.recipe), source, cell.recipe)
    square = landscape.extent(source)
    assert square is not None
    return game, game.build(cell.seeds), square


def looked(game: Game, lanes: Lanes, square: torch.Tensor) -> torch.Tensor:
    return landscape.look(game, lanes, square, landscape.critic(game, square))


def test_it_is_what_each_seeds_d_says_of_each_point() -> None:
    game, lanes, square = built("ns")
    found = looked(game, lanes, square)
    x = np.linspace(square[0], square[1], landscape.SIDE)
    y = np.linspace(square[2], square[3], landscape.SIDE)
    for lane, row, column in ((0, 0, 0), (0, 3, 30), (1, 31, 2)):
        point = torch.tensor([[x[column], y[row]]], dtype=torch.float32)
        assert found[lane, row, column] == pytest.approx(
            float(game.networks["D"](lanes.moving[0]["D"][lane], point)), abs=1e-5
        )


def test_only_the_first_seeds_are_kept() -> None:
    assert looked(*built("ns", seeds="9")).shape == (landscape.SEEDS, landscape.SIDE, landscape.SIDE)


@pytest.mark.parametrize("variant", ["pacgan", "bigan", "d2gan", "minibatch", "madgan", "ebgan"])
def test_judges_of_packs_pairs_classes_or_whole_batches_have_none(variant: str) -> None:
    assert looked(*built(variant)).shape == (0, landscape.SIDE, landscape.SIDE)


@dataclass(frozen=True)
class Autoencoding(NonSaturating):
    """A decoder stands beside D."""

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"Decoder": kit.generator(), **super().nets(kit)}


def test_a_decoder_is_no_judge() -> None:
    game, _, square = built("ns")
    other = Game(Autoencoding(), kit_for(game.source, game.recipe), game.source, game.recipe)
    assert landscape.critic(other, square) == "D"


def test_a_judge_of_batches_that_ignores_them_for_a_while_is_still_none() -> None:
    game, lanes, square = built("minibatch")
    critic = landscape.critic(game, square)
    assert landscape.look(game, lanes, square, critic).shape[0] == 0
    lanes.moving[0]["D"].zero_()  # now it says the same of everything
    assert landscape.look(game, lanes, square, critic).shape[0] == 0


def test_the_square_holds_the_data_and_only_a_plane_has_one() -> None:
    for name in ("ring", "grid"):
        data = toy_data.load(name)
        square = landscape.extent(data)
        assert square is not None
        x = data.sample(3000)
        assert (x > square[[0, 2]]).all()
        assert (x < square[[1, 3]]).all()
        assert square[1] - square[0] == pytest.approx(float(square[3] - square[2]))
    assert landscape.extent(toy_data.load("digits")) is None


def test_a_run_keeps_it_and_a_stopped_one_loses_none(tmp_path: Path) -> None:
    cell = plan("ns", {}, seeds="3,5", changes=TINY)
    whole = session.start(cell, out=tmp_path / "whole")
    whole.train()
    stopped = session.start(cell, out=tmp_path / "stopped")
    stopped.listener.evaluated = lambda record: stopped.asked_to_stop.set()
    with pytest.raises(session.Interrupted):
        stopped.train()
    session.resume(tmp_path / "stopped").train()
    kept, resumed = (
        rundir.read(tmp_path / name).arrays("landscape", "plane", "rounds") for name in ("whole", "stopped")
    )
    assert kept["landscape"].shape == (3, 2, landscape.SIDE, landscape.SIDE)
    assert kept["rounds"].tolist() == [2, 4, 6]
    for name in kept:
        np.testing.assert_array_equal(kept[name], resumed[name])
    last = looked(whole.training.game, whole.training.lanes(), torch.from_numpy(kept["plane"]))
    np.testing.assert_array_equal(kept["landscape"][-1], last)
    assert (kept["landscape"][0] != kept["landscape"][-1]).any()
