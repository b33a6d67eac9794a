"""Images in memory: real digits, MNIST, its long tail and its stacks."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

import toy_data
from toy_data import DataError, Images, Stacks
from toy_data.idx import Split
from toy_data.images import thin


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def load(name: str, root: str | None = None) -> Images:
    data = toy_data.load(name, root)
    assert isinstance(data, Images)
    assert data.name == name
    return data


def toy_split(n: int, step: int = 1) -> Split:
    """Images ``[n, 2, 3]`` that are all different; label = ``step`` times the number modulo 10."""
    pixels = torch.arange(6 * n).remainder(251).to(torch.uint8).view(n, 2, 3)
    return Split(pixels, torch.arange(n) % 10 * step)


def bytes_of(data: Images) -> int:
    tensors = [data.train.images, data.train.labels, data.test.images, data.test.labels]
    tensors += [v for v in vars(data).values() if isinstance(v, torch.Tensor)]
    return sum(t.untyped_storage().nbytes() for t in tensors)


def test_digits_are_scikit_learns_and_split_by_class() -> None:
    from sklearn.datasets import load_digits

    data = load("digits")
    assert (data.shape, data.modes, data.value_range) == ((1, 8, 8), 10, (-1, 1))
    assert len(data.train) + len(data.test) == 1797
    pixels = torch.cat([data.train.images, data.test.images])
    mine = Counter(map(tuple, pixels.flatten(1).tolist()))
    theirs = Counter(map(tuple, (load_digits().data * 255 / 16).round().astype(int).tolist()))
    assert mine == theirs
    classes = load_digits().target
    assert torch.bincount(data.test.labels).tolist() == [int((classes == c).sum()) // 5 for c in range(10)]


def test_samples_are_pixels_mapped_to_minus_one_and_one() -> None:
    data = Images("toy", toy_split(50), toy_split(20))
    x, y = data.sample_labelled(400, seeded(0))
    assert x.shape == (400, 1, 2, 3)
    assert x.dtype == torch.float32
    rows = {
        tuple(image.flatten().tolist()): int(c) for image, c in zip(data.train.images, data.train.labels, strict=True)
    }
    back = ((x + 1) * 127.5).round().int().flatten(1).tolist()
    assert [rows[tuple(image)] for image in back] == y.tolist()
    ends = Split(torch.tensor([[[0, 255]]], dtype=torch.uint8), torch.zeros(1).long())
    assert ends.gather(torch.zeros(1).long()).tolist() == [[[-1.0, 1.0]]]


def test_the_moments_are_those_of_all_training_pixels() -> None:
    data = load("digits")
    x = data.train.gather(torch.arange(len(data.train))).double()
    assert float(data.mean) == pytest.approx(float(x.mean()), abs=1e-6)
    assert float(data.std) == pytest.approx(float(x.std(correction=0)), abs=1e-6)


def test_held_out_images_are_the_test_split_each_once() -> None:
    data = load("digits")
    x, y = data.held_out_labelled(data.n_held_out or 0, seeded(0))
    assert torch.equal(y.bincount(), data.test.labels.bincount())
    assert len(x.flatten(1).unique(dim=0)) == len(data.test.images.flatten(1).unique(dim=0))
    many = data.held_out(1000, seeded(0)).flatten(1)  # more than there are: all come again before any does a third time
    times = many.unique(dim=0, return_counts=True)[1]
    assert times.sum() == 1000
    assert {*times.tolist()} <= {1000 // (data.n_held_out or 1), 1000 // (data.n_held_out or 1) + 1}


def test_images_none_of_which_is_held_out() -> None:
    """Of a class that training lacks: those are left out of the test split."""
    data = Images("toy", toy_split(2), toy_split(2)[torch.zeros(0).long()])
    for held_out in (data.held_out, data.held_out_labelled):
        with pytest.raises(DataError, match="'toy' has no held-out samples"):
            held_out(3)


def test_classes_are_counted_from_zero_whatever_their_labels() -> None:
    data = Images("toy", toy_split(30, step=5), toy_split(10, step=5))
    assert data.modes == 10
    assert data.train.labels.unique().tolist() == list(range(10))
    torch.testing.assert_close(data.weights, torch.full((10,), 0.1))


def test_classes_are_called_what_they_were_labelled() -> None:
    assert Images("toy", toy_split(30, step=5), toy_split(10, step=5)).classes == tuple(map(str, range(0, 50, 5)))
    stacks = load("stacked-digits")
    assert stacks.classes == tuple(map(str, range(1000)))


def test_a_generator_decides_the_draw() -> None:
    for data in (load("digits"), load("stacked-digits")):
        assert torch.equal(data.sample(50, seeded(3)), data.sample(50, seeded(3)))
        assert torch.equal(data.sample(50, seeded(3)), data.sample_labelled(50, seeded(3))[0])
        assert not torch.equal(data.sample(50, seeded(3)), data.sample(50, seeded(4)))


def test_fingerprints_follow_the_content() -> None:
    train, test = toy_split(50), toy_split(20)
    changed = Split(train.images.clone(), train.labels)
    changed.images[7, 0, 0] ^= 1
    made = [
        Images("a", train, test),
        Images("a", changed, test),
        Images("a", train, toy_split(30)),
        Stacks("a", train, test),
        Stacks("a", train, test, count=5),
        Stacks("a", train, test, count=6),
        Stacks("a", train, test, channels=4),
    ]
    assert len({data.fingerprint() for data in made}) == len(made)
    assert Images("b", train, test).fingerprint() == made[0].fingerprint()


def test_moving_keeps_everything() -> None:
    """The meta device stands for an accelerator: every tensor must follow."""
    data = Stacks("toy", toy_split(50), toy_split(20), count=30)
    moved = data.to("meta")
    assert {k for k, v in vars(moved).items() if isinstance(v, torch.Tensor) and v.device.type != "meta"} == set()
    assert moved.train.images.device.type == moved.test.labels.device.type == "meta"
    assert torch.equal(data.to("cpu").sample(9, seeded(0)), data.sample(9, seeded(0)))


@pytest.mark.parametrize("count", [None, 40])
@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("channels", [3, 4])
def test_stacks_spell_their_mode(channels: int, held_out: bool, count: int | None) -> None:
    train, test = toy_split(40), Split(255 - toy_split(30).images, toy_split(30).labels)
    data = Stacks("toy", train, test, channels=channels, count=count)
    x, y = (data.held_out_labelled if held_out else data.sample_labelled)(200, seeded(0))
    assert x.shape == (200, channels, 2, 3)
    assert data.modes == 10**channels
    split = test if held_out else train
    alone = {tuple(i.flatten().tolist()): str(int(c)) for i, c in zip(split.images, split.labels, strict=True)}
    pixels = ((x + 1) * 127.5).round().int()
    spelt = ["".join(alone[tuple(channel.flatten().tolist())] for channel in stack) for stack in pixels]
    assert list(map(int, spelt)) == y.tolist()
    if count and not held_out:
        assert len(set(map(tuple, pixels.flatten(1).tolist()))) <= count


def test_the_weights_of_stacks_are_products_of_the_digits_shares() -> None:
    train = Split(torch.zeros(4, 1, 1, dtype=torch.uint8), torch.tensor([0, 1, 1, 1]))
    data = Stacks("toy", train, train, channels=3)
    assert data.modes == 8
    expected = [0.25 ** (3 - bin(k).count("1")) * 0.75 ** bin(k).count("1") for k in range(8)]
    assert data.weights.tolist() == pytest.approx(expected)
    _, y = data.sample_labelled(50_000, seeded(0))
    np.testing.assert_allclose(y.bincount(minlength=8) / 50_000, expected, atol=0.01)


def test_stacked_digits_need_no_file() -> None:
    data = toy_data.load("stacked-digits")
    assert isinstance(data, Stacks)
    assert (data.shape, data.modes) == ((3, 8, 8), 1000)
    assert data.fixed is not None
    assert data.fixed.shape == (128_000, 3)
    place = torch.tensor([100, 10, 1])
    assert len((data.train.labels[data.fixed.long()] * place).sum(-1).unique()) == 1000


def test_thinning_keeps_the_first_of_each_class() -> None:
    split = toy_split(100)
    thinned = thin(split, torch.tensor([1.0, 0.5, 0.01] + [0.1] * 7))
    assert thinned.labels.bincount().tolist() == [10, 5, 1] + [1] * 7
    assert torch.equal(thinned.images[thinned.labels == 1], split.images[split.labels == 1][:5])
    assert thinned.images.untyped_storage().nbytes() == thinned.images.numel()  # the rest is let go


def test_real_mnist(mnist_root: str) -> None:
    data = load("mnist", mnist_root)
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert (data.shape, data.modes, data.value_range) == ((1, 28, 28), 10, (-1, 1))
    assert torch.bincount(data.train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert float(data.mean + 1) / 2 == pytest.approx(0.1307, abs=1e-4)  # the constants that tutorials normalise by
    assert float(data.std) / 2 == pytest.approx(0.3081, abs=1e-4)
    assert bytes_of(data) < 70_000 * (784 + 8) + 1000


def test_the_long_tail_is_as_stated(mnist_root: str) -> None:
    data = load("mnist-imbalanced", mnist_root)
    whole = load("mnist", mnist_root)
    for part, all_of_it in ((data.train, whole.train), (data.test, whole.test)):
        kept = part.labels.bincount() / all_of_it.labels.bincount()
        torch.testing.assert_close(kept, 2.0 ** (-torch.arange(10) / 1.5), atol=1e-3, rtol=0)
    torch.testing.assert_close(data.weights, data.train.labels.bincount() / len(data.train))
    assert bytes_of(data) < 20e6


def test_stacked_mnist_holds_indices_not_copies(mnist_root: str) -> None:
    data = load("stacked-mnist", mnist_root)
    assert isinstance(data, Stacks)
    assert data.fixed is not None
    assert data.fixed.shape == (128_000, 3)
    assert bytes_of(data) < 60e6
    place = torch.tensor([100, 10, 1])
    modes = (data.train.labels[data.fixed.long()] * place).sum(-1).bincount(minlength=1000)
    assert (modes > 0).all()
    assert float((data.weights * (1000 * data.weights).log()).sum()) == pytest.approx(
        0.0043, abs=1e-4
    )  # published.md, 0


def test_ten_thousand_modes(mnist_root: str) -> None:
    data = load("stacked-mnist-4", mnist_root)
    assert (data.shape, data.modes) == ((4, 28, 28), 10_000)
    x, y = data.sample_labelled(20, seeded(0))
    assert x.shape == (20, 4, 28, 28)
    assert int(y.max()) > 999
    assert bytes_of(data) < 80e6


def test_a_stacked_mnist_run_stays_small(mnist_root: str) -> None:
    """Loading and drawing 1,000 batches of 64 keeps at most 200 MB above the imports (the run's bar is 1.5 GB)."""
    code = (
        "import resource, sys, torch, toy_data, torchvision.datasets.mnist\n"
        "torch.set_num_threads(1)\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before, data = peak(), toy_data.load('stacked-mnist', sys.argv[1])\n"
        "g = torch.Generator().manual_seed(0)\n"
        "for _ in range(1000): data.sample(64, g)\n"
        "print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, mnist_root], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 200e6
