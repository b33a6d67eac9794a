"""A user's own data: both forms of .npz file, and one sentence for whatever is wrong with it."""

from pathlib import Path

import numpy as np
import pytest
import torch

import toy_data
from toy_data import DataError, Images, Mixture, Points
from toy_data.images import Pixels


def save(folder: Path, **arrays: object) -> str:
    path = folder / "own.npz"
    np.savez(path, **arrays)
    return str(path)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_users_mixture(tmp_path: Path) -> None:
    centres = [[0.0, 0], [5, 5]]
    data = toy_data.load(save(tmp_path, centres=centres, sigma=0.1, weights=[0.25, 0.75]))
    assert isinstance(data, Mixture)
    assert data.name == "own"
    assert data.weights.tolist() == [0.25, 0.75]
    torch.testing.assert_close(data.covariances, (0.01 * torch.eye(2)).expand(2, 2, 2))
    per_mode = toy_data.load(save(tmp_path, centres=centres, sigma=[0.1, 2.0]))
    torch.testing.assert_close(per_mode.covariances[1], 4 * torch.eye(2))
    assert per_mode.weights.tolist() == [0.5, 0.5]
    full = [[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 3.0]]]
    torch.testing.assert_close(
        toy_data.load(save(tmp_path, centres=centres, covariances=full)).covariances, torch.tensor(full)
    )


