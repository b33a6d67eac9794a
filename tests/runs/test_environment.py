"""Devices by name: those that are there, and a sentence for those that are not."""

import pytest
import torch

from zoo.errors import ZooError
from zoo.runs.environment import resolve_device


def test_a_device_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(resolve_device(name)) for name in ("auto", "cpu", "cuda", "cuda:1")] == [
        "cuda",
        "cpu",
        "cuda",
        "cuda:1",
    ]
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
