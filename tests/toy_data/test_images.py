"""Images: real digits, their stacks, IDX folders, and what is said when a file is wrong."""

import gzip
import hashlib
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import toy_data
from toy_data import images


def write_idx(path: Path, array: np.ndarray) -> None:
    path.write_bytes(struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small data set in MNIST's layout: class c is an image of constant 20 c."""
    for part, n in (("train", 40), ("t10k", 20)):
        labels = np.arange(n) % 10
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.broadcast_to(labels[:, None, None] * 20, (n, 4, 4)))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels)
    return tmp_path


def test_digits_are_real_and_split() -> None:
    data = toy_data.load("digits")
    assert data.shape == (1, 8, 8)
    assert data.modes == 10
    assert len(data.train.labels) + len(data.test.labels) == 1797
    x, y = data.sample_labelled(4000, torch.Generator().manual_seed(0))
    assert x.min() == -1
    assert x.max() == 1
    assert torch.bincount(y).min() > 300


def test_an_idx_folder_plain_and_zipped(folder: Path) -> None:
    plain = toy_data.load(f"idx:{folder}")
    x, y = plain.sample_labelled(30, torch.Generator().manual_seed(0))
    torch.testing.assert_close(x[:, 0, 0, 0], y * 20 * 2 / 255 - 1)
    for path in list(folder.iterdir()):
        with gzip.open(f"{path}.gz", "wb") as out:
            out.write(path.read_bytes())
        path.unlink()
    assert toy_data.load(f"idx:{folder}").fingerprint() == plain.fingerprint()


def test_a_missing_and_a_truncated_file_are_named(folder: Path) -> None:
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(toy_data.DataError, match="t10k-images-idx3-ubyte is not an IDX file"):
        toy_data.load(f"idx:{folder}")
    path.unlink()
    with pytest.raises(toy_data.DataError, match=r"t10k-images-idx3-ubyte .* is missing"):
        toy_data.load(f"idx:{folder}")


def test_a_wrong_mnist_file_is_named_with_its_expected_hash(folder: Path, tmp_path: Path) -> None:
    raw = tmp_path / "root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in images.FILES:
        shutil.copy(folder / name, raw / name)
    with pytest.raises(toy_data.DataError, match=images.MNIST_SHA256["train-images-idx3-ubyte"]):
        toy_data.load("mnist", str(tmp_path / "root"))


def test_without_files_or_network_one_sentence_says_what_goes_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import mnist

    def no_network(*args: object, **kwargs: object) -> None:
        raise RuntimeError("Error downloading")

    monkeypatch.setattr(mnist.MNIST, "download", no_network)
    with pytest.raises(toy_data.DataError, match="train-images-idx3-ubyte") as caught:
        toy_data.load("mnist", str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_mismatched_torchvision_is_one_sentence_and_spares_the_toys(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *args: object) -> None:
            if name.startswith("torchvision"):
                raise RuntimeError("operator torchvision::nms does not exist")

    for name in [m for m in sys.modules if m.startswith("torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    assert toy_data.load("ring").sample(3).shape == (3, 2)
    assert toy_data.load("digits").sample(3).shape == (3, 1, 8, 8)
    with pytest.raises(toy_data.DataError, match=r"torchvision::nms.*pip install --force-reinstall torch torchvision"):
        toy_data.load(f"idx:{folder}")


def test_stacks_spell_their_mode_and_are_indices() -> None:
    data = toy_data.load("stacked-digits")
    assert data.shape == (3, 8, 8)
    assert data.modes == 1000
    x, y = data.sample_labelled(200, torch.Generator().manual_seed(0))
    alone = {tuple(img.flatten().tolist()): int(c) for img, c in zip(data.train.gather(torch.arange(1437)), data.train.labels, strict=True)}
    spelt = [[alone[tuple(channel.flatten().tolist())] for channel in stack] for stack in x]
    assert [a * 100 + b * 10 + c for a, b, c in spelt] == y.tolist()


def test_real_mnist(mnist_root: str) -> None:
    data = toy_data.load("mnist", mnist_root)
    assert (len(data.train.labels), len(data.test.labels)) == (60_000, 10_000)
    assert data.shape == (1, 28, 28)
    assert torch.bincount(data.train.labels).tolist()[:3] == [5923, 6742, 5958]


def test_the_fixed_stacks_are_kept_as_indices_and_all_modes_are_there(mnist_root: str) -> None:
    data = toy_data.load("stacked-mnist", mnist_root)
    assert data.fixed.shape == (128_000, 3)
    kept = sum(t.element_size() * t.nelement() for t in (data.train.images, data.test.images, data.fixed))
    assert kept < 60e6
    place = torch.tensor([100, 10, 1])
    modes = (data.train.labels[data.fixed.long()] * place).sum(-1)
    assert len(modes.unique()) == 1000


def test_the_long_tail_is_as_stated(mnist_root: str) -> None:
    data = toy_data.load("mnist-imbalanced", mnist_root)
    counts = torch.bincount(data.train.labels[data.index]).double()
    whole = torch.bincount(data.train.labels).double()
    torch.testing.assert_close(counts / whole, 2.0 ** (-torch.arange(10).double() / 1.5), atol=1e-3, rtol=0)


def test_hashes_are_of_the_real_files(mnist_root: str) -> None:
    for name, expected in images.MNIST_SHA256.items():
        path = Path(mnist_root) / "MNIST" / "raw" / name
        if path.exists():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == expected
