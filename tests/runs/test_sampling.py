"""`zoo sample`: what is drawn, from which weights, and what is refused in one sentence."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from zoo import checkpoint
from zoo.cli import app as cli
from zoo.errors import ZooError
from zoo.looking import plots
from zoo.runs import sampling, session
from zoo.runs.cell import plan
from zoo.runs.session import Session
from zoo.training import Record

SMALL = {"rounds": 6, "width": 8, "batch": 16, "every": 3}


def made(folder: Path, variant: str = "ns", data: str = "ring", seeds: str = "2,5", **changes: Any) -> Path:
    session.start(
        plan(variant, changes.pop("options", {}), data=data, seeds=seeds, changes=SMALL | changes), out=folder
    ).train()
    return folder


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("ring") / "run")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With batch normalisation, an average of weights, and a latent size of 5."""
    return made(tmp_path_factory.mktemp("digits") / "run", data="digits", latent=5, norm=True, ema=0.5)


def test_the_seed_that_was_asked_for_generates_with_the_weights_that_the_run_left(ring: Path) -> None:
    sampler = sampling.open_run(ring, 5)
    z = sampler.game.stream([5]).latents(2500, "evaluation")[0]
    with np.load(ring / "samples.npz") as kept:
        final = kept["samples"]
    np.testing.assert_allclose(sampler.sample(z), final[1], rtol=1e-5, atol=1e-6)
    assert np.abs(sampler.sample(z).numpy() - final[0]).max() > 1e-3
    assert sampling.open_run(ring).seed == 2


class StopAtOnce(session.Listener):
    """Asks to stop after the first evaluation."""

    def started(self, run: Session) -> None:
        self.run = run

    def evaluated(self, record: Record) -> None:
        self.run.asked_to_stop.set()


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_an_interrupted_run_is_sampled_from_its_checkpoint(tmp_path: Path, ema: float) -> None:
    run = session.start(
        plan("ns", {}, seeds="2,5", changes=SMALL | {"ema": ema}), out=tmp_path / "run", listener=StopAtOnce()
    )
    with pytest.raises(session.Interrupted):
        run.train()
    expected = run.training.lanes().sampled["G"][1]
    found, seeds = sampling.weights(tmp_path / "run")
    assert seeds == [2, 5]
    assert torch.equal(found["G"][1], expected)
    assert sampling.draw(sampling.open_run(tmp_path / "run", 5), 7).shape == (7, 2)
    run.save()
    newest = tmp_path / "run" / checkpoint.NAME
    newest.write_bytes(newest.read_bytes()[:100])  # damaged: the one before serves
    assert torch.equal(sampling.weights(tmp_path / "run")[0]["G"][1], expected)


def test_how_few_are_asked_for_changes_no_sample_but_for_the_batch_it_is_normalised_in(digits: Path) -> None:
    sampler = sampling.open_run(digits)
    z = sampler.latents(25)
    one = sampler.sample(z[:1])
    assert one.isfinite().all()
    apart = (one - sampler.sample(z)[:1]).abs().max()
    spread = (sampler.sample(z) - sampler.sample(z).mean(0)).abs().mean()
    assert apart < 0.5 * spread
    alone = sampler.game.sample(sampler.weights, z[None, :2])[0]  # what the company is for
    assert (alone[:1] - sampler.sample(z)[:1]).abs().max() > 4 * apart


def test_full_chunks_have_company_too(digits: Path) -> None:
    sampler = sampling.open_run(digits)
    z = sampler.latents(sampler.game.chunk() + 1)
    few = sampler.sample(z[: sampler.game.chunk(sampling.COMPANY)])
    torch.testing.assert_close(sampler.sample(z)[: len(few)], few)
    mixed = sampler.game.sample(sampler.weights, torch.cat([z[: len(few)], sampler.company])[None])[0, : len(few)]
    torch.testing.assert_close(few, mixed)


def test_samples_come_from_the_generators_that_origin_names_however_many_there_are(tmp_path: Path) -> None:
    sampler = sampling.open_run(made(tmp_path / "run", "madgan", options={"n": 16}))
    one = sampler.latents(1)
    makers = sampler.game.variant.origin(3000)
    assert makers is not None
    for samples in (
        sampler.sample(one.expand(3000, -1)),
        sampler.game.sample(sampler.weights, one.expand(1, 3000, -1))[0],
    ):
        torch.testing.assert_close(samples, samples[:16][makers])


