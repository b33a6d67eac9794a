"""The judge: as good as it says, the same for the same seed, kept under a hash of data and code."""

import re

import numpy as np
import pytest
import torch

import toy_data
import zoo
from zoo.errors import ZooError
from zoo.evaluation import judge as module
from zoo.evaluation import scoring
from zoo.evaluation.checks import mode_coverage
from zoo.evaluation.judge import FEATURES, Halved, cache_root, fit, judge
from zoo.metrics.modes import PROTOCOLS


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    return tmp_path / "judges"


@pytest.fixture(scope="module")
def digits():
    return toy_data.load("digits")


@pytest.fixture(scope="module")
def quick(digits):
    return fit(digits, epochs=12)


def test_digits_are_told_apart(digits, quick):
    assert quick.tested_on == len(digits.test)
    x, y = digits.held_out_labelled(len(digits.test), torch.Generator().manual_seed(0))
    told = quick(x[None])
    assert (told.modes[0] == y).float().mean().item() == pytest.approx(quick.accuracy)
    assert quick.accuracy > 0.97
    assert told.features.shape == (1, len(x), FEATURES)
    assert told.probabilities.sum(-1).allclose(torch.ones(1, len(x), 1))


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (2, 3)])
def test_its_maxima_are_pytorchs(size):
    x = torch.randn(3, 2, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(Halved(2)(x), torch.nn.functional.max_pool2d(x, 2))
    assert Halved(2)(x.requires_grad_()).grad_fn is not None


def test_training_is_deterministic_given_its_seed(digits):
    a, b, c = (fit(digits, seed, epochs=1).net.head.weight for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    state = torch.random.get_rng_state()
    fit(digits, 0, epochs=1)
    assert torch.equal(state, torch.random.get_rng_state())  # nobody else's random numbers are used up


def test_it_is_trained_once_and_then_read(digits, cache, monkeypatch):
    steps = []
    monkeypatch.setattr(module, "fit", lambda data, seed, progress: fit(data, seed, steps.append, epochs=1))
    first = judge(digits)
    trained = len(steps)
    assert steps[-1] == 1
    again = judge(digits)
    assert len(steps) == trained
    assert again.accuracy == first.accuracy
    x = digits.held_out(20)[None]
    assert torch.equal(first(x).features, again(x).features)
    judge(digits, train=True)
    judge(digits, seed=1)
    assert len(steps) == 3 * trained
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_cache_is_made_again(digits, cache, monkeypatch):
    monkeypatch.setattr(module, "fit", lambda data, seed, progress: fit(data, seed, progress, epochs=1))
    judge(digits)
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert 0 < judge(digits).accuracy <= 1
    assert file.stat().st_size > 1000


def test_other_data_and_other_code_have_another_judge(digits, monkeypatch, tmp_path):
    key = module._key(digits, 0)
    fewer = toy_data.Images("fewer", digits.train[torch.arange(500)], digits.test)
    assert module._key(fewer, 0) != key
    changed = tmp_path / "judge.py"
    changed.write_text("# another")
    monkeypatch.setattr(module, "__file__", str(changed))
    assert module._key(digits, 0) != key


def test_stacks_are_judged_channel_by_channel(quick):
    data = toy_data.load("stacked-digits")
    x, y = data.held_out_labelled(500, torch.Generator().manual_seed(0))
    told = quick(x[None])
    assert (told.modes[0] == y).float().mean() > quick.accuracy**3 - 0.05
    assert told.features.shape == (1, 500, 3 * FEATURES)


def test_images_in_colours_are_judged_whole(tmp_path):
    """Two classes that no channel by itself tells apart: red and green the same noise, or noise and its negative."""
    noise = np.random.default_rng(0).integers(256, size=(1000, 8, 8))
    kinds = np.arange(1000) % 2
    second = np.where(kinds[:, None, None], 255 - noise, noise)
    np.savez(tmp_path / "own.npz", samples=np.stack([noise, second, 0 * noise], 1), labels=kinds)
    data = toy_data.load(tmp_path / "own.npz")
    told = fit(data, epochs=4)
    assert told.tested_on == 100
    assert told.accuracy > 0.95
    x, y = data.held_out_labelled(100, torch.Generator().manual_seed(0))
    found = told(torch.stack([x, x.flip(0)]))
    assert (found.modes[0] == y).float().mean().item() == pytest.approx(told.accuracy)
    assert torch.equal(found.modes[1], found.modes[0].flip(0))
    assert found.features.shape == (2, 100, FEATURES)
    assert found.probabilities.shape == (2, 100, 1, 2)


def test_a_class_of_colour_images_that_is_missing_is_missed(tmp_path, cache):
    kinds = np.arange(900) % 3  # rather red, green or blue
    colours = (
        np.random.default_rng(0).integers(100, size=(900, 3, 8, 8)) + 100 * np.eye(3, dtype=int)[kinds, :, None, None]
    )
    np.savez(tmp_path / "own.npz", samples=colours, labels=kinds)
    data = toy_data.load(tmp_path / "own.npz")
    x, y = data.sample_labelled(600, torch.Generator().manual_seed(0))
    for kept, modes in ((y >= 0, 3), (y != 1, 2)):
        assert zoo.evaluate(x[kept], str(tmp_path / "own.npz"), metrics="modes").metrics["modes"] == modes


def test_a_judge_that_is_yet_to_be_trained_is_told_with_the_path_of_the_data(tmp_path, cache, monkeypatch):
    monkeypatch.setattr("zoo.evaluation.scoring.QUICK", 10)
    (tmp_path / "my images").mkdir()
    own = tmp_path / "my images" / "own.npz"
    np.savez(own, samples=np.zeros((60, 8, 8), np.uint8), labels=np.arange(60) % 2)
    data = toy_data.load(own)
    command = re.escape(f"zoo judge --data '{own}'") + "$"
    assert re.search(command, scoring.of(data, PROTOCOLS["pacgan"]).unavailable["modes"])
    with pytest.raises(ZooError, match=command):
        mode_coverage(np.zeros((100, 8, 8), np.float32), data=data)


def test_a_class_that_is_missing_is_called_by_its_name(tmp_path, cache):
    light = np.arange(200) % 2 * 200
    np.savez(tmp_path / "own.npz", samples=np.zeros((200, 4, 4), int) + light[:, None, None], labels=light + 5)
    with pytest.raises(AssertionError, match="missing modes: 0 at class 5"):
        mode_coverage(np.full((100, 4, 4), 200 / 127.5 - 1), data=str(tmp_path / "own.npz"), at_least=0.9)


def test_images_with_nan_have_no_mode(digits, quick):
    x = digits.held_out(10)[None].clone()
    x[0, 3, 0, 0, 0] = float("nan")
    told = quick(x)
    assert told.modes[0, 3] == -1
    assert told.features[0, 3].isnan().all()
    assert (told.modes[0, :3] >= 0).all()
    assert told.features[0, 4:].isfinite().all()


def test_points_have_no_judge():
    with pytest.raises(ZooError, match="labelled images"):
        judge(toy_data.load("ring"))


def test_the_cache_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    assert cache_root() == tmp_path / "judges"
    monkeypatch.delenv("ZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_root() == tmp_path / "x" / "mode-collapse-zoo" / "judges"


def test_mnist_is_read_at_99_3_percent(mnist_root):
    """Where `zoo judge --train --data mnist` has been run (minutes); benchmarks/metrics.md has the figure."""
    found = module.cached(toy_data.load("mnist", mnist_root))
    if found is None:
        pytest.skip("no judge of MNIST is trained here")
    assert found.tested_on == 10_000
    assert found.accuracy >= 0.993
