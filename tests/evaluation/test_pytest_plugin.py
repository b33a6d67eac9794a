"""The pytest plugin, run in sessions of its own; and the assertion, on samples with a known answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import toy_data
from tests.synthetic_runs import ring
from zoo.errors import ZooError
from zoo.evaluation.checks import bars, measure, mode_coverage
from zoo.metrics.modes import Protocol

TESTS = """
import numpy as np
import pytest

def ring(n, modes, rng):
    angle = 2 * np.pi * rng.integers(modes, size=n) / 8
    return 2 * np.stack([np.cos(angle), np.sin(angle)], -1) + 0.02 * rng.normal(size=(n, 2))

@pytest.mark.seeds(4)
def test_covers(seed, spread, mode_coverage):
    modes = 8 if seed != 2 else 3
    found = mode_coverage(lambda n: ring(n, modes, np.random.default_rng(seed)), data="ring", at_least=0.9)
    spread("modes", found.modes[0])
    spread("loss", seed)

@pytest.mark.seeds([3, 5])
@pytest.mark.parametrize("k", [1, 2])
def test_both(seed, k):
    assert seed in (3, 5)
"""


LIGHT = """
import pytest

@pytest.mark.seeds(4)
def test_covers(seed, spread):
    spread("modes", 3 if seed == 2 else 8)
    assert seed != 2
"""


def session(folder: Path, source: str, *options: str, ends: int = 1) -> str:
    """What a pytest with no other plugins prints; one that ends with 1 had a failure."""
    (folder / "test_seeds.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "zoo.evaluation.pytest_plugin", *options, "."]
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == ends, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_what_stands_on_the_page_runs_and_prints_what_stands_there(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
    blocks: dict[str, list[str]] = {"python": [], "text": []}
    for kind, block in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL):
        blocks[kind].append(block)
    out = session(tmp_path, "\n\n".join(blocks["python"]), "-s", ends=0)
    assert "7 passed" in out
    assert len(blocks["text"]) == 2
    for line in "".join(blocks["text"]).splitlines():
        assert line in out


def test_seeds_are_run_once_each_and_their_spread_is_told(tmp_path: Path) -> None:
    out = session(tmp_path, TESTS)
    assert "1 failed, 7 passed" in out
    assert "test_covers: 3 of 4 seeds passed; failed: 2" in out
    assert "modes: mean 6.75, 95 % interval" in out
    assert "from 3 to 8 over 4 seeds" in out, "of the one that failed too"
    assert re.search(r"high-quality share: mean 0\.9\d+, 95 % .* over 4 seeds", out)
    assert "loss: mean 1.33, from 0 to 3 over the 3 of 4 seeds that recorded it" in out
    assert "test_both[k=1]: 2 of 2 seeds passed" in out
    assert "missing modes: 3 at (-1.41, 1.41)" in out


def test_a_seed_whose_teardown_fails_is_one_seed(tmp_path: Path) -> None:
    torn = (
        LIGHT
        + """
@pytest.fixture
def torn(seed):
    yield
    assert seed != 1

@pytest.mark.seeds(4)
def test_torn(seed, spread, torn):
    spread("modes", 8 - seed)