def test_a_walk_keeps_its_ends_and_its_length(ring: Path) -> None:
    a, b = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 4.0, 0.0])
    path = sampling.walk(a, b, 5, spherical=True)
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)
    torch.testing.assert_close(path.norm(dim=1), torch.tensor([3, 3.25, 3.5, 3.75, 4]))
    torch.testing.assert_close(torch.atan2(path[:, 1], path[:, 0]), torch.linspace(0, torch.pi / 2, 5))
    torch.testing.assert_close(sampling.walk(a, b, 3, spherical=False)[1], (a + b) / 2)
    torch.testing.assert_close(sampling.walk(a, -a, 3, spherical=True)[1], torch.zeros(3))
    sampler = sampling.open_run(ring)
    steps = sampling.draw(sampler, 6, between=(4, 1))
    torch.testing.assert_close(steps[[0, -1]], sampler.sample(sampler.latents(5))[[4, 1]])


@pytest.mark.parametrize("variant", ["madgan", "self-conditioned"])
def test_a_walk_stays_where_it_starts_though_samples_depend_on_their_place(tmp_path: Path, variant: str) -> None:
    """In its turn of several generators, or in the share of a cluster: a walk from a latent to itself does not move."""
    sampler = sampling.open_run(made(tmp_path / "run", variant))
    z = sampler.latents(1).expand(6, -1)
    there = sampler.sample(z)
    assert len(there.unique(dim=0)) > 1
    for start in range(6):
        torch.testing.assert_close(sampler.walk(z, start), there[start].expand_as(there))
    chunk = sampler.game.chunk(sampling.COMPANY)
    torch.testing.assert_close(sampler.walk(z[:2], chunk + 3), there[3].expand(2, -1))


