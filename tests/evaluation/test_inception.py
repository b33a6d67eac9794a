"""Inception's FID with a stand-in for the network: torch-fidelity and its weights are not to be had everywhere."""

import sys
import types

import pytest
import torch

import toy_data
from zoo.errors import ZooError
from zoo.evaluation import available, inception
from zoo.evaluation.setting import Setting
from zoo.metrics.modes import PROTOCOLS
from zoo.metrics.two_samples import frechet


def pretend(monkeypatch, make):
    module = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = make
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)


class Means:
    """Features: the mean of each colour. Takes what torch-fidelity's extractor takes, and nothing else."""

    def __init__(self, name, features, feature_extractor_weights_path):
        assert features == ["2048"]

    def __call__(self, x):
        assert x.dtype == torch.uint8
        assert x.shape[1] == 3
        return (x.float().mean((2, 3)),)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(ZooError, match=r"pip install -e '\.\[inception\]'"):
        inception.extractor()


def test_without_the_package_it_is_refused_before_anything_is_computed(monkeypatch):
    setting = Setting(toy_data.load("stacked-digits"), PROTOCOLS["stacked-mnist"], 100)
    assert available.unavailable(setting, "inception_fid") is None
    monkeypatch.setattr(available, "find_spec", lambda name: None)
    assert available.unavailable(setting, "inception_fid") == f"It {inception.MISSING}"


def test_without_weights_it_says_so(monkeypatch, tmp_path):
    def make(name, features, feature_extractor_weights_path):
        raise OSError("no route to host")

    pretend(monkeypatch, make)
    monkeypatch.delenv("ZOO_INCEPTION", raising=False)
    with pytest.raises(ZooError, match=r"weights cannot be downloaded \(no route to host\)"):
        inception.extractor()
    monkeypatch.setenv("ZOO_INCEPTION", str(tmp_path / "absent.pth"))
    with pytest.raises(ZooError, match=r"read from .*absent\.pth"):
        inception.extractor()


def test_distances_are_frechet_between_the_features_of_bytes(monkeypatch):
    pretend(monkeypatch, Means)
    g = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 2100, 3, 4, 4, generator=g) * 2 - 1, torch.rand(2100, 3, 4, 4, generator=g) - 1
    x[1, 0] = float("nan")
    got = inception.inception_fid(x, y)
    bytes_of = lambda v: ((v + 1) * 127.5).round().mean((-2, -1))  # noqa: E731
    assert got[0].item() == pytest.approx(frechet(bytes_of(x[:1]), bytes_of(y)).item(), rel=1e-4)
    assert got[1].isnan()


def test_too_few_samples_are_refused():
    with pytest.raises(ZooError, match="at least 2,049 samples on either side, not 50"):
        inception.inception_fid(torch.zeros(1, 50, 3, 4, 4), torch.zeros(3000, 3, 4, 4))