"""
    )
    out = session(tmp_path, torn)
    assert "test_covers: 3 of 4 seeds passed; failed: 2" in out
    assert "test_torn: 3 of 4 seeds passed; failed: 1" in out
    assert "from 5 to 8 over 4 seeds" in out


def test_the_spread_is_told_across_workers(tmp_path: Path) -> None:
    out = session(tmp_path, LIGHT, "-p", "xdist", "-n", "2")
    assert "1 failed, 3 passed" in out
    assert "test_covers: 3 of 4 seeds passed; failed: 2" in out
    assert "from 3 to 8 over 4 seeds" in out


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("@pytest.mark.seeds(2)\ndef test_a(): pass\n", "takes no argument 'seed'"),
        ("@pytest.mark.seeds\ndef test_a(seed): pass\n", "The marker reads seeds(8)"),
    ],
    ids=["no argument", "no number"],
)
def test_a_wrong_marker_refuses_its_own_test_and_no_other(tmp_path: Path, source: str, told: str) -> None:
    out = session(tmp_path, f"import pytest\n{source}\n@pytest.mark.seeds(2)\ndef test_b(seed): pass\n")
    assert told in out
    assert "2 passed, 1 error" in out
    assert "Traceback" not in out


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, zoo.evaluation.pytest_plugin; assert not {'torch', 'numpy', 'scipy'} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def cloud(modes: int, seed: int = 0, n: int = 2500) -> np.ndarray:
    return ring(n, modes, np.random.default_rng(seed))


def digits(classes: int, n: int = 600) -> torch.Tensor:
    """Real digits of the first classes only."""
    x, y = toy_data.load("digits").sample_labelled(6 * n)
    return x[y < classes][:n]


def test_images_are_counted_by_the_judge() -> None:
    found = mode_coverage(digits(10), "digits", at_least=1.0)
    assert found.modes == (10,)
    assert sum(found.histogram[0]) == 600
    counted = Protocol(name="ten of 600", samples=600, hits=10)
    with pytest.raises(AssertionError) as error:
        mode_coverage(lambda n, seed: digits(4, n), "digits", at_least=0.9, seeds=2, protocol=counted)
    told = str(error.value)
    assert "covers 40" in told
    assert "9 at class 9 in 2 of 2" in told
    assert "high quality" not in told.splitlines()[-1]


def test_a_generator_that_covers_passes_in_any_form() -> None:
    for samples in (
        cloud(8),
        torch.from_numpy(cloud(8)),
        np.stack([cloud(8, s) for s in range(3)]),
        lambda n: cloud(8, n=n),
    ):
        found = mode_coverage(samples, "ring", at_least=1.0)
        assert set(found.modes) == {8}
        assert found.missing == {}
    found = mode_coverage(
        lambda n, seed: cloud(8, seed, n), toy_data.load("ring"), 1.0, seeds=[3, 5], high_quality=0.95
    )
    assert found.seeds == (3, 5)
    assert found.samples == 2500
    assert all(abs(share - 0.989) < 0.01 for share in found.high_quality)


def test_samples_are_counted_as_published_numbers_on_the_data_are() -> None:
    data = toy_data.load("cube1200")  # beyond 3 sigmas of every mode, all of it
    found = mode_coverage(lambda n: data.sample(n, torch.Generator().manual_seed(0)), data, at_least=1.0)
    assert (found.protocol, found.share) == ("cube1200", 1.0)


def test_a_collapsed_generator_fails_and_is_told_what_is_missing() -> None:
    with pytest.raises(AssertionError) as error:
        mode_coverage(cloud(3), "ring", at_least=0.9)
    told = str(error.value)
    assert "0.375, is below 0.9" in told
    assert "covers 37.5 % of the 8 modes of ring" in told
    assert "missing modes: 3 at (-1.41, 1.41); 4 at (-2, " in told
    (line,) = [x for x in told.splitlines() if x.endswith("|")]
    assert line.split("|")[1][3:] == " " * 5


def test_the_interval_decides_over_seeds_not_the_mean() -> None:
    several = np.stack([cloud(8), cloud(8), cloud(8), cloud(4)])  # mean .875
    found = measure(several, "ring")
    assert found.share == 0.875
    assert found.interval[0] < 0.8
    assert found.missing == dict.fromkeys(range(4, 8), 1)
    mode_coverage(several, "ring", at_least=found.interval[0])
    mode_coverage(several, "ring", at_least=0.8, confidence=0.2)  # a narrow interval ends near the mean
    with pytest.raises(AssertionError, match=r"95 % interval's lower end, 0\.\d+, is below 0.87"):
        mode_coverage(several, "ring", at_least=0.87)


def test_noise_that_hits_every_mode_is_caught_by_quality() -> None:
    noise = np.random.default_rng(0).uniform(-2.2, 2.2, size=(2500, 2))
    spoilt = np.concatenate([cloud(8)[:500], noise[:2000]])
    mode_coverage(spoilt, "ring")
    with pytest.raises(AssertionError, match=r"the high-quality share, 0\.\d{3}, is below 0\.9: the generator covers"):
        mode_coverage(spoilt, "ring", high_quality=0.9)


def test_wrong_use_is_one_sentence() -> None:
    for arguments, told in (
        ({"samples": cloud(8)[:, :1]}, r"have shape \[2500, 1\]; 'ring' needs \[N, 2\]"),
        ({"samples": cloud(8), "at_least": 90}, "a share between 0 and 1, not 90"),
        ({"samples": cloud(8), "seeds": 3}, "seeds are for a sampler"),
        ({"samples": cloud, "seeds": 0}, "seeds is their number, at least 1, or a list of them, such as .3, 5., not 0"),
        ({"samples": cloud, "seeds": []}, "seeds is their number, at least 1"),
        ({"samples": cloud(8), "protocol": "pacgun"}, "did you mean 'pacgan'"),
        ({"samples": cloud(8), "data": "digits"}, r"'digits' needs \[N, 1, 8, 8\]"),
        ({"samples": lambda n: np.full((n, 2), np.nan)}, "2,500 of 2,500 samples hold NaN or infinite values"),
        ({"samples": lambda: cloud(8)}, r"called as sampler\(n\) and returns \[n, d\]; yours takes \(\)"),
        ({"samples": lambda n: cloud(8), "seeds": 2}, r"called as sampler\(n, seed\) .* yours takes \(n\)"),
        ({"samples": lambda n: None}, "an array or a tensor of numbers, not an object of type NoneType"),
        ({"samples": lambda n: cloud(8)[:5]}, "5 samples are too few to judge; at least 20 are needed"),
        ({"samples": digits(10), "data": "digits", "high_quality": 0.5}, "high_quality is for mixtures"),
    ):
        with pytest.raises(ZooError, match=told):
            mode_coverage(**{"data": "ring", **arguments})


def test_labelled_points_have_no_high_quality_share_and_are_not_called_images() -> None:
    x, labels = toy_data.load("ring").sample_labelled(400, torch.Generator().manual_seed(0))
    points = toy_data.Points("mine", x, labels)
    with pytest.raises(ZooError, match="for mixtures: a sample of 'mine' always has a mode"):
        mode_coverage(x, points, high_quality=0.5)


def test_seeds_may_be_numpy_s_numbers() -> None:
    for seeds, told in ((np.int64(2), (0, 1)), (np.array([3, 5]), (3, 5))):
        assert mode_coverage(lambda n, seed: cloud(8), "ring", seeds=seeds).seeds == told


def test_bars_show_shares_and_gaps() -> None:
    assert bars([8, 4, 1, 0]) == "█▄▁ "
    assert len(bars([1] * 1000)) <= 64
    assert bars([0, 0]) == "  "


def test_places_are_told_without_what_rounding_left_and_shares_with_their_seeds() -> None:
    with pytest.raises(AssertionError, match=r"missing modes: .* at \(0, 2\)") as told:
        mode_coverage(cloud(1), "ring")
    assert "e-" not in str(told.value).split("samples per mode")[0]
    ring = toy_data.load("ring")
    half = ring.sample(2500) + torch.linspace(0, 0.1, 2500)[:, None]
    with pytest.raises(AssertionError, match=r"the high-quality share is below 0\.9 in seeds 1 \(0\.\d{3}\): the"):
        mode_coverage(torch.stack([ring.sample(2500), half]), "ring", high_quality=0.9)


REFUSED = """
import numpy as np
from zoo.errors import ZooError

def test_a_name(mode_coverage):
    mode_coverage(np.zeros((100, 2)), data="gird")

def test_a_shape(mode_coverage):
    mode_coverage(lambda n: np.zeros((n, 3)), data="grid")

def test_what_is_no_number(mode_coverage):
    mode_coverage(np.full((100, 2), np.nan), data="grid")

def test_what_is_no_array(mode_coverage):
    mode_coverage(lambda n: "samples", data="grid")

def my_sampler(n):
    raise ZooError("this sampler of mine is not trained")

def test_my_own(mode_coverage):
    mode_coverage(my_sampler, data="grid")
"""


def test_a_refusal_shows_its_sentence_and_none_of_our_source(tmp_path: Path) -> None:
    out = session(tmp_path, REFUSED)
    assert "5 failed" in out
    theirs, mine = out.split("_ test_my_own _")
    for told in ("did you mean 'grid'", "have shape [2500, 3]", "hold NaN", "an object of type str"):
        assert told in theirs
    assert not re.search(r"^\S*(zoo|toy_data)\S*\.py:\d+", theirs, re.MULTILINE), theirs
    assert "def measure" not in theirs
    assert "def my_sampler" in mine, "an error of the user's own keeps its place"
