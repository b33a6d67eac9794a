"""PNGs and JPEGs as arrays, decoded by Pillow, and folders of them as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from toy_data.errors import DataError
from toy_data.idx import Split
from toy_data.images import Images, Pixels, of_splits, one_in, pixels

if TYPE_CHECKING:
    from PIL.Image import Image

Array = np.ndarray[Any, np.dtype[Any]]
KINDS = (".png", ".jpg", ".jpeg")
A_RUN = ("config.json", "metrics.csv")
"""Files by which a folder is known as one of a run's."""
TRAIN = {"train", "training"}
SPLITS = TRAIN | {"test", "testing", "val", "valid", "validation"}
"""Sub-folders, whatever their case, that are no classes, where there are no others and one is to train on."""


def below(folder: Path) -> list[Path]:
    """Every picture in a folder and its sub-folders, linked ones too, hidden ones left out, in the order of their paths."""
    return sorted(_walk(folder, frozenset()))


def _walk(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """The pictures below a folder that is not one of those ``above``, to which a link may lead back."""
    real = folder.resolve()
    if real in above:
        return
    try:
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder} cannot be read as a folder ({error.strerror}).") from error
    for path in inside:
        if path.is_dir():
            yield from _walk(path, above | {real})
        elif path.suffix.lower() in KINDS:
            yield path


def read(paths: Sequence[Path]) -> Array:
    """``[N, c, h, w]`` from 0 to 255: one channel where all are grey, else three; bytes, or float32 where one has 16 bits.

    Raises ``DataError`` for a picture that cannot be read, or is of another size than the first.
    """
    images = [_decoded(path) for path in paths]
    channels, size = max(len(image) for image in images), images[0].shape[1:]
    for path, image in zip(paths, images, strict=True):
        if image.shape[1:] != size:
            found, first = (" x ".join(map(str, s)) for s in (image.shape[:0:-1], size[::-1]))
            raise DataError(f"{path} is {found} pixels and {paths[0]} {first}; all must be alike.")
    return np.stack([np.broadcast_to(image, (channels, *size)) for image in images])


def _decoded(path: Path) -> Array:
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode in ("I", "I;16"):  # 16 bits, which Pillow would cut to 8
                return np.asarray(image, dtype=np.float32)[None] / np.float32(257)
            if _is_grey(image):
                return np.asarray(image.convert("L"))[None]
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except Exception as error:  # a damaged picture makes Pillow raise half a dozen kinds
        raise DataError(f"{path} cannot be read as an image ({error}).") from error


def _is_grey(image: Image) -> bool:
    """Whether a picture is kept without colours; one with a palette, whether that has none."""
    if image.mode != "P":
        return image.mode in ("1", "L", "LA")
    palette = np.asarray(image.getpalette("RGB")).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def from_folder(folder: Path) -> Pixels:
    """The pictures below a folder, all of one size: a class for each sub-folder (as torchvision's ``ImageFolder`` has it), or no classes.

    Sub-folders ``train`` and ``test`` or ``val``, and no others, are the splits, each with its classes below; else a tenth of each class is held out.
    Pictures of the zoo's own runs, which land in the folder that a run was begun from, are no data.
    One sub-folder alone, with sub-folders of its own, is refused: these were meant.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; it should hold PNGs or JPEGs, those of a class in a sub-folder.")
    inside = below(folder)
    runs = {place for place in {path.parent for path in inside} - {folder} if all((place / n).exists() for n in A_RUN)}
    paths = [path for path in inside if path.parent not in runs]
    if not paths:
        told = "but those of runs" if runs else "neither itself nor further down"
        raise DataError(f"{folder} holds no PNGs or JPEGs, {told}.")
    within = [path.relative_to(folder).parts[:-1] for path in paths]
    first = {folders[0].lower() if folders else "" for folders in within}
    split = len(first) > 1 and bool(first & TRAIN) and first <= SPLITS
    if len(first) == 1 and min(map(len, within)) > 1 and len({folders[1] for folders in within}) > 1:
        inner = folder / within[0][0]
        raise DataError(
            f"{folder} holds pictures in {inner} alone; give folder:{inner}, whose sub-folders are classes."
        )
    kinds = [folders[split : split + 1] for folders in within]
    classes = {kind: i for i, kind in enumerate(sorted(set(kinds)))}
    if () in classes and len(classes) > 1:
        stray = paths[kinds.index(())]
        raise DataError(
            f"{stray} lies beside folders of classes; put it into one of them, or all pictures into one folder."
        )
    name, labels = f"folder:{folder}", torch.tensor([classes[kind] for kind in kinds])
    images = pixels(name, torch.from_numpy(read(paths).round().astype(np.uint8)))
    held = torch.tensor([folders[0].lower() not in TRAIN for folders in within]) if split else one_in(10, labels)
    whole = Split(images, labels)
    made = (of_splits if any(classes) else Pixels)(name, whole[~held], whole[held])
    if isinstance(made, Images):
        called = [kind[0] for kind in classes]
        made.classes = tuple(called[int(label)] for label in made.classes)
    return made
