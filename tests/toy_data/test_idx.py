"""Files in MNIST's layout, and what is said when one is missing, damaged, wrong, or cannot be read or fetched."""

import gzip
import hashlib
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import toy_data
from toy_data import DataError, idx


def write_idx(path: Path, array: np.ndarray, kind: int = 8) -> None:
    """Big-endian: two zero bytes, the type (8: uint8), the number of dimensions, their sizes, the numbers."""
    head = struct.pack(">HBB", 0, kind, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small data set in MNIST's layout: class c is an image of constant 20 c."""
    place = tmp_path / "own"
    place.mkdir()
    for part, n in (("train", 40), ("t10k", 20)):
        labels = (np.arange(n) % 10).astype(np.uint8)
        write_idx(place / f"{part}-images-idx3-ubyte", np.broadcast_to(labels[:, None, None] * 20, (n, 4, 5)))
        write_idx(place / f"{part}-labels-idx1-ubyte", labels)
    return place


def refusal(name: str, root: Path | None = None) -> str:
    """The one sentence."""
    with pytest.raises(DataError) as caught:
        toy_data.load(name, root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_idx_folder_plain_and_zipped(folder: Path) -> None:
    plain = toy_data.load(f"idx:{folder}")
    assert plain.shape == (1, 4, 5)
    x, y = plain.sample_labelled(30, torch.Generator().manual_seed(0))
    torch.testing.assert_close(x, (y * 20 / 127.5 - 1)[:, None, None, None].expand(30, 1, 4, 5))
    assert plain.n_held_out == 20
    for path in list(folder.iterdir()):
        with gzip.open(f"{path}.gz", "wb") as out:
            out.write(path.read_bytes())
        path.unlink()
    assert toy_data.load(f"idx:{folder}").fingerprint() == plain.fingerprint()


def test_every_missing_file_is_named(folder: Path) -> None:
    (folder / "t10k-images-idx3-ubyte").unlink()
    (folder / "train-labels-idx1-ubyte").unlink()
    sentence = refusal(f"idx:{folder}")
    assert f"{folder} lacks train-labels-idx1-ubyte, t10k-images-idx3-ubyte (plain or .gz)" in sentence
    assert sentence.count("t10k-images-idx3-ubyte") == 1


def test_a_folder_that_is_missing_is_said_to_be(folder: Path) -> None:
    sentence = refusal(f"idx:{folder}/nowhere")
    assert f"There is no folder {folder}/nowhere" in sentence
    assert sentence.count("train-images-idx3-ubyte") == 1


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-5], lambda b: b + b"x", lambda b: b[:3], lambda b: b"", lambda b: b"<html>not found</html>"],
    ids=["cut", "longer", "headless", "empty", "another kind"],
)
def test_a_damaged_file_is_named(folder: Path, damage: Callable[[bytes], bytes], zipped: bool) -> None:
    path = folder / "t10k-images-idx3-ubyte"
    content = path.read_bytes()
    path.unlink()
    if zipped:
        path = path.with_name(path.name + ".gz")
        content = gzip.compress(content)
    path.write_bytes(damage(content))
    assert f"{path} is not a whole IDX file" in refusal(f"idx:{folder}")


def test_files_that_do_not_belong_together(folder: Path) -> None:
    labels = folder / "train-labels-idx1-ubyte"
    write_idx(labels, np.zeros(7, np.uint8))
    assert "train-images-idx3-ubyte holds images [40, 4, 5] for labels [7]" in refusal(f"idx:{folder}")
    write_idx(labels, np.zeros(40, ">f4"), kind=13)
    assert f"{labels} holds torch.float32; images and labels need uint8" in refusal(f"idx:{folder}")
    write_idx(labels, np.zeros(40, np.uint8))
    write_idx(folder / "t10k-images-idx3-ubyte", np.zeros((20, 3, 3), np.uint8))
    assert "training images [4, 5] but test images [3, 3]" in refusal(f"idx:{folder}")