def test_samples_of_one_mode(ring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = sampling.open_run(ring)
    target = sampler.data.centres[3]
    monkeypatch.setattr(
        sampling.Sampler, "sample", lambda self, z: target + 0.05 * z
    )  # about one in three is near enough
    found = sampler.of_mode(3, 40)
    assert found.shape == (40, 2)
    assert ((found - target).norm(dim=1) < 3 * 0.02).all()
    with pytest.raises(ZooError, match=r"Of 20,000 samples of seed 2 only 0 show mode 1, not 1\."):
        sampler.of_mode(1, 1)


def test_the_judge_says_what_an_image_shows(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    shares: list[float] = []
    sampler = replace(sampling.open_run(digits), heard=shares.append)
    x, y = sampler.data.held_out_labelled(200)
    assert (sampler.modes(x) == y).float().mean() > 0.8
    monkeypatch.setattr(sampling.Sampler, "sample", lambda self, z: self.data.held_out(len(z)))
    sevens = sampler.of_mode(7, 12)
    assert (sampler.modes(sevens) == 7).all()
    assert shares[-1] == 1, "the judge's training was heard of"
    assert shares == sorted(shares)


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Call `zoo sample ...` in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zoo", "sample", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out = capsys.readouterr()
        return int(ended.value.code or 0), out.out, out.err

    return call


def test_a_grid_of_25_and_its_array(sample, digits: Path, tmp_path: Path) -> None:
    code, out, err = sample(digits, "-n", 25, "--seed-of-run", 5, "-o", "digits.png")
    assert (code, err) == (0, "")
    assert "25 samples of seed 5 are in digits.png" in out
    assert sample(digits, "--npy", "--seed-of-run", 5)[0] == 0
    array = np.load(tmp_path / "samples.npy")
    assert array.shape == (25, 1, 8, 8)
    assert array.dtype == np.float32
    with Image.open("digits.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (44 * 14, 44 * 14, 3)  # 5 x 5 images of 8 pixels, one pixel of white between; 14 to a pixel
    row, column = 9 * 2, 9 * 3  # the image number 13
    seen = pixels[row * 14 : (row + 8) * 14 : 14, column * 14 : (column + 8) * 14 : 14, 1]
    np.testing.assert_allclose(seen, (array[13, 0] / 2 + 0.5) * 255, atol=0.51)


def test_latents_from_a_file(sample, digits: Path, tmp_path: Path) -> None:
    sampler = sampling.open_run(digits)
    np.save("z.npy", sampler.latents(4).double().numpy())
    assert sample(digits, "--latents", "z.npy", "--npy")[0] == 0
    np.testing.assert_allclose(np.load("samples.npy"), sampler.sample(sampler.latents(4)), atol=1e-6)
    assert sample(digits, "--latents", "z.npy", "-n", 3, "--interpolate", 3, 0, "--npy", "-o", "walk.npy")[0] == 0
    np.testing.assert_allclose(np.load("walk.npy")[0], np.load("samples.npy")[3], atol=0.3)
    np.save("wide.npy", np.zeros((4, 6)))
    np.save("nan.npy", np.full((4, 5), np.nan))
    np.save("words.npy", np.full((4, 5), "a"))
    Path("text.npy").write_text("nothing")
    for name, sentence in {
        "wide": r"shape [n, 5], those in wide.npy have [4, 6]",
        "nan": "not finite numbers",
        "words": "not finite numbers",
        "text": "cannot be read as latents",
        "none": "cannot be read as latents",
    }.items():
        code, _, err = sample(digits, "--latents", f"{name}.npy")
        assert (code, len(err.strip().splitlines())) == (2, 1)
        assert sentence in err


def test_points_are_drawn_among_their_modes(sample, ring: Path) -> None:
    assert sample(ring, "-n", 100)[0] == 0
    with Image.open("samples.png") as picture:
        assert min(picture.size) > 200


def test_a_walk_among_points_is_drawn_as_one(sample, ring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(plots, "walk_figure", lambda samples, data, path, title: drawn.append((samples.shape, title)))
    assert sample(ring, "--interpolate", 0, 3)[0] == 0
    assert drawn == [((10, 2), "ns on ring, seed 2, a walk of 10 samples")]


def test_a_figure_for_a_paper_is_of_lines(sample, ring: Path, digits: Path, tmp_path: Path) -> None:
    for name, begins in (("ring.pdf", b"%PDF"), ("ring.svg", b"<?xml")):
        assert sample(ring, "-n", 100, "-o", name)[0] == 0
        assert (tmp_path / name).read_bytes().startswith(begins)
    assert sample(digits, "-o", "digits.pdf")[0] == 0
    assert (tmp_path / "digits.pdf").read_bytes().startswith(b"%PDF")
    code, _, err = sample(digits, "-o", "new/digits.svg")
    assert (code, "Images are kept as .png or .pdf, not as .svg." in err) == (2, True)
    assert not (tmp_path / "new").exists()


WRONG = {
    "not a run directory": ["nowhere"],
    "seeds 2, 5, so --seed-of-run cannot be 3": ["RUN", "--seed-of-run", 3],
    "must end in .png": ["RUN", "-o", "digits.jpg"],
    "must end in .npy with --npy": ["RUN", "--npy", "-o", "digits.png"],
    "is a folder": ["RUN", "-o", "folder.png"],
    "goes with neither": ["RUN", "--mode", 1, "--interpolate", 0, 1],
    "0 to 19999, not -1": ["RUN", "--interpolate", -1, 1],
    "at least 2, its two ends": ["RUN", "--interpolate", 0, 1, "-n", 1],
    "has modes 0 to 7, so --mode cannot be 8": ["RUN", "--mode", 8],
    "'-n'": ["RUN", "-n", 0],
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_input_is_one_line_and_code_2_and_nothing_is_written(
    sample, ring: Path, tmp_path: Path, sentence: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    code, _, err = sample(*(ring if a == "RUN" else a for a in WRONG[sentence]))
    assert code == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "folder.png"]


def test_runs_that_cannot_be_sampled(tmp_path: Path) -> None:
    cell = plan("ns", {}, seeds=1, changes=SMALL)
    run = session.start(cell, out=tmp_path / "run")
    with pytest.raises(ZooError, match="holds no weights yet"):
        sampling.open_run(tmp_path / "run")
    run.train()
    final = tmp_path / "run" / "generator.safetensors"
    tensors, seeds, _ = checkpoint.read(final, "seeds")
    header = {"seeds": json.dumps(seeds)}
    checkpoint.write(final, {n: t * torch.nan for n, t in tensors.items()}, header)
    with pytest.raises(ZooError, match="Seed 0 of this run diverged"):
        sampling.draw(sampling.open_run(tmp_path / "run"))
    checkpoint.write(final, {n: t[:, 1:] for n, t in tensors.items()}, header)
    with pytest.raises(ZooError, match="not of this version's networks"):
        sampling.open_run(tmp_path / "run")
    final.write_bytes(b"nothing")
    with pytest.raises(ZooError, match="cannot be read as a checkpoint"):
        sampling.open_run(tmp_path / "run")


def test_the_first_latents_are_the_first_of_more(ring: Path) -> None:
    sampler = sampling.open_run(ring)
    many = sampler.latents(25)
    for n in range(1, 25):
        assert torch.equal(sampler.latents(n), many[:n]), n
    steps = sampling.draw(sampler, 5, between=(0, 1))
    torch.testing.assert_close(steps[[0, -1]], sampling.draw(sampler, 25)[:2])
