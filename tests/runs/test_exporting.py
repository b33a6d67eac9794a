"""A generator as a program: a process that never heard of the zoo draws the samples that the run draws."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor
from typer.testing import CliRunner

import zoo
from zoo import variants
from zoo.api.results import Result
from zoo.cli.app import app
from zoo.errors import ZooError
from zoo.game import Nets
from zoo.variant import GAN, REGISTRY
from zoo.variants.ns import NonSaturating

ELSEWHERE = """
import json, sys
import numpy as np, torch
sys.modules["zoo"] = sys.modules["toy_data"] = None  # whoever imports them fails
about = {"zoo.json": ""}
generator = torch.export.load("generator.pt2", extra_files=about).module()
z = np.load("z.npy")
np.savez("drawn.npz", **{str(n): generator(torch.from_numpy(z[:n])).numpy() for n in (1, 2, 7, 40)})
print(about["zoo.json"])
"""
SMALL = {"rounds": 2, "width": 8, "batch": 16, "seeds": "3,5", "progress": False}


def elsewhere(folder: Path) -> dict[str, np.ndarray]:
    """What another process draws from the program, by number of samples."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "drawn.npz") as file:
        return dict(file)


CASES = {
    "plain": ("ns", {}),
    "standardised": ("ns", {"data": "gmm1d", "standardise": True}),
    "several generators": ("madgan", {"n": 3}),
    "clusters": ("self-conditioned", {}),
    "noise of its own": ("presgan", {}),
    "batch normalisation": ("ns", {"data": "digits", "kit": "conv", "width": 8, "norm": True}),
    "an average of weights": ("ns", {"ema": 0.9}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_latents_give_the_same_samples_without_the_zoo(case: str, tmp_path: Path) -> None:
    variant, options = CASES[case]
    made = zoo.run(variant, out=tmp_path / "r", **SMALL | options)
    about = made.export(tmp_path / "generator.pt2", seed_of_run=5)
    z = made.latents(40, seed_of_run=5)
    np.save(tmp_path / "z.npy", z)
    drawn = elsewhere(tmp_path)
    for n, found in drawn.items():
        np.testing.assert_allclose(found, made.sample(int(n), seed_of_run=5), rtol=1e-3, atol=1e-5)
    assert about["output"] == ["n", *drawn["7"].shape[1:]]
    assert (about["seed"], about["input"], about["variant"]) == (5, ["n", z.shape[1]], variant)


@pytest.fixture
def run(tmp_path: Path) -> Result:
    return zoo.run("ns", out=tmp_path / "r", **SMALL)


def test_d_does_not_come_along(run: Result, tmp_path: Path) -> None:
    from safetensors import safe_open

    wide = zoo.run("ns", out=tmp_path / "wide", **SMALL | {"width": 256})
    wide.export(tmp_path / "g.pt2")
    with safe_open(tmp_path / "wide" / "generator.safetensors", "np") as file:
        sizes = {name: 4 * file.get_tensor(name).shape[1] for name in ("G", "D")}
    assert sizes["G"] < (tmp_path / "g.pt2").stat().st_size < sizes["G"] + sizes["D"]


def test_the_command_says_how_it_is_loaded(run: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["export", "r", "--seed-of-run", "5"]).output
    assert told.splitlines() == [
        "The generator of seed 5 is in generator.pt2: latents [n, 2] from N(0, 1) to [n, 2]",
        '  torch.export.load("generator.pt2").module()(z)',
    ]
    for words, sentence in (
        (["-o", "g.pt"], "must end in .pt2, and 'g.pt' does not"),
        (["--seed-of-run", "4"], "has the seeds 3, 5"),
    ):
        with pytest.raises(ZooError, match=sentence):
            CliRunner().invoke(app, ["export", "r", *words], catch_exceptions=False)
    (tmp_path / "folder.pt2").mkdir()
    with pytest.raises(ZooError, match="is a folder"):
        run.export("folder.pt2")


def test_what_cannot_be_written_down_is_a_sentence(tmp_path: Path) -> None:
    @zoo.register("unwritten")
    @dataclass(frozen=True)
    class Unwritten(NonSaturating):
        def sample(self, nets: Nets, z: Tensor) -> Tensor:
            return nets.G(z) if len(z) > 3 else nets.G(z) + 0.5

    try:
        made = zoo.run("unwritten", out=tmp_path / "r", **SMALL)
        with pytest.raises(ZooError, match="unwritten cannot be exported: ") as told:
            made.export(tmp_path / "g.pt2")
        assert "\n" not in str(told.value)
        assert not (tmp_path / "g.pt2").exists()
    finally:
        del REGISTRY["unwritten"]


def test_every_way_to_sample_is_among_the_cases() -> None:
    """A variant that samples otherwise than by G alone is exported here, or known to work like one that is."""
    own = {name for name in variants.own() if variants.load(name).sample not in (GAN.sample, NonSaturating.sample)}
    assert own - {variant for variant, _ in CASES.values()} <= {"mgan", "flow-matching", "vae"}, own
