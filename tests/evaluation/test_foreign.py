"""Samples made elsewhere: files, folders of images, and everything that can be wrong with them."""

import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.utils import save_image

import toy_data
import zoo
from zoo.errors import ZooError
from zoo.evaluation import foreign
from zoo.evaluation.checks import mode_coverage
from zoo.evaluation.subjects import load
from zoo.runs.sampling import read_latents


@pytest.fixture(scope="module")
def ring():
    return toy_data.load("ring")


def written(folder, kind, x):
    path = folder / f"samples.{kind}"
    if kind == "npy":
        np.save(path, x.numpy())
    elif kind == "npz":
        np.savez(path, samples=x.numpy(), other=np.zeros(3))
    elif kind == "csv":
        np.savetxt(path, x.numpy(), delimiter=",", header="x,y", comments="", fmt="%.9g")
    elif kind == "txt":
        np.savetxt(path, x.numpy(), fmt="%.9g")
    else:
        torch.save(x if kind == "pt" else {"samples": x}, path)
    return path


def test_a_byte_order_mark_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "excel.csv").write_text("1,2\n3,4\n", encoding="utf-8-sig")
    assert foreign.read(tmp_path / "excel.csv").tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "txt", "pt", "pth"])
def test_every_kind_of_file_gives_the_same_samples(tmp_path, ring, kind):
    x = ring.sample(50, torch.Generator().manual_seed(0))
    source = load(written(tmp_path, kind, x), "ring")
    assert source.samples.shape == (1, 50, 2)
    assert torch.allclose(source.samples[0], x, rtol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "pt"])
def test_numbers_that_32_bits_do_not_hold_are_not_said_to_be_infinite(tmp_path, ring, kind):
    x = 1e39 * ring.sample(50, torch.Generator().manual_seed(0)).double()
    with pytest.raises(
        ZooError, match=r"samples\.\w+ holds numbers beyond 3\.4e38, which are too large for 32-bit floats"
    ):
        load(written(tmp_path, kind, x), "ring")
    x[0] = math.inf
    with pytest.raises(ZooError, match="1 of 50 samples hold NaN or infinite"):
        load(written(tmp_path, kind, x.clamp(-1, 1).where(x.isfinite(), x)), "ring")
    large = torch.full((50, 2), 1e39, dtype=torch.float64)
    for array in (large, large.numpy()):
        with pytest.raises(ZooError, match=r"The (tensor|array) holds numbers beyond 3\.4e38"):
            zoo.evaluate(array, "ring")
        with pytest.raises(ZooError, match=r"The array holds numbers beyond 3\.4e38"):
            mode_coverage(array, data="ring")


@pytest.mark.parametrize("kind", ["png", "jpg", "JPEG"])
def test_images_as_others_keep_them_grey_in_three_colours_and_in_folders_of_classes(tmp_path, kind):
    data = toy_data.load("digits")
    x = data.held_out(40)
    for i, image in enumerate(x):
        folder = tmp_path / f"class{i % 2}" / "deeper"
        folder.mkdir(parents=True, exist_ok=True)
        save_image(image, folder / f"{i:02}.{kind}", normalize=True, value_range=(-1, 1))
    (tmp_path / ".hidden").mkdir()
    Image.new("RGB", (3, 3)).save(tmp_path / ".hidden" / "a.png")
    read = foreign.read(tmp_path)
    assert read.shape == (40, 3, 8, 8)
    stood = foreign.checked(read, data)
    assert stood.shape == (1, 40, 1, 8, 8)
    order = [i for parity in (0, 1) for i in range(parity, 40, 2)]
    assert (stood[0] - x[order]).abs().mean() < (0.005 if kind == "png" else 0.2)
    last = foreign.checked(read.movedim(1, -1), data)
    assert torch.equal(last, stood)
    assert torch.equal(foreign.checked(read[:, 0, :, :, None], data), stood)


