"""Checkpoints as files: what a reader finds while one is written, with links and without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from zoo import checkpoint
from zoo.errors import ZooError
from zoo.lanes import Lanes


def played(rounds: int) -> Lanes:
    return Lanes([3], ({"G": torch.full((1, 2), float(rounds))}, {}, {}), rounds)


def test_a_checkpoint_is_there_at_every_moment_of_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, played(1), {}, {})
    found = []
    replace = os.replace

    def watched(*names: Path) -> None:
        found.append(checkpoint.read(tmp_path / checkpoint.NAME)[0]["params/G"][0, 0].item())
        replace(*names)
        checkpoint.read(tmp_path / checkpoint.NAME)

    monkeypatch.setattr(os, "replace", watched)
    for rounds in (2, 3):
        checkpoint.save(tmp_path, played(rounds), {}, {})
        assert checkpoint.load(tmp_path, played(0))[0].played == rounds
    assert found == [1, 2]


@pytest.mark.parametrize("links", [True, False])
def test_the_one_before_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    def refuse(*names: Path) -> None:
        raise PermissionError

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    for rounds in (1, 2, 3):
        checkpoint.save(tmp_path, played(rounds), {}, {})
    (tmp_path / checkpoint.NAME).write_bytes(b"damaged")
    assert checkpoint.load(tmp_path, played(0))[0].played == 2


def test_damaged_notes_are_a_damaged_checkpoint(tmp_path: Path) -> None:
    """Their bytes are a tensor's, to which any bytes are good."""
    for rounds in (1, 2):
        checkpoint.save(tmp_path, played(rounds), {"seconds": rounds}, {})
    for name, before in ((checkpoint.NAME, 1), (checkpoint.PREVIOUS, None)):
        file = tmp_path / name
        file.write_bytes(file.read_bytes().replace(b'{"seconds"', b'{-seconds"'))
        if before is None:
            with pytest.raises(ZooError, match="cannot be read as a checkpoint"):
                checkpoint.load(tmp_path, played(0))
        else:
            assert checkpoint.load(tmp_path, played(0))[1] == {"seconds": before}


def test_another_file_of_that_name_is_told(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / checkpoint.NAME, {"G": torch.zeros(1, 2)}, {"seeds": "[3]"})
    with pytest.raises(ZooError, match="is another file than its name says: its header has no 'zoo'"):
        checkpoint.load(tmp_path, played(0))


def test_notes_may_be_longer_than_a_header(tmp_path: Path) -> None:
    """The rows of 256 seeds at 1,000 evaluations are: 116 MB, where the header of a safetensors file holds 100."""
    notes = {"rows": ["0123456789" * 100] * 110_000}
    checkpoint.save(tmp_path, played(1), notes, {})
    assert checkpoint.load(tmp_path, played(0))[1] == notes


@pytest.mark.parametrize("like", [{"G": torch.zeros(1, 3)}, {"G": torch.zeros(1, 2), "D": torch.zeros(1, 2)}])
def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path, like: dict[str, torch.Tensor]) -> None:
    checkpoint.save(tmp_path, played(1), {}, {})
    with pytest.raises(ZooError, match="not of this version's networks"):
        checkpoint.load(tmp_path, Lanes([3], (like, {}, {})))
