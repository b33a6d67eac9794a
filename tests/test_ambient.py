"""What a notebook sets for all of PyTorch changes no number of the zoo's, and stays set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zoo
from zoo.ambient import undisturbed
from zoo.extending import plugins
from zoo.runs import pictures


@contextmanager
def set_to(setter: Callable[[object], None], value: object, usual: object) -> Iterator[None]:
    setter(value)
    try:
        yield
    finally:
        setter(usual)


@contextmanager
def by_the_newer_names() -> Iterator[None]:
    torch.backends.fp32_precision = "tf32"
    try:
        yield
    finally:
        torch.backends.fp32_precision = "none"


AMBIENT: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "float64": lambda: set_to(torch.set_default_dtype, torch.float64, torch.float32),
    "another device": lambda: set_to(torch.set_default_device, "meta", None),
    "another device, for a while": lambda: torch.device("meta"),
    "inference": torch.inference_mode,
    "no gradients": torch.no_grad,
    "anomalies": torch.autograd.detect_anomaly,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "fewer bits": lambda: set_to(torch.set_float32_matmul_precision, "medium", "highest"),
    "fewer bits, by the newer names": by_the_newer_names,
}


def told() -> list[object]:
    """What PyTorch is set to."""
    backends: Any = torch.backends
    parts = (backends, backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.matmul)
    modes = (torch.is_inference_mode_enabled(), torch.is_grad_enabled(), torch.is_anomaly_enabled())
    autocast = torch.is_autocast_enabled("cpu")
    return [torch.get_default_dtype(), torch.get_default_device(), *modes, autocast, *(p.fp32_precision for p in parts)]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> zoo.Result:
    return trained(tmp_path_factory.mktemp("usual"))


def trained(folder: Path) -> zoo.Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "draw", lambda run: None)
        return zoo.run("ns", rounds=2, batch=8, width=8, seeds=2, out=folder / "run", progress=False)


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("name", AMBIENT)
def test_a_run_has_the_same_numbers_whatever_is_set_and_leaves_it_set(
    name: str, usual: zoo.Result, tmp_path: Path
) -> None:
    with AMBIENT[name]():
        before = told()
        made = trained(tmp_path)
        drawn, scores = made.sample(30), zoo.evaluate(made.samples, "ring").metrics
        assert told() == before
    assert np.array_equal(made.samples, usual.samples)
    assert np.array_equal(drawn, usual.sample(30))
    assert repr(scores) == repr(zoo.evaluate(usual.samples, "ring").metrics)  # NaN is not NaN
    assert (made.folder / "metrics.csv").read_bytes() == (usual.folder / "metrics.csv").read_bytes()


def test_what_a_file_of_the_users_sets_holds_only_while_it_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch, zoo\n"
        "torch.set_default_dtype(torch.float64)\n"
        "torch.set_default_device('meta')\n"
        "torch.set_float32_matmul_precision('medium')\n"
        "torch.autograd.set_detect_anomaly(True)\n"
        "@zoo.metric('ambient-spread', better='lower')\n"
        "def spread(samples, data):\n"
        "    return samples.std((1, 2))\n"
    )
    before = told()
    try:
        plugins.load_file(file)
        assert told() == before
    finally:
        plugins.spec.HERE.pop("ambient-spread", None)


def test_a_sampler_in_a_test_is_called_with_what_is_set() -> None:
    from zoo.evaluation.checks import measure

    seen = []

    def sampler(n: int) -> torch.Tensor:
        seen.append(torch.get_default_dtype())
        return torch.zeros(n, 2)

    with AMBIENT["float64"]():
        measure(sampler, "ring")
    assert seen == [torch.float64]
    with undisturbed():
        assert torch.get_default_dtype() == torch.float32
