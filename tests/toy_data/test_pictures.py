"""Folders of pictures as data: classes by sub-folder, splits by name, one sentence for whatever is wrong."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import toy_data
from toy_data import DataError, Images
from toy_data.images import Pixels
from toy_data.pictures import below

Draw = Callable[[int], np.ndarray]


def colour(i: int) -> np.ndarray:
    """The i-th picture ``[6, 4, 3]``: no two alike."""
    return np.random.default_rng(i).integers(256, size=(6, 4, 3), dtype=np.uint8)


def put(folder: Path, numbers: range, draw: Draw = colour, kind: str = "png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in numbers:
        Image.fromarray(draw(i)).save(folder / f"{i:03}.{kind}")


def loaded(folder: Path) -> Pixels:
    data = toy_data.load(f"folder:{folder}")
    assert isinstance(data, Pixels)
    assert data.name == f"folder:{folder}"
    return data


def known(images: torch.Tensor) -> list[int]:
    """Which of the first 60 pictures these are."""
    all_of_them = {colour(i).transpose(2, 0, 1).tobytes(): i for i in range(60)}
    return [all_of_them[image.numpy().tobytes()] for image in images]


def test_a_class_for_each_sub_folder(tmp_path: Path) -> None:
    put(tmp_path / "dog", range(30))
    put(tmp_path / "cat", range(30, 45))
    put(tmp_path / "cat" / "kitten", range(45, 50))  # a cat still
    put(tmp_path / ".thumbnails", range(50, 60))
    data = loaded(tmp_path)
    assert isinstance(data, Images)
    assert (data.shape, data.modes, data.value_range) == ((3, 6, 4), 2, (-1, 1))
    assert data.classes == ("cat", "dog")
    for split in (data.train, data.test):
        numbers = known(split.images)
        assert [int(label) for label in split.labels] == [int(i < 30) for i in numbers]  # cat is 0, by the alphabet
    assert {*known(data.train.images)} | {*known(data.test.images)} == {*range(50)}
    assert data.test.labels.bincount().tolist() == [2, 3]  # a tenth of each
    x, y = data.sample_labelled(20, torch.Generator().manual_seed(0))
    back = ((x + 1) * 127.5).round().to(torch.uint8)
    assert [int(i < 30) for i in known(back)] == y.tolist()


def test_the_splits_are_train_and_test_where_there_are_just_these(tmp_path: Path) -> None:
    for split, numbers in (("train", range(20)), ("test", range(20, 30))):
        put(tmp_path / split / "a", numbers[::2])
        put(tmp_path / split / "b", numbers[1::2])
    data = loaded(tmp_path)
    assert isinstance(data, Images)
    assert sorted(known(data.train.images)) == [*range(20)]
    assert sorted(known(data.test.images)) == [*range(20, 30)]
    assert data.test.labels.tolist() == [i % 2 for i in known(data.test.images)]
    put(tmp_path / "val" / "a", range(30, 31))
    assert sorted(known(loaded(tmp_path).test.images)) == [*range(20, 31)]
    put(tmp_path / "plane", range(31, 32))  # beside which a train is one of four kinds
    kinds = loaded(tmp_path)
    assert kinds.modes == 4
    assert kinds.n_held_out == 3  # of one picture none


@pytest.mark.parametrize(("train", "test"), [("Train", "Test"), ("TRAINING", "testing"), ("train", "validation")])
def test_splits_go_by_other_names_too(tmp_path: Path, train: str, test: str) -> None:
    for split, numbers in ((train, range(20)), (test, range(20, 30))):
        put(tmp_path / split / "a", numbers[::2])
        put(tmp_path / split / "b", numbers[1::2])
    data = loaded(tmp_path)
    assert (data.modes, data.n_held_out) == (2, 10)
    assert sorted(known(data.test.images)) == [*range(20, 30)]


def test_a_folder_around_the_folder_of_classes_is_refused(tmp_path: Path) -> None:
    for kind in ("cat", "dog"):
        put(tmp_path / "mine" / "train" / kind, range(10))
    inner = tmp_path / "mine" / "train"
    with pytest.raises(DataError, match=f"mine holds pictures in {inner} alone; give folder:{inner}, whose"):
        loaded(tmp_path / "mine")
    put(tmp_path / "bare" / "cat", range(10))  # one class tells nothing apart
    assert (loaded(tmp_path / "bare").modes, loaded(tmp_path / "bare").n_held_out) == (None, 1)


def test_test_pictures_of_other_classes_alone_are_refused(tmp_path: Path) -> None:
    for place, numbers in (("train/a", range(5)), ("train/b", range(5, 10)), ("test/c", range(10, 15))):
        put(tmp_path / place, numbers)
    with pytest.raises(DataError, match="or test images of a class that training has"):
        loaded(tmp_path)


def test_pictures_without_sub_folders_have_no_classes(tmp_path: Path) -> None:
    put(tmp_path, range(40))
    data = loaded(tmp_path)
    assert not isinstance(data, Images)
    assert (data.modes, data.weights, data.n_held_out) == (None, None, 4)
    held = ((data.held_out(4) + 1) * 127.5).round().to(torch.uint8)
    assert sorted(known(held)) == sorted(known(data.test.images))
    with pytest.raises(DataError, match="has no labels"):
        data.sample_labelled(3)
    put(tmp_path / "sorted", range(3))
    put(tmp_path / "else", range(3))
    with pytest.raises(DataError, match=r"000\.png lies beside folders of classes; put it into one of them"):
        loaded(tmp_path)


def test_grey_pictures_have_one_channel_and_three_beside_colours(tmp_path: Path) -> None:
    def grey(i: int) -> np.ndarray:
        return colour(i)[..., 0]

    put(tmp_path / "a", range(10), grey)
    assert loaded(tmp_path).shape == (1, 6, 4)
    put(tmp_path / "a", range(10, 12))
    data = loaded(tmp_path)
    assert data.shape == (3, 6, 4)
    of_grey = [image for image in data.train.images if bool((image == image[:1]).all())]
    assert len(of_grey) >= 8
    assert {image[0].numpy().tobytes() for image in of_grey} <= {grey(i).tobytes() for i in range(10)}


def test_pictures_of_runs_are_no_data(tmp_path: Path) -> None:
    """Begun from the folder of the data, a run writes into it, and could not be gone on with."""
    put(tmp_path / "a", range(10))
    put(tmp_path / "b", range(10, 20))
    before = loaded(tmp_path).fingerprint()
    run = tmp_path / "runs" / "mine" / "ns" / "1"
    put(run, range(20, 21), lambda i: np.zeros((50, 90), np.uint8))
    for name in ("config.json", "metrics.csv"):
        (run / name).touch()
    assert loaded(tmp_path).fingerprint() == before
    with pytest.raises(DataError, match="runs holds no PNGs or JPEGs, but those of runs"):
        loaded(tmp_path / "runs")


def test_a_kind_without_a_folder_is_refused() -> None:
    for kind in ("folder:", "idx:"):
        with pytest.raises(DataError, match=rf"'{kind}' names no folder; write {kind}\. for the one that you are in"):
            toy_data.load(kind)


def test_its_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(tmp_path / name / "a", range(10))
    first = loaded(tmp_path / "one").fingerprint()
    assert loaded(tmp_path / "two").fingerprint() == first
    put(tmp_path / "two" / "b", range(10, 11))
    assert loaded(tmp_path / "two").fingerprint() != first


def test_linked_folders_are_folders_and_a_link_that_leads_back_ends(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "cats", range(10))
    put(tmp_path / "mine" / "dog", range(10, 20))
    put(tmp_path / "mine" / "dog" / "x.png", range(20, 21))  # a folder, whatever its name
    (tmp_path / "mine" / "cat").symlink_to(tmp_path / "elsewhere" / "cats")
    (tmp_path / "mine" / "dog" / "all").symlink_to(tmp_path / "mine")
    (tmp_path / "elsewhere" / "cats" / "dogs").symlink_to(tmp_path / "mine" / "dog")
    paths = [str(path.relative_to(tmp_path / "mine")) for path in below(tmp_path / "mine")]
    assert [path for path in paths if path.count("/") == 1] == [
        f"{'cat' if i < 10 else 'dog'}/{i:03}.png" for i in range(20)
    ]
    assert "dog/x.png/020.png" in paths
    assert len(paths) == len(set(paths)) < 100
    assert loaded(tmp_path / "mine").modes == 2


def test_a_damaged_picture_is_one_sentence_wherever_it_is_cut_or_changed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind in ("png", "jpg"):
        put(tmp_path / kind, range(1), kind=kind)
        (file,) = (tmp_path / kind).iterdir()
        whole = file.read_bytes()
        for _ in range(1000):
            damaged = bytearray(whole[: rng.integers(1, len(whole) + 1)])
            for at in rng.integers(len(damaged), size=3):
                damaged[at] = rng.integers(256)
            file.write_bytes(damaged)
            with warnings.catch_warnings(), contextlib.suppress(DataError):
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                assert loaded(tmp_path / kind).shape[0] in (1, 3)


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    put(tmp_path / "sizes" / "a", range(2))
    put(tmp_path / "sizes" / "b", range(2, 3), lambda i: np.zeros((8, 8), np.uint8))
    (tmp_path / "broken" / "a").mkdir(parents=True)
    (tmp_path / "broken" / "a" / "x.jpg").write_bytes(b"no picture")
    for name, sentence in {
        "nowhere": "There is no folder .*nowhere; it should hold PNGs or JPEGs",
        "empty": "empty holds no PNGs or JPEGs, neither itself nor further down",
        "sizes": r"b/002\.png is 8 x 8 pixels and .*a/000\.png 4 x 6; all must be alike",
        "broken": r"x\.jpg cannot be read as an image",
    }.items():
        with pytest.raises(DataError, match=sentence) as caught:
            loaded(tmp_path / name)
        assert "\n" not in str(caught.value)