def test_a_users_points_are_trained_on_as_they_are(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(3, 2, (1000, 4)).astype(np.float32)
    data = toy_data.load(save(tmp_path, samples=points, labels=np.arange(1000) % 7 * 10 - 5))
    assert isinstance(data, Points)
    assert data.modes == 7
    whole = {tuple(row): i for i, row in enumerate(points.tolist())}
    x, y = data.sample_labelled(5000, seeded(0))
    assert [whole[tuple(row)] % 7 for row in x.tolist()] == y.tolist()
    held = {tuple(row) for row in data.held_out(100, seeded(0)).tolist()}
    assert len(held) == data.n_held_out == 100  # a tenth, each once
    assert held <= set(whole)
    assert not held & {tuple(row) for row in x.tolist()}
    trained = np.array([row for row in whole if row not in held])
    np.testing.assert_allclose(data.mean, trained.mean(0), rtol=1e-5)
    np.testing.assert_allclose(data.std, trained.std(0), rtol=1e-5)
    assert data.weights is not None
    np.testing.assert_allclose(data.weights, np.bincount(np.arange(1000) % 7) / 1000, rtol=1e-6)


def test_a_label_that_only_a_held_out_point_has_is_no_mode(tmp_path: Path) -> None:
    """Not even the data itself could cover it."""
    points = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    labels = np.arange(100) % 2
    whole = toy_data.load(save(tmp_path, samples=points, labels=labels))
    held = whole.held_out(1, seeded(0)).tolist()[0]
    labels[[row == held for row in points.tolist()]] = 7
    data = toy_data.load(save(tmp_path, samples=points, labels=labels))
    assert (data.modes, data.n_held_out) == (2, 9)
    assert data.weights is not None
    np.testing.assert_allclose(data.weights, np.bincount(labels[labels < 7]) / 99, rtol=1e-6)
    assert held not in data.held_out(9, seeded(0)).tolist()
    torch.testing.assert_close(data.sample(50, seeded(1)), whole.sample(50, seeded(1)))


def test_unlabelled_points_have_no_modes(tmp_path: Path) -> None:
    data = toy_data.load(save(tmp_path, samples=[[1.0, 7.0], [2.0, 7.0]]))
    assert data.modes is None
    assert data.std.tolist() == [0.5, 1.0]  # a constant column is not divided by nothing
    with pytest.raises(DataError, match="'own' has no labels"):
        data.sample_labelled(3)
    with pytest.raises(DataError, match="'own' has no held-out samples"):
        data.held_out(1)


@pytest.mark.parametrize("kind", ["[N, h, w]", "[N, c, h, w]", "[N, h, w, c]"])
def test_a_users_images(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    channels = 1 if kind == "[N, h, w]" else 3
    images = rng.integers(256, size=(50, channels, 8, 5))
    stored = {"[N, h, w]": images[:, 0], "[N, c, h, w]": images, "[N, h, w, c]": images.transpose(0, 2, 3, 1)}[kind]
    data = toy_data.load(save(tmp_path, samples=stored, labels=np.arange(50) % 2 * 7))
    assert isinstance(data, Images)
    assert (data.name, data.shape, data.modes, data.n_held_out) == ("own", (channels, 8, 5), 2, 4)
    which = {image.astype(np.uint8).tobytes(): i for i, image in enumerate(images)}
    x, y = data.sample_labelled(400, seeded(0))
    numbers = [which[image.tobytes()] for image in ((x + 1) * 127.5).round().to(torch.uint8).numpy()]
    assert [i % 2 for i in numbers] == y.tolist()
    held = {which[image.tobytes()] for image in ((data.held_out(4) + 1) * 127.5).round().to(torch.uint8).numpy()}
    assert len(held) == 4
    assert {*numbers} == {*range(50)} - held
    trained = images[[*({*range(50)} - held)]] / 127.5 - 1
    assert (float(data.mean), float(data.std)) == pytest.approx((trained.mean(), trained.std()), rel=1e-5)
    as_bytes = toy_data.load(save(tmp_path, samples=stored.astype(np.uint8), labels=np.arange(50) % 2 * 7))
    assert as_bytes.fingerprint() == data.fingerprint()
    plain = toy_data.load(save(tmp_path, samples=stored))
    assert isinstance(plain, Pixels)
    assert (plain.modes, plain.n_held_out, plain.shape) == (None, 5, data.shape)
    assert plain.fingerprint() != data.fingerprint()


@pytest.mark.parametrize(("least", "most"), [(0, 1), (-1, 1), (0, 255), (0, 65535)])
def test_what_makes_bytes_of_other_ranges_does(tmp_path: Path, least: int, most: int) -> None:
    meant = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    images = least + (most - least) * (meant / 255)
    path = save(tmp_path, samples=images.round().astype(np.uint16) if most > 255 else images)
    with pytest.raises(DataError, match=f"makes them of values x from {least} to {most}") as caught:
        toy_data.load(path)
    code = str(caught.value).partition("255: ")[2].partition(" makes")[0]
    assert np.array_equal(eval(code, {"numpy": np, "x": images}), meant)


@pytest.mark.parametrize(
    ("stored", "shape"),
    [
        ((4, 4, 3), (3, 4, 4)),
        ((2, 9, 3), (3, 2, 9)),
        ((4, 9, 1), (1, 4, 9)),
        ((3, 9, 3), (3, 9, 3)),
        ((3, 5, 4), (3, 5, 4)),
        ((1, 5, 3), (1, 5, 3)),
        ((4, 5, 4), (4, 5, 4)),
        ((8, 8, 2), (2, 8, 8)),
    ],
)
def test_which_axis_is_the_channels(tmp_path: Path, stored: tuple[int, ...], shape: tuple[int, ...]) -> None:
    assert toy_data.load(save(tmp_path, samples=np.zeros((20, *stored), np.uint8))).shape == shape


def test_images_of_one_class_alone_have_none(tmp_path: Path) -> None:
    """A judge of one class has nothing to learn, and its FID of anything would be 0."""
    images = np.random.default_rng(0).integers(256, size=(40, 8, 8), dtype=np.uint8)
    alone, none = (
        toy_data.load(save(tmp_path, samples=images, **labels)) for labels in ({"labels": np.full(40, 3)}, {})
    )
    assert (alone.modes, alone.n_held_out, type(alone)) == (None, 4, Pixels)
    assert alone.fingerprint() == none.fingerprint()


def test_a_folder_may_be_called_as_a_file_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no folder .*own\.npz; it should hold PNGs"):
        toy_data.load(f"folder:{tmp_path / 'own.npz'}")


def test_classes_of_one_image_each_are_refused(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(256, size=(40, 8, 8), dtype=np.uint8)
    with pytest.raises(DataError, match="No image of 'own' can be held out: it takes a class with two images or more"):
        toy_data.load(save(tmp_path, samples=images, labels=np.arange(40)))
    some = toy_data.load(save(tmp_path, samples=images, labels=np.arange(40) // 2))
    assert (some.modes, some.n_held_out) == (20, 20)


def test_a_fingerprint_changes_with_the_content(tmp_path: Path) -> None:
    first = toy_data.load(save(tmp_path, samples=[[1.0], [2.0]])).fingerprint()
    assert toy_data.load(save(tmp_path, samples=[[1.0], [2.0]])).fingerprint() == first
    assert toy_data.load(save(tmp_path, samples=[[1.0], [2.5]])).fingerprint() != first
    assert toy_data.load(save(tmp_path, samples=[[1.0], [2.0]], labels=[0, 1])).fingerprint() != first


ONE, TWO = [[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]
WRONG = {
    r"centres .* have shape \[2\]; they need \[K, d\]": {"centres": [1.0, 2.0], "sigma": 0.1},
    "either sigma or covariances": {"centres": ONE},
    "either sigma or covariances for": {"centres": ONE, "sigma": 1.0, "covariances": [np.eye(2)]},
    "sigma of 'own' must be above 0; the smallest is -1": {"centres": ONE, "sigma": -1.0},
    r"sigma of 'own' has shape \[3\]": {"centres": TWO, "sigma": [1.0, 1.0, 1.0]},
    "centres of 'own' hold NaN": {"centres": [[np.nan, 2.0]], "sigma": 0.1},
    "sigmas of 'own' hold NaN": {"centres": ONE, "sigma": np.inf},
    "Centres 0 and 1 of 'own' are the same point": {"centres": [[1.0, 2.0], [1.0, 2.0]], "sigma": 0.1},
    "Covariance 0 of 'own' is not positive definite": {"centres": ONE, "covariances": [[[1.0, 2.0], [2.0, 1.0]]]},
    "Covariance 1 of 'own' is not symmetric": {"centres": TWO, "covariances": [np.eye(2), [[1.0, 0.5], [0.0, 1.0]]]},
    r"covariances of 'own' have shape \[2, 2\]": {"centres": ONE, "covariances": np.eye(2)},
    r"weights of 'own' have shape \[2\]": {"centres": ONE, "sigma": 0.1, "weights": [0.5, 0.5]},
    "weights of 'own' sum to 4 instead of 1": {"centres": TWO, "sigma": 0.1, "weights": [1.0, 3.0]},
    "weights of 'own' must be above 0": {"centres": TWO, "sigma": 0.1, "weights": [1.5, -0.5]},
    "holds labels; it needs centres": {"labels": [1, 2]},
    "holds nothing; it needs centres": {},
    "holds centres, sigma, samples; it needs": {"centres": ONE, "sigma": 1.0, "samples": TWO},
    r"samples of 'own' have shape \[2\]": {"samples": [1.0, 2.0]},
    r"images of 'own' are floats from 0 to 0; they need bytes from 0 to 255: numpy\.uint8": {
        "samples": np.zeros((9, 8, 8))
    },
    r"images of 'own' are whole numbers from -1 to 300; they need bytes from 0 to 255\.": {
        "samples": np.full((9, 8, 8), [[[-1] * 7 + [300]]])
    },
    "images of 'own' are 8 x 3; to tell classes apart takes 4 x 4 pixels": {
        "samples": np.zeros((9, 3, 8), np.uint8),
        "labels": np.arange(9) % 2,
    },
    r"images of 'own' have shape \[9, 5, 8, 8\]; they need \[N, h, w\], \[N, c, h, w\] or \[N, h, w, c\], c at most 4": {
        "samples": np.zeros((9, 5, 8, 8), np.uint8)
    },
    r"images of 'own' have shape \[2, 3, 1, 8, 8\]": {"samples": np.zeros((2, 3, 1, 8, 8), np.uint8)},
    r"images of 'own' have shape \[0, 8, 8\]": {"samples": np.zeros((0, 8, 8), np.uint8)},
    "labels of 'own' must be 9 whole numbers, not": {"samples": np.zeros((9, 8, 8), np.uint8), "labels": [0, 1]},
    r"samples of 'own' have shape \[0, 2\]": {"samples": np.zeros((0, 2))},
    "samples of 'own' hold NaN": {"samples": [[np.nan]]},
    "labels of 'own' must be 2 whole numbers": {"samples": [[1.0], [2.0]], "labels": [1, 2, 3]},
    "labels of 'own' must be 2 whole numbers, not": {"samples": [[1.0], [2.0]], "labels": [1.5, 2]},
    "'sigmas' that means nothing here; did you mean 'sigma'": {"centres": ONE, "sigmas": 0.1},
    "'samples' of .* is of type <U1; it needs numbers": {"samples": [["a"]]},
    "'samples' of .* is of type complex128": {"samples": [[1j]]},
}


def test_a_folder_is_told_of_which_kind_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "ring").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("photos", str(tmp_path / "photos")):
        with pytest.raises(
            DataError, match=r"photos is a folder, .*: folder:.*photos holds PNGs .* idx:.*photos four files"
        ) as caught:
            toy_data.load(name)
        assert "\n" not in str(caught.value)
    assert toy_data.load("ring").modes == 8  # a name is a name, whatever lies around


@pytest.mark.parametrize("sentence", WRONG)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        toy_data.load(save(tmp_path, **WRONG[sentence]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arrays",
    [
        {"samples": np.full((30, 2), 1e300)},
        {"centres": np.eye(2), "sigma": 1e200},
        {"centres": np.eye(2) * 1e99, "sigma": 1},
    ],
)
def test_numbers_that_32_bits_do_not_hold_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    """They were infinite in training, and stopped a run at its first evaluation."""
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(DataError, match="too large for 32-bit floats"):
        toy_data.load(str(tmp_path / "mine.npz"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file .*nowhere\.npz"):
        toy_data.load(str(tmp_path / "nowhere.npz"))


def touch(path: str) -> None:
    Path(path).touch()


class Trap:
    """Unpickling it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return touch, (str(self.trace),)


def test_objects_in_a_file_are_never_executed(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    path = save(tmp_path, centres=np.array([Trap(trace)], dtype=object), sigma=0.1)
    with pytest.raises(DataError, match="it holds pickled objects"):
        toy_data.load(path)
    assert not trace.exists()
    (tmp_path / "garbage.npz").write_bytes(b"garbage" * 30)
    with pytest.raises(DataError, match=r"it is no whole \.npz file"):
        toy_data.load(str(tmp_path / "garbage.npz"))
    np.load(path, allow_pickle=True)["centres"]
    assert trace.exists()  # the trap does work


def test_a_damaged_file_is_one_sentence_wherever_it_is_cut_or_changed(tmp_path: Path) -> None:
    path = Path(save(tmp_path, samples=np.arange(40.0).reshape(20, 2)))
    whole, said = path.read_bytes(), []
    for i in range(0, len(whole), 7):
        for damaged in (whole[:i], whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :]):
            path.write_bytes(damaged)
            try:
                toy_data.load(str(path))
            except DataError as error:
                said.append(str(error))
    assert len(said) > len(whole) // 7  # every cut, and most changes
    assert not [sentence for sentence in said if "\n" in sentence]
