"""Reference samplers: each is what it says, the same every time, on points, mixtures and images."""

import numpy as np
import pytest
import torch

import toy_data
from baselines.samplers import (
    REFERENCE,
    SAMPLERS,
    half_the_modes,
    held_out,
    jittered,
    memoriser,
    one_mode,
    training_set,
)
from zoo.errors import ZooError
from zoo.metrics.modes import assign, coverage


def labels_of(data, x):
    """Labels by looking the samples up among the training images."""
    table = {image.numpy().tobytes(): int(y) for image, y in zip(data.train.images, data.train.labels, strict=True)}
    pixels = ((x[:, 0] + 1) * 127.5).round().to(torch.uint8)
    return [table[image.numpy().tobytes()] for image in pixels]


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("data", ["ring", "digits", "gmm1d", "stacked-digits"])
def test_every_sampler_is_reproducible_and_in_shape(name, data):
    data = toy_data.load(data)
    x = SAMPLERS[name](data, 500)
    assert x.shape == (500, *data.shape)
    assert x.dtype == torch.float32
    assert torch.equal(x, SAMPLERS[name](data, 500))
    other = SAMPLERS[name](data, 500, torch.Generator().manual_seed(1))
    assert other.shape == x.shape
    assert not torch.equal(x, other)
    if data.value_range:
        assert x.min() >= data.value_range[0]
        assert x.max() <= data.value_range[1]


@pytest.mark.parametrize("name", ["ring", "ring-imbalanced", "grid", "grid100"])
def test_modes_of_the_samplers_on_mixtures(name):
    data = toy_data.load(name)
    k = data.modes
    perfect = coverage(torch.stack([held_out(data, 5000), memoriser(data, 5000), jittered(data, 5000)]), data)
    assert perfect["modes"].tolist()[:2] == [k, k]
    assert coverage(half_the_modes(data, 5000)[None], data)["modes"].item() == k // 2
    collapsed, high = assign(one_mode(data, 5000)[None], data)
    assert set(collapsed[high].tolist()) == {int(data.weights.argmax())}


def test_the_memoriser_gives_the_training_points_and_the_data_does_not():
    data = toy_data.load("digits")
    known = training_set(data, 300)
    assert len(known.unique(dim=0)) == 300
    assert torch.equal(memoriser(data, 300), known)
    labels_of(data, known)  # raises where one is no training image
    overlap = torch.cdist(held_out(data, 300).flatten(1), known.flatten(1)).min()
    assert overlap > 0
    moved = jittered(data, 300) - known
    assert 0 < moved.abs().max() < 1


def test_a_small_data_set_is_repeated_rather_than_cut(tmp_path):
    np.savez(tmp_path / "few.npz", samples=np.random.default_rng(0).normal(size=(30, 2)).astype("float32"))
    data = toy_data.load(str(tmp_path / "few.npz"))
    assert len(training_set(data, 1000)) == 27
    assert memoriser(data, 1000).shape == (1000, 2)
    assert len(one_mode(data, 50).unique(dim=0)) == 1
    with pytest.raises(ZooError, match="no known modes"):
        half_the_modes(data, 50)


def test_one_class_of_images():
    data = toy_data.load("digits")
    assert set(labels_of(data, one_mode(data, 200))) == {int(data.weights.argmax())}
    assert set(labels_of(data, half_the_modes(data, 200))) == {0, 1, 2, 3, 4}


def test_the_two_beside_every_result():
    assert list(REFERENCE) == ["data", "collapsed", "noise"]