def as_mnist(folder: Path, root: Path) -> Path:
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in idx.FILES:
        shutil.copy(folder / name, raw / name)
    return raw


def test_a_wrong_mnist_file_is_named_with_its_expected_hash(folder: Path, tmp_path: Path) -> None:
    raw = as_mnist(folder, tmp_path)
    sentence = refusal("mnist", tmp_path)
    assert str(raw / "train-images-idx3-ubyte") in sentence
    assert f"instead of {idx.MNIST_SHA256['train-images-idx3-ubyte']}" in sentence


def test_the_root_is_the_argument_then_the_variable(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_mnist(folder, tmp_path / "a")
    as_mnist(folder, tmp_path / "b")
    monkeypatch.setenv("ZOO_DATA", str(tmp_path / "a"))
    assert str(tmp_path / "a") in refusal("mnist")
    assert str(tmp_path / "b") in refusal("mnist", tmp_path / "b")
    monkeypatch.delenv("ZOO_DATA")
    assert idx.data_root(None).is_relative_to(Path.home())


@pytest.fixture
def download(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A network that delivers the small data set as MNIST; the list says where to."""
    from torchvision.datasets import mnist

    asked: list[str] = []

    def deliver(self: mnist.MNIST) -> None:
        asked.append(str(self.root))
        as_mnist(folder, Path(self.root))

    monkeypatch.setattr(mnist.MNIST, "download", deliver)
    monkeypatch.setattr(idx, "MNIST_SHA256", {name: sha256(folder / name) for name in idx.FILES})
    return asked


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_missing_is_downloaded_once(download: list[str], tmp_path: Path) -> None:
    root = tmp_path / "new"
    first = toy_data.load("mnist", root)
    assert len(download) == 1
    assert {p.name for p in root.iterdir()} == {"MNIST"}  # nothing is left beside it
    (root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    assert toy_data.load("mnist", root).fingerprint() == first.fingerprint()
    assert len(download) == 2
    toy_data.load("mnist", root)
    assert len(download) == 2


def test_without_files_or_network_one_sentence_says_what_goes_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import mnist

    def no_network(self: mnist.MNIST) -> None:
        (Path(self.root) / "MNIST" / "raw").mkdir(parents=True)
        raise RuntimeError("Error downloading train-images:\nTried here, got:\nName or service not known\n")

    monkeypatch.setattr(mnist.MNIST, "download", no_network)
    assert "could not be downloaded" in refusal("mnist", tmp_path / "no" / "where")
    assert list(tmp_path.iterdir()) == []
    sentence = refusal("stacked-mnist", tmp_path)
    assert sentence.startswith(
        "MNIST could not be downloaded (Name or service not known): put train-images-idx3-ubyte, "
    )
    assert f"into {tmp_path}/MNIST/raw" in sentence
    assert "ZOO_DATA" in sentence
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert "could not be downloaded" in refusal("mnist", tmp_path / "file")  # where no folder can be made


def test_a_mismatched_torchvision_is_one_sentence_and_spares_the_toys(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def find_spec(self, name: str, *args: object) -> None:
            if name.startswith("torchvision"):
                raise RuntimeError("operator torchvision::nms does not exist")

    for name in [m for m in sys.modules if m.startswith("torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    for name in ("ring", "digits", "stacked-digits"):
        assert len(toy_data.load(name).sample(3)) == 3
    sentence = refusal(f"idx:{folder}")
    assert "operator torchvision::nms does not exist" in sentence
    assert "pip install --force-reinstall torch torchvision" in sentence
    assert torch.__version__ in sentence


def test_hashes_are_of_the_real_files(mnist_root: str) -> None:
    for name, expected in idx.MNIST_SHA256.items():
        path = Path(mnist_root) / "MNIST" / "raw" / name
        if path.exists():
            assert sha256(path) == expected
