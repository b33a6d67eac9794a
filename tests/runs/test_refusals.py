"""Settings, seeds and folders that are refused in a sentence, before anything is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import toy_data
from tests.runs.test_session import small
from zoo.errors import ZooError
from zoo.extending import plugins
from zoo.files import write_csv
from zoo.runs import session
from zoo.runs.cell import parse_seeds, plan
from zoo.runs.rundir import by_round, read_metrics
from zoo.variant import REGISTRY


@pytest.mark.parametrize("text", ["0", "-1", "4-2", "1,1", "x", "1.5", "", "1-2-3"])
def test_wrong_seeds(text: str) -> None:
    with pytest.raises(ZooError, match=r"^seeds are how many"):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["99999999999", "0-9999999999", "10001", f"0-{10**40}", range(10**6)])
def test_too_many_seeds_are_refused_before_they_are_listed(text: Any) -> None:
    with pytest.raises(ZooError, match="At most 10,000 seeds"):
        parse_seeds(text)


REFUSED = {
    "--batch must be at most 16,777,216, not 99999999999": lambda: plan("ns", changes={"batch": 99999999999}),
    "--width must be at most 65,536, not 99999999": lambda: plan("ns", changes={"width": 99999999}),
    "--latent must be at most 65,536": lambda: plan("ns", changes={"latent": 99999999}),
    "--rounds must be at most 1,000,000,000": lambda: plan("ns", changes={"rounds": 10**12}),
    "did you mean 'unrolled'": lambda: plan("unroled"),
    "--k must be at least 0": lambda: plan("unrolled", {"k": -1}),
    "--k takes a whole number": lambda: plan("unrolled", {"k": 1.5}),
    "did you mean 'k'": lambda: plan("unrolled", {"kk": 1}),
    "ns has no options": lambda: plan("ns", {"k": 1}),
    "--lr-d must be a finite number": lambda: plan("ns", changes={"lr_d": float("nan")}),
    "--lr-g must be above 0": lambda: plan("ns", changes={"lr_g": 0.0}),
    "did you mean 'rounds'": lambda: plan("ns", changes={"round": 3}),
    "did you mean 'pacgan'": lambda: plan("ns", protocol="pacgam"),
    "'cube1200' is for 1,200 dimensions, which 'ring' is not; take 'pacgan'": lambda: plan("ns", protocol="cube1200"),
    "'stacked-mnist' is for images, which 'cube1200' is not; take 'cube1200'": lambda: plan(
        "ns", data="cube1200", protocol="stacked-mnist"
    ),
    "did you mean 'relu'": lambda: plan("ns", changes={"activation": "rulu"}),
    "'conv' has channels for its width, and 256 are the hidden units of 'mlp': give a --width": lambda: plan(
        "ns", data="digits", changes={"kit": "conv"}
    ),
    "did you mean 'resnet'": lambda: plan("ns", changes={"kit": "resnat"}),
    "needs images": lambda: plan("ns", changes={"kit": "conv"}),
    "'conv' does not use 'depth': .* uses width and norm": lambda: plan(
        "ns", data="digits", changes={"kit": "conv", "depth": 7}
    ),
    "'conv' does not use 'activation'": lambda: plan("ns", data="digits", changes={"kit": "conv", "activation": "no"}),
    "'pacgan' does not use 'width': .* fixed sizes": lambda: plan("ns", recipe="pacgan-grid", changes={"width": 64}),
    "did you mean 'ring'": lambda: plan("ns", recipe="rinf"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_bad_settings_are_one_sentence(sentence: str) -> None:
    with pytest.raises(ZooError, match=sentence) as caught:
        REFUSED[sentence]()
    assert "\n" not in str(caught.value)


def test_a_file_is_no_folder_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ZooError, match="file is a file; --out names the folder"):
        session.start(small(), out=tmp_path / "file")


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "full run é"
    folder.mkdir()
    (folder / "something").touch()
    with pytest.raises(ZooError, match="not empty; choose another --out"):  # it is no run, so that nothing goes on
        session.start(small(), out=folder)
    (folder / "config.json").touch()
    with pytest.raises(ZooError, match=re.escape(f"go on with `zoo run --resume '{folder}'`, or choose another")):
        session.start(small(), out=folder)


def test_data_errors_reach_the_user_as_they_are() -> None:
    with pytest.raises(toy_data.DataError, match="did you mean 'ring'"):
        plan("ns", data="rign")


@pytest.mark.parametrize(
    ("variant", "options", "least"),
    [
        ("ebgan", {}, 2),
        ("gdpp", {}, 2),
        ("msgan", {}, 2),
        ("pacgan", {"pack": 3}, 3),
        ("presgan", {"burn_in": 3, "draws": 1}, 5),
        ("ns", {}, 1),
    ],
)
def test_batches_too_small_for_a_loss_are_refused(variant: str, options: dict[str, int], least: int) -> None:
    assert small(variant, options=options, batch=least).recipe.batch == least
    if least > 1:
        with pytest.raises(
            ZooError, match=f"{variant} needs batches of {least} samples or more, not --batch {least - 1}"
        ):
            small(variant, options=options, batch=least - 1)


@pytest.mark.parametrize("variant", ["presgan", "veegan", "vae", "flow-matching"])
def test_methods_whose_formula_needs_normal_latents_refuse_others(variant: str) -> None:
    with pytest.raises(ZooError, match=rf"{variant} needs latents from N\(0, 1\); leave --uniform-latent out"):
        small(variant, uniform_latent=True)


def test_a_seed_that_its_neighbour_is_taken_for_is_refused(tmp_path: Path) -> None:
    assert parse_seeds(f"{2**53},3") == (2**53, 3)
    for seeds in (f"3,{2**53 + 1}", [2**53 + 1], f"{2**53}-{2**53 + 1}"):
        with pytest.raises(ZooError, match=r"^The largest seed is 9007199254740992; 9007199254740993 is above"):
            parse_seeds(seeds)
    largest = [2**53 - 1, 2**53]
    write_csv(tmp_path / "metrics.csv", [{"seed": seed, "round": 1, "modes": 8.0} for seed in largest])
    _, read, _ = by_round(read_metrics(tmp_path / "metrics.csv"), "modes")
    assert [int(seed) for seed in read] == largest


@pytest.mark.parametrize("seeds", [[0, 0], [], [-1, 2], [1.5], ["a"], "0,0", "3-1", True, False, [True]])
def test_seeds_that_are_none_are_refused(seeds: Any) -> None:
    with pytest.raises(ZooError, match="of different seeds"):
        parse_seeds(seeds)


@pytest.mark.parametrize(
    ("variant", "options", "changes", "sentence"),
    [
        ("veegan", {}, {"shared_batch": True}, "all its players at once, on one batch; leave --shared-batch out"),
        ("wgan", {}, {"b1": 0.9}, "an optimiser of its own, which takes no --b1 and --b2"),
        ("ns", {}, {"rounds": 10**9, "every": 1}, "more than 100,000 evaluations"),
    ],
)
def test_what_would_change_nothing_or_never_end_is_refused(
    variant: str, options: dict[str, Any], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ZooError, match=sentence):
        plan(variant, options, changes=changes)


def test_kits_that_a_method_cannot_work_on_are_refused() -> None:
    with pytest.raises(ZooError, match="layers that start at 0"):
        plan("sn", data="digits", changes={"kit": "resnet", "width": 8})
    with pytest.raises(ZooError, match="a plain sequence of layers with activations"):
        plan("dropout", data="digits", changes={"kit": "resnet", "width": 8})


def test_a_config_that_describes_no_run_is_a_sentence(tmp_path: Path) -> None:
    session.start(small(), out=tmp_path / "run", device="cpu")
    path = tmp_path / "run" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recipe": {"rounds": 0}}))
    with pytest.raises(ZooError, match="describes no run"):
        session.resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("loss * loss.item()", "a tensor is asked for its value"),
        ("loss + torch.rand(())", "a loss draws random numbers"),
        ("loss + torch.autograd.grad(loss, batch.x.requires_grad_())[0].sum()", "a gradient inside a loss is taken by"),
        ("loss.backward() or loss", "the harness takes the gradient"),
        ("loss + loss.detach().numpy()", "a tensor leaves torch"),
        ("loss + nets.E(batch.x).mean()", "it stops with AttributeError: this game has no network 'E'"),
        ("loss + undefined", "it stops with NameError"),
    ],
)
def test_a_loss_that_does_what_it_may_not_is_a_sentence_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dataclasses import dataclass\nimport torch\nfrom zoo import register\nfrom zoo.variants.ns import NonSaturating\n\n"
        "@register('breaks')\n@dataclass(frozen=True)\nclass Breaks(NonSaturating):\n"
        f"    def d_loss(self, nets, batch):\n        loss = super().d_loss(nets, batch)\n        return {line}\n"
    )
    plugins.load_file(mine)
    try:
        with pytest.raises(ZooError, match=f"breaks cannot be trained: {told}") as refused:
            session.start(small("breaks"), out=tmp_path / "run", compile=False)
    finally:
        plugins.FILES.pop("breaks")
        REGISTRY.pop("breaks")
    assert not (tmp_path / "run").exists()
    assert f"mine.py:11: return {line}" in str(refused.value)
    assert "\n" not in str(refused.value)


OWN_D = "    def nets(self, kit):\n        return {{'G': kit.generator(), 'D': nn.Sequential({}, nn.Linear(8, 1))}}\n"
REAL = "    def g_loss(self, nets, batch):\n        return losses.real(nets.D(nets.G(batch.z)))\n"
CLASSES = {
    "fresh defines no g_loss": "    pass\n",
    "a player's loss is not one number": "    def g_loss(self, nets, batch):\n        return nets.D(nets.G(batch.z))\n",
    "batch normalisation writes running statistics": OWN_D.format("nn.Linear(2, 8), nn.BatchNorm1d(8)") + REAL,
    "a lazy layer has no weights": OWN_D.format("nn.LazyLinear(8)") + REAL,
    "it stops with ZeroDivisionError": "    def nets(self, kit):\n        return 1 / 0\n" + REAL,
    "it stops with RuntimeError": "    def sample(self, nets, z):\n        return nets.G(z)[:, :1]\n" + REAL,
    "--mode is declared as str": "    mode: str = 'a'\n" + REAL,
}


@pytest.mark.parametrize("told", CLASSES)
def test_a_class_that_cannot_be_trained_is_a_sentence(tmp_path: Path, told: str) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dataclasses import dataclass\nfrom torch import nn\nfrom zoo import GAN, losses, register\n\n"
        f"@register('breaks')\n@dataclass(frozen=True)\nclass fresh(GAN):\n{CLASSES[told]}"
    )
    plugins.load_file(mine)
    try:
        with pytest.raises(ZooError, match=told) as refused:
            session.start(small("breaks"), out=tmp_path / "run", compile=False)
    finally:
        plugins.FILES.pop("breaks")
        REGISTRY.pop("breaks")
    assert not (tmp_path / "run").exists()
    assert "\n" not in str(refused.value)


def test_what_goes_wrong_in_the_zoo_itself_is_raised_as_it_is() -> None:
    from zoo.extending.blame import in_words
    from zoo.variants.ns import NonSaturating

    with pytest.raises(KeyError), in_words(NonSaturating):
        raise KeyError("ours")
    with pytest.raises(MemoryError), in_words(NonSaturating):
        raise MemoryError
