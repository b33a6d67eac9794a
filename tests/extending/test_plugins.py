"""What other packages bring: found by metadata, imported when needed, broken by themselves alone; and a real wheel, installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import toy_data
from toy_data.plugins import installed
from zoo import variants
from zoo.cli.listing import listing
from zoo.errors import ZooError
from zoo.evaluation import scoring
from zoo.extending import contract, plugins
from zoo.metrics.modes import Protocol
from zoo.variant import REGISTRY

ROOT = Path(__file__).parents[2]
GAN = '''
from dataclasses import dataclass
from zoo.variant import register
from zoo.variants.ns import NonSaturating

@register("{name}")
@dataclass(frozen=True)
class {title}(NonSaturating):
    """An outsider.

    Source: ours.
    """
'''
Package = Callable[..., None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Put a package with entry points on the path, as pip leaves one: ``package("name", {"zoo.variants": {...}}, module="text")``."""
    before = set(REGISTRY), set(plugins.FILES), set(sys.modules)

    def put(name: str, points: dict[str, dict[str, str]], **modules: str) -> None:
        home = tmp_path / name
        info = home / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in of.items()) for group, of in points.items()]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for module, text in modules.items():
            (home / f"{module}.py").write_text(textwrap.dedent(text))
        monkeypatch.syspath_prepend(str(home))
        installed.cache_clear()

    yield put
    installed.cache_clear()
    for name in set(REGISTRY) - before[0]:
        if not REGISTRY[name].__module__.startswith(("zoo.variants.", "baselines.")):
            del REGISTRY[name]
    for name in set(plugins.FILES) - before[1]:
        del plugins.FILES[name]
    for name in set(sys.modules) - before[2]:
        if name.startswith("outsider"):
            del sys.modules[name]


def about(kind: str, name: str) -> str:
    (row,) = [row for row in listing()[kind] if row["name"] == name]
    return row["about"]


def test_a_variant_is_found_by_its_metadata_and_imported_when_needed(package: Package) -> None:
    package(
        "out",
        {"zoo.variants": {"out-gan": "outsider_a:OutGAN"}},
        outsider_a=GAN.format(name="out-gan", title="OutGAN"),
    )
    assert "out-gan" in variants.names()
    assert variants.idea("out-gan") == "An outsider."
    assert "outsider_a" not in sys.modules
    assert variants.load("out-gan").name == "out-gan"
    assert about("variants", "out-gan") == "An outsider. [out]"
    assert "out-gan" not in variants.own()