def test_a_folder_of_runs_is_no_folder_of_images(tmp_path):
    (tmp_path / "ring" / "ns").mkdir(parents=True)
    (tmp_path / "ring" / "ns" / "config.json").write_text("{}")
    Image.new("RGB", (3, 3)).save(tmp_path / "ring" / "ns" / "samples.png")
    with pytest.raises(ZooError, match=r"holds runs further down, such as .*ring/ns; give one"):
        foreign.read(tmp_path)


def test_a_folder_of_pngs(tmp_path):
    data = toy_data.load("digits")
    x = data.sample(25, torch.Generator().manual_seed(0))
    for i, image in enumerate(x):
        pixels = ((image[0] + 1) * 127.5).round().numpy().astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i:03}.png")
    assert torch.allclose(load(tmp_path, "digits").samples[0], x, atol=1e-6)


def test_pngs_with_a_palette_keep_its_colours(tmp_path):
    for name, channels in (("coloured", 3), ("grey", 1)):
        (tmp_path / name).mkdir()
        pixels = np.zeros((4, 4, channels), dtype=np.uint8)
        pixels[:2, :, 0] = 255
        image = Image.fromarray(pixels.squeeze()).convert("P", palette=Image.Palette.ADAPTIVE)
        image.save(tmp_path / name / "a.png")
        read = foreign.read(tmp_path / name)
        assert torch.equal((read[0] + 1) * 127.5, torch.from_numpy(pixels).movedim(-1, 0).float())


@pytest.mark.parametrize(
    ("shape", "stands"),
    [((60, 2), (1, 60, 2)), ((3, 60, 2), (3, 60, 2))],
)
def test_a_leading_seed_axis(ring, shape, stands):
    assert foreign.checked(torch.rand(shape), ring).shape == stands


@pytest.mark.parametrize("shape", [(30, 8, 8), (30, 1, 8, 8), (30, 64), (1, 30, 1, 8, 8)])
def test_shapes_of_grey_images(shape):
    assert foreign.checked(torch.rand(shape) * 2 - 1, toy_data.load("digits")).shape == (1, 30, 1, 8, 8)


