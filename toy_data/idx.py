"""Image files in MNIST's IDX layout, decoded by torchvision, which is imported nowhere else."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import socket
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from toy_data.errors import DataError

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Of the four files, unpacked."""
FILES = list(MNIST_SHA256)


@dataclass(frozen=True)
class Split:
    """Images ``[N, h, w]`` (grey) or ``[N, c, h, w]`` uint8 with their labels ``[N]`` int64."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> Split:
        return Split(self.images.to(device), self.labels.to(device))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Tensor) -> Split:
        """A copy of these rows."""
        return Split(self.images[rows], self.labels[rows])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image: channels, of grey ones 1, rows and columns."""
        c, h, w = (1, *self.images.shape[1:])[-3:]
        return c, h, w

    def single(self, rows: Tensor) -> Tensor:
        """The images at ``rows [n]``, ``[n, c, h, w]``, as ``gather`` gives them."""
        return self.gather(rows).view(len(rows), *self.shape)

    def gather(self, index: Tensor) -> Tensor:
        """The images at ``index [...]`` as float32 in [-1, 1], ``[..., h, w]`` or ``[..., c, h, w]``: pixel / 127.5 - 1."""
        n, *size = self.images.shape
        rows = self.images.view(n, -1).index_select(0, index.flatten())  # 20 times as fast as images[index]
        return rows.float().div_(127.5).sub_(1).view(*index.shape, *size)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over all pixels, as ``gather`` gives them, without a copy of the images in floats."""
        share = self.images.flatten().bincount(minlength=256).double() / self.images.numel()
        level = torch.arange(256, dtype=torch.float64, device=share.device) / 127.5 - 1
        mean = share @ level
        return mean.float(), (share @ (level - mean) ** 2).sqrt().float()


def read_folder(folder: Path, sha256: dict[str, str] | None = None) -> tuple[Split, Split]:
    """The training and the test split of a folder that holds the four ``FILES``, plain or .gz.

    Raises ``DataError`` naming the file that is missing, damaged, or (where ``sha256`` is given) another than expected.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; it should hold {', '.join(FILES)}, plain or .gz.")
    missing = [name for name in FILES if _find(folder, name) is None]
    if missing:
        raise DataError(f"{folder} lacks {', '.join(missing)} (plain or .gz), of the {len(FILES)} files that it needs.")
    a, b, c, d = (_read(folder, name, None if sha256 is None else sha256[name]) for name in FILES)
    for name, images, labels in ((FILES[0], a, b), (FILES[2], c, d)):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels) or len(labels) == 0:
            raise DataError(
                f"{folder / name} holds images {list(images.shape)} for labels {list(labels.shape)}; they need [N, h, w] and [N]."
            )
    if a.shape[1:] != c.shape[1:]:
        raise DataError(f"{folder} holds training images {list(a.shape[1:])} but test images {list(c.shape[1:])}.")
    return Split(a, b.long()), Split(c, d.long())


def read_mnist(root: str | Path | None) -> tuple[Split, Split]:
    """MNIST from ``data_root(root)``; files that are not there are downloaded, those that are there are checked."""
    base = data_root(root)
    folder = base / "MNIST" / "raw"
    missing = [name for name in FILES if _find(folder, name) is None]
    if missing:
        try:
            _download(base, missing)
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"MNIST could not be downloaded ({_last_line(error)}): put {', '.join(missing)} (plain or .gz) into {folder}, "
                "or name the folder that holds MNIST/raw by --data-root or ZOO_DATA."
            ) from error
    return read_folder(folder, MNIST_SHA256)


def data_root(root: str | Path | None) -> Path:
    """The folder that holds ``MNIST/raw``: ``root``, else the variable ZOO_DATA, else a cache in the home folder."""
    return Path(root or os.environ.get("ZOO_DATA") or Path.home() / ".cache" / "zoo" / "data")


def _download(base: Path, missing: list[str]) -> None:
    """Beside the goal first, then renamed: a download that is cut off, or two at once, leave no half file; one that fails no folder."""
    raw = base / "MNIST" / "raw"
    made = [folder for folder in (raw, *raw.parents) if not folder.exists()]
    raw.mkdir(parents=True, exist_ok=True)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)
    try:
        with tempfile.TemporaryDirectory(dir=base) as beside:
            _torchvision().MNIST(beside, download=True)
            for name in missing:
                os.replace(Path(beside) / "MNIST" / "raw" / name, raw / name)
    finally:
        socket.setdefaulttimeout(before)
        for folder in made:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


def _find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read(folder: Path, name: str, sha256: str | None) -> Tensor:
    path = _find(folder, name)
    assert path is not None
    try:
        with _plain(path) as plain:
            if sha256 is not None:
                with plain.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                if found != sha256:
                    raise DataError(
                        f"{path} is damaged or another file: its sha256 is {found} instead of {sha256}; remove it to have it downloaded again."
                    )
            decoded: Tensor = _torchvision().read_sn3_pascalvincent_tensor(str(plain), strict=True)
    except DataError:
        raise
    except (OSError, EOFError, zlib.error, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not a whole IDX file: it is truncated, damaged or of another kind ({_last_line(error)})."
        ) from error
    if decoded.dtype != torch.uint8:
        raise DataError(f"{path} holds {decoded.dtype}; images and labels need uint8.")
    return decoded


@contextlib.contextmanager
def _plain(path: Path) -> Iterator[Path]:
    """The file itself, or a copy unpacked for as long as it is read."""
    if path.suffix != ".gz":
        yield path
        return
    with tempfile.NamedTemporaryFile() as unpacked:
        with gzip.open(path) as packed:
            shutil.copyfileobj(packed, unpacked)
        unpacked.flush()
        yield Path(unpacked.name)


def _torchvision() -> Any:
    """torchvision's MNIST module; where it cannot be imported, one sentence with the mend."""
    try:
        from torchvision.datasets import mnist
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise DataError(
            f"Image files need torchvision, which cannot be imported beside torch {torch.__version__} ({_last_line(error)}); "
            "install the two as a pair: pip install --force-reinstall torch torchvision; or take --data digits, which needs no torchvision."
        ) from error
    return mnist


def _last_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1].rstrip(".,: ")