BROKEN = {
    "raises": ("outsider_b:X", "raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "leaves": ("outsider_b:X", "import sys; sys.exit(3)", "SystemExit: 3"),
    "misses": ("outsider_b:X", "import a_module_that_is_nowhere", "a_module_that_is_nowhere"),
    "has-no-such-name": ("outsider_b:X", "Y = 1", "has no attribute 'X'"),
    "is-not-there": ("outsider_nowhere:X", "Y = 1", "No module named 'outsider_nowhere'"),
    "is-not-python": ("outsider_b:X", "def (", "SyntaxError"),
    "is-no-class": ("outsider_b:X", "X = 1", "not a class that inherits"),
    "goes-by-another-name": ("outsider_b:X", GAN.format(name="other-name", title="X"), "registered as 'other-name'"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_variant_says_so_and_stops_nothing_else(package: Package, how: str) -> None:
    target, text, sentence = BROKEN[how]
    package(
        "bad",
        {"zoo.variants": {"a-bad-gan": target, "z-good-gan": "outsider_c:Good"}},
        outsider_b=text,
        outsider_c=GAN.format(name="z-good-gan", title="Good"),
    )
    told = about("variants", "a-bad-gan")
    assert told.startswith("BROKEN. ")
    assert sentence in told
    assert about("variants", "z-good-gan") == "An outsider. [bad]"
    assert variants.load("ns").name == "ns"
    with pytest.raises(ZooError, match=re.escape(sentence)):
        variants.load("a-bad-gan")
    assert "other-name" not in REGISTRY


def test_our_names_stay_ours(package: Package) -> None:
    package(
        "thief",
        {"zoo.variants": {"hinge": "outsider_d:Thief", "thief": "outsider_e:Sly"}},
        outsider_d=GAN.format(name="hinge", title="Thief"),
        outsider_e=GAN.format(name="thief", title="Sly") + "\nregister('hinge')(type('Hidden', (Sly,), {}))\n",
    )
    rows = [row["about"] for row in listing()["variants"] if row["name"] == "hinge"]
    assert len(rows) == 2
    assert rows[1].startswith("REFUSED. 'hinge' of thief")
    with pytest.raises(ZooError, match="hinge"):
        variants.load("thief")
    assert variants.load("hinge").__module__ == "zoo.variants.hinge"


def test_two_packages_that_claim_one_name_are_both_refused(package: Package) -> None:
    for name in ("one", "two"):
        package(
            name,
            {"zoo.variants": {"same": f"outsider_{name}:Same"}},
            **{f"outsider_{name}": GAN.format(name="same", title="Same")},
        )
    assert about("variants", "same") == "REFUSED. 'same' is refused: one and two both claim that name; uninstall one."
    assert "same" not in variants.names()


def test_a_data_set_of_another_package(package: Package) -> None:
    text = '''
        """Data."""
        import torch
        import toy_data

        def pair():
            """Two modes on a line."""
            return toy_data.Mixture("pair", torch.tensor([[-1.0], [1.0]]), sigma=0.1)

        def nothing(root):
            """Not a data set."""
            return root

        def broken():
            """Breaks."""
            raise OSError("no disk")
    '''
    names = {"pair": "outsider_f:pair", "nothing": "outsider_f:nothing", "broken": "outsider_f:broken", "ring": "x:y"}
    package("moons", {"zoo.datasets": names}, outsider_f=text)
    assert toy_data.catalogue()["pair"] == "Two modes on a line."
    assert "outsider_f" not in sys.modules
    assert toy_data.load("pair").modes == 2
    assert toy_data.load("ring").modes == 8
    assert [row["about"] for row in listing()["datasets"] if row["name"] == "ring"][1].startswith("REFUSED.")
    with pytest.raises(toy_data.DataError, match="returned str, not"):
        toy_data.load("nothing", "folder")
    with pytest.raises(toy_data.DataError, match="OSError: no disk"):
        toy_data.load("broken")
    with pytest.raises(toy_data.DataError, match="did you mean 'pair'"):
        toy_data.load("pairs")


def test_metrics_of_another_package_are_measured_and_cannot_stop_a_run(package: Package) -> None:
    text = """
        calls = []

        def spread(samples, data):
            'Standard deviation.'
            return samples.flatten(1).std(1)

        def flat(samples, data):
            'Of the wrong shape.'
            return samples.mean()

        def later(samples, data):
            'Fails in the middle of a run.'
            calls.append(1)
            if len(calls) > 1:
                raise MemoryError
            return samples.flatten(1).mean(1)
    """
    names = {n: f"outsider_g:{n}" for n in ("spread", "flat", "later", "missing")}
    package("measures", {"zoo.metrics": names}, outsider_g=text)
    data = toy_data.load("ring")
    found = scoring.of(data, Protocol(samples=50))
    samples = torch.randn(3, 50, 2)
    scores = found.evaluate(samples)
    torch.testing.assert_close(scores["spread"], samples.flatten(1).std(1))
    assert scores["later"].isnan().all()
    assert "modes" in scores
    assert "gives of shape [] for 2 seeds" in found.unavailable["flat"]
    assert "has no attribute 'missing'" in found.unavailable["missing"]
    assert about("metrics", "spread") == "Standard deviation. [measures]"
    assert about("metrics", "missing").startswith("BROKEN.")


FILES = {
    "no plugin file": None,
    "is not Python": "class :",
    "registers no variant": "x = 1",
    "already a variant of that name": GAN.format(name="ns", title="Mine"),
    "line 2, cannot be imported: ZeroDivisionError": "\n1 / 0\n" + GAN.format(name="late", title="Late"),
    "registers 'ns', which is a name": GAN.format(name="sly", title="Sly")
    + "\nfrom zoo.variant import REGISTRY\nREGISTRY['ns'] = type('Hidden', (Sly,), {})\n",
}


@pytest.mark.parametrize("sentence", FILES)
def test_a_file_that_cannot_be_loaded_is_one_sentence(package: Package, tmp_path: Path, sentence: str) -> None:
    ours = variants.load("ns")
    path = tmp_path / "mine.py"
    if (text := FILES[sentence]) is not None:
        path.write_text(text)
    with pytest.raises(ZooError, match=re.escape(sentence)) as told:
        plugins.load_file(path)
    assert "\n" not in str(told.value)
    REGISTRY["ns"] = ours
    assert not {"late", "sly"} & set(variants.names())


def test_a_file_can_be_loaded_again_and_another_cannot_take_its_name(package: Package, tmp_path: Path) -> None:
    path, other = tmp_path / "mine.py", tmp_path / "other.py"
    path.write_text(GAN.format(name="mine", title="Mine"))
    other.write_text(GAN.format(name="mine", title="Mine"))
    assert plugins.load_file(path) == ["mine"]
    path.write_text(GAN.format(name="mine", title="Mine").replace("An outsider", "Changed"))
    assert plugins.load_file(path) == ["mine"]
    assert (variants.load("mine").__doc__ or "").startswith("Changed")
    assert variants.idea("mine") == "Changed."
    with pytest.raises(ZooError, match="already a variant of that name"):
        plugins.load_file(other)


def guide(heading: str = "Add a variant in 20 lines") -> str:
    """The code of CONTRIBUTING.md below a heading."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.search(rf"# {heading}\n.*?```python\n(.*?)```", text, re.DOTALL)[1]


@pytest.mark.parametrize("heading", ["Add a variant in 20 lines", "A second network"])
def test_the_guide_s_variant_holds_to_the_contract(package: Package, tmp_path: Path, heading: str) -> None:
    path = tmp_path / "guide.py"
    path.write_text(guide(heading))
    (name,) = plugins.load_file(path)
    assert contract.check(name) == []


def test_the_guide_s_variant_has_20_lines() -> None:
    assert len([line for line in guide().split("class ")[1].splitlines() if line.strip()]) <= 20


def test_a_real_wheel_is_found_checked_and_run(tmp_path: Path) -> None:
    """Built by setuptools, installed by pip into a folder of its own; a broken neighbour beside it is shown, and stops nothing."""
    source, home = tmp_path / "source", tmp_path / "home"
    (source / "hinge_plugin").mkdir(parents=True)
    (source / "hinge_plugin" / "__init__.py").write_text("")
    (source / "hinge_plugin" / "gan.py").write_text(guide())
    (source / "hinge_plugin" / "broken.py").write_text("raise RuntimeError('broken on purpose')")
    (source / "pyproject.toml").write_text(
        textwrap.dedent("""
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"

        [project]
        name = "hinge-plugin"
        version = "1.0"

        [project.entry-points."zoo.variants"]
        my-hinge = "hinge_plugin.gan:MyHinge"
        my-broken = "hinge_plugin.broken:Nothing"

        [tool.setuptools]
        packages = ["hinge_plugin"]
        """)
    )
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "wheel", "-q", *offline, "-w", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "-q", *offline, "--target", str(home), str(wheel)], check=True)

    def zoo(*args: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(home), str(ROOT)]), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "zoo", *args]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    listed = {row["name"]: row for row in json.loads(zoo("list", "variants", "--json").stdout)["variants"]}
    assert listed["my-hinge"]["about"].endswith("[hinge-plugin]")
    assert "broken on purpose" in listed["my-broken"]["error"]
    refused = zoo("run", "my-broken")
    assert refused.returncode == 2
    assert "broken on purpose" in refused.stderr
    small = ["--rounds", "4", "--width", "8", "--batch", "16", "--seeds", "2", "--no-track", "--json"]
    run = zoo("run", "my-hinge", *small)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["variant"] == "my-hinge"


def test_variants_are_listed_by_family_and_plugins_after_them() -> None:
    from typer.testing import CliRunner

    from zoo.cli.app import app

    entries = listing()["variants"]
    assert all(entry["family"] not in ("", "other") for entry in entries if entry["name"] in variants.own())
    order = [entry.get("family", "~").lower() for entry in entries]
    assert order == sorted(order)
    told = CliRunner().invoke(app, ["list", "variants"]).output
    assert told.index("  loss:") < told.index("    ns ") < told.index("  the modern answer:") < told.index("    r3gan ")
