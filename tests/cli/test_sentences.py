"""What the command line refuses: one sentence, exit code 2, and nothing written."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from tests.cli.test_app import SMALL
from zoo import checkpoint
from zoo.files import synced


def test_a_path_that_cannot_be_made_is_a_sentence(zoo, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = zoo("run", "ns", *SMALL, "--out", "file/run")
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "file/run cannot be used: Not a directory" in err


def test_a_full_disk_is_a_sentence_with_the_command_that_goes_on(zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    def filling(path: Path) -> AbstractContextManager[BinaryIO]:
        return synced(Path("/dev/full") if (path.parent / "checkpoint.safetensors").exists() else path)

    monkeypatch.setattr(checkpoint, "synced", filling)
    code, _, err = zoo("run", "ns", *SMALL, "--out", "r")
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "No space left on device" in err
    assert "zoo run --resume r" in err
    monkeypatch.setattr(checkpoint, "synced", lambda path: synced(Path("/dev/full")))
    code, _, err = zoo("run", "ns", *SMALL, "--out", "no-checkpoint")
    assert (code, err) == (2, "zoo: The run's files cannot be written (No space left on device).\n")


LACKING = (MemoryError(), torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory"))


@pytest.mark.parametrize("error", LACKING, ids=lambda e: type(e).__name__)
def test_too_little_memory_is_a_sentence(zoo, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def lacking(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as m:
        m.setattr("zoo.harness.Game.build", lacking)
        code, _, err = zoo("run", "ns", *SMALL, "--out", "r")
    assert (code, err.count("\n"), "not enough memory; take fewer --seeds" in err) == (2, 1, True)
    assert not Path("r").exists()
    monkeypatch.setattr("zoo.training.Training.sample", lacking)
    code, _, err = zoo("run", "ns", *SMALL, "--out", "r")
    assert (code, err.count("\n"), "not enough memory for this run" in err) == (2, 1, True)


WRONG = {
    "did you mean 'unrolled'": ["run", "unroled"],
    "--kk": ["run", "unrolled", "--kk", "5"],
    "--pack is an option of pacgan.": ["run", "ns", "--pack", "2"],
    "at least 0": ["run", "unrolled", "--k", "-1"],
    "seeds are how many": ["run", "ns", "--seeds", "0"],
    "different seeds, not ''": ["run", "ns", "--seeds", ""],
    "optimisers and a checkpoint of them need": ["run", "ns", "--width", "50000", "--seeds", "10000"],
    "finite number": ["run", "ns", "--lr-d", "nan"],
    "TF32 is a GPU's arithmetic, and these": ["sweep", "--variants", "ns", "--device", "cpu", "--tf32"],
    "TF32 is a GPU's arithmetic;": ["run", "ns", "--device", "cpu", "--tf32"],
    "did you mean 'ring'": ["run", "ns", "--data", "rin"],
    "There is no file": ["run", "ns", "--data", "nothing.npz"],
    "not a run directory": ["run", "ns", "--resume", "nowhere"],
    "did you mean 'variants'": ["list", "variant"],
    "did you mean 'vanilla'": ["show", "vanila"],
    "recipe or metric 'nope'; `zoo list` shows what there is": ["show", "nope"],
    "did you mean 'modes'": ["show", "mode"],
    "none.toml is not a recipe": ["show", "none.toml"],
    "There is no option 'q' of ns": ["sweep", "--variants", "ns", "--grid", "q=1"],
    "There are no runs in .": ["track", "."],
    "Which variant": ["run", "--device", "cpu", "--quiet"],
    "stand after the variant's name: zoo run ns --no-track --json": [
        "run",
        "--json",
        "--no-track",
        "ns",
        "--rounds",
        "3",
    ],
    "zoo run ns --recipe d2gan-ring ...": ["run", "--recipe", "d2gan-ring", "ns", "--rounds", "2"],
    "--plugin stands before the variant's name: zoo run --plugin hinge2.py my-hinge2 ...": [
        "run",
        "my-hinge2",
        "--rounds",
        "3",
        "--plugin",
        "hinge2.py",
    ],
    "'--out': the name is empty": ["run", "ns", "--out", ""],
    "There is no folder nowhere; it should hold train-images": ["run", "ns", "--data", "idx:nowhere"],
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_input_is_one_line_and_code_2_and_nothing_is_written(zoo, tmp_path: Path, sentence: str) -> None:
    code, _, err = zoo(*WRONG[sentence])
    assert code == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_option_named_like_every_runs_is_one_sentence(zoo, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dataclasses import dataclass\nfrom typing import Annotated\nfrom zoo import Opt, register\n"
        "from zoo.variants.ns import NonSaturating\n\n@register('brought')\n@dataclass(frozen=True)\n"
        "class Mine(NonSaturating):\n    seeds: Annotated[int, Opt('a clash', 0)] = 1\n"
    )
    code, _, told = zoo("run", "--plugin", str(mine), "brought")
    assert code == 2
    assert "The option 'seeds' of brought is named like an option of every run" in told
    assert len(told.strip().splitlines()) == 1


@pytest.mark.parametrize("port", ["-1", "70000"])
def test_a_port_that_cannot_be_is_refused(zoo, port: str) -> None:
    code, _, err = zoo("watch", "run", "--port", port)
    assert code == 2
    assert "--port" in err
    assert len(err.strip().splitlines()) == 1
