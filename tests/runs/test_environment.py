"""Devices by name: those that are there, and a sentence for those that are not."""

import subprocess
from pathlib import Path

import pytest
import torch

from zoo.engines import onednn
from zoo.errors import ZooError
from zoo.runs import environment
from zoo.runs.environment import git_commit, resolve_device


def test_a_device_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    found = [str(resolve_device(name)) for name in ("auto", "cpu", "cpu:0", "cuda", "cuda:1")]
    assert found == ["cuda", "cpu", "cpu", "cuda", "cuda:1"]
    for name in ("cuda:2", "cuda:x", "cuda:", "cpu:1"):
        with pytest.raises(ZooError, match="There is no device"):
            resolve_device(name)


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert str(resolve_device("auto")) == "cpu"
    with pytest.raises(ZooError, match="no CUDA device"):
        resolve_device("cuda:1")
    with pytest.raises(ZooError, match="'cpu'"):
        resolve_device("cpux")


def test_what_last_digits_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(onednn, "are_here", lambda: True)
    monkeypatch.setattr(onednn, "plays", lambda: False)
    traced, compiled = (environment.arithmetic(cpu, compiled=one) for one in (False, True))
    assert traced.endswith(f", {torch.backends.cpu.get_cpu_capability()}, products by PyTorch")
    assert compiled == traced.replace("PyTorch", "oneDNN")
    if "cpu family" in Path("/proc/cpuinfo").read_text():
        assert " family " in traced


def test_the_commit_is_the_zoos_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed in a folder of somebody's repository it has no commit, and theirs was recorded."""

    def git(*args: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(["git", "-C", str(tmp_path), *who, *args], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    file = tmp_path / "zoo" / "environment.py"
    file.parent.mkdir()
    file.touch()
    monkeypatch.setattr(environment, "__file__", str(file))
    git("init")
    git("commit", "--allow-empty", "-m", "theirs")
    assert git_commit() is None
    git("add", "zoo")
    git("commit", "-m", "ours")
    assert git_commit() == git("rev-parse", "HEAD")
