"""Shared by all tests: one thread each (two workers share two cores), and where real MNIST may be found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def mnist_root() -> str:
    """A folder with MNIST in torchvision's layout: ZOO_DATA, a shared/data beside the checkout, or a download; else the test is skipped."""
    import toy_data
    from toy_data.idx import data_root

    beside = Path(__file__).parents[2] / "shared" / "data"
    root = os.environ.get("ZOO_DATA") or (str(beside) if beside.exists() else None)
    try:
        toy_data.load("mnist", root)
    except toy_data.DataError as error:
        pytest.skip(f"MNIST is not to be had: {error}")
    return str(data_root(root))