@pytest.mark.parametrize(
    ("data", "x", "sentence"),
    [
        ("ring", torch.rand(60, 3), r"have shape \[60, 3\]; 'ring' needs \[N, 2\], or \[seeds, N, 2\]"),
        ("ring", torch.rand(5, 2), "5 samples are too few"),
        ("ring", torch.full((60, 2), math.nan), "60 of 60 samples hold NaN"),
        ("digits", torch.rand(30, 1, 8, 8) * 255, r"from -1 to 1; divide by 127.5 and subtract 1"),
        ("digits", torch.rand(30, 1, 8, 8) * 16, r"from -1 to 1; divide by 8 and subtract 1"),
        ("digits", torch.rand(30, 1, 8, 8) * 65535, r"from -1 to 1; divide by 32767.5 and subtract 1"),
        ("digits", torch.rand(30, 3, 8, 8), r"needs \[N, 1, 8, 8\]"),
        ("digits", torch.rand(30, 1, 8, 8), "if yours run from 0 to 1, double them and subtract 1"),
        ("digits", torch.randn(30, 1, 8, 8) * 9, "those of 'digits' from -1 to 1"),
    ],
)
def test_samples_that_cannot_be_right(data, x, sentence):
    with pytest.raises(ZooError, match=sentence) as error:
        foreign.checked(x, toy_data.load(data))
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("error")  # torch's, of a pickle's protocol
def test_files_that_cannot_be_read(tmp_path, ring):
    np.savez(tmp_path / "two.npz", a=np.zeros(3), b=np.zeros(3))
    np.save(tmp_path / "object.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps({"a": [1]}, protocol=4))
    (tmp_path / "garbage.npy").write_bytes(b"garbage" * 30)
    (tmp_path / "garbage.npz").write_bytes(b"garbage" * 30)
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    (tmp_path / "broken.npy").write_bytes(b"no")
    (tmp_path / "broken.npz").write_bytes(b"PK no")
    np.savez_compressed(tmp_path / "damaged.npz", samples=np.random.default_rng(0).normal(size=(50, 2)))
    whole = (tmp_path / "damaged.npz").read_bytes()
    (tmp_path / "damaged.npz").write_bytes(whole[:80] + b"no" * 20 + whole[120:])
    (tmp_path / "broken.pt").write_bytes(b"no")
    (tmp_path / "words.csv").write_text("x,y\n1,2\nthree,4\n")
    torch.save({"weights": torch.zeros(2)}, tmp_path / "other.pt")
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.jpeg").write_bytes(b"")
    for name, sentence in {
        "absent.npy": "no file or folder",
        "two.npz": "name the one with the samples 'samples'",
        "object.npy": "cannot be read as an array of numbers (it holds pickled objects).",
        "garbage.npy": "cannot be read as an array of numbers (it is no .npy file).",
        "garbage.npz": "cannot be read as arrays of numbers (it is no whole .npz file).",
        "pickle.pt": "weights-only",
        "words.npy": "samples are numbers",
        "broken.npy": "cannot be read",
        "broken.npz": "cannot be read",
        "damaged.npz": "cannot be read as arrays of numbers",
        "broken.pt": "weights-only",
        "words.csv": "rows of numbers: could not convert string 'three' to float64 at row 1, column 1.",
        "other.pt": "a tensor 'samples'",
        "empty": "neither a run directory nor a folder with PNGs or JPEGs",
        "x.jpeg": "none of the kinds",
    }.items():
        with pytest.raises(ZooError, match=re.escape(sentence)) as told:
            load(tmp_path / name, "ring")
        assert str(told.value).endswith(sentence) or not sentence.endswith(".")
    with pytest.raises(ZooError, match="name the data set"):
        load(written(tmp_path, "npy", ring.sample(50)))


def test_a_file_that_only_begins_as_an_archive(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ZooError, match=r"x\.npy cannot be read as an array of numbers"):
        foreign.read(tmp_path / "x.npy")
    with pytest.raises(ZooError, match=r"x\.npy cannot be read as latents"):
        read_latents(tmp_path / "x.npy", 2)


@pytest.mark.parametrize("made", [lambda x: x.to_sparse(), lambda x: x.to("meta")])
def test_a_tensor_that_is_no_plain_one(tmp_path, made):
    x = made(torch.zeros(50, 2))
    torch.save(x, tmp_path / "x.pt")
    with pytest.raises(ZooError, match="samples are a dense tensor of numbers"):
        zoo.evaluate(x, "ring")
    with pytest.raises(ZooError, match="samples are a dense tensor of numbers"):
        foreign.read(tmp_path / "x.pt")


def test_what_python_gives_is_looked_at():
    with pytest.raises(ZooError, match=r"not \[\[1, 2\], \[3\]\]"):
        zoo.evaluate([[1, 2], [3]], "ring")
    for wrong in (3, [3]):
        with pytest.raises(ZooError, match="metrics"):
            zoo.evaluate(torch.zeros(50, 2), "ring", metrics=wrong)
        with pytest.raises(ZooError, match="references"):
            zoo.evaluate(torch.zeros(50, 2), "ring", references=wrong)


def test_a_pickle_never_runs(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save(Bomb(), tmp_path / "bomb.pt")
    with pytest.raises(ZooError, match="weights-only"):
        foreign.read(tmp_path / "bomb.pt")
    assert not (tmp_path / "ran").exists()


def test_pngs_of_sixteen_bits_are_those_of_eight(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(25, 8, 8))
    for depth, kind in (("8", np.uint8), ("16", np.uint16)):
        (tmp_path / depth).mkdir()
        for i, image in enumerate(pixels):
            Image.fromarray((image * (1 if depth == "8" else 257)).astype(kind)).save(tmp_path / depth / f"{i:02}.png")
    assert torch.equal(foreign.read(tmp_path / "8"), foreign.read(tmp_path / "16"))
