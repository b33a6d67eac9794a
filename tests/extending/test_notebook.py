"""Variants that a notebook registers, which no file holds: found by their name, checked, run, and said so in what the run leaves."""

from __future__ import annotations

import json
import linecache
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import zoo
from toy_data import registry
from zoo import variants
from zoo.errors import ZooError
from zoo.extending import plugins
from zoo.metrics import spec
from zoo.variant import REGISTRY

CELL = '''
from dataclasses import dataclass
import zoo
from zoo import losses

@zoo.register("nb-gan")
@dataclass(frozen=True)
class NbGan(zoo.GAN):
    """G says what is real.

    Source: ours.
    """
    def g_loss(self, nets, batch):
        {loss}
'''
GOOD = "return losses.real(nets.D(nets.G(batch.z)))"
SMALL = {"rounds": 4, "every": 4, "width": 8, "batch": 16, "seeds": 1, "progress": False}


@pytest.fixture
def notebook() -> Iterator[None]:
    yield
    REGISTRY.pop("nb-gan", None)
    plugins.FILES.pop("nb-gan", None)
    for held in (registry.HERE, spec.HERE):
        held.pop("nb-own", None)
    linecache.cache.pop("<cell 1>", None)


def play(loss: str) -> None:
    """Run the cell as IPython does: its text is in the linecache under a name that is no file's."""
    text = CELL.format(loss=loss)
    linecache.cache["<cell 1>"] = (len(text), None, text.splitlines(keepends=True), "<cell 1>")
    exec(compile(text, "<cell 1>", "exec"), {"__name__": "a_notebook"})


@pytest.mark.usefixtures("notebook")
def test_it_goes_by_its_name(tmp_path: Path) -> None:
    play(GOOD)
    assert "nb-gan" in variants.names()
    assert "nb-gan" not in variants.own()
    assert variants.idea("nb-gan") == "G says what is real."
    assert zoo.check("nb-gan") == []
    with pytest.raises(ZooError, match="did you mean 'nb-gan'"):
        zoo.run("nb-gam")
    made = zoo.run("nb-gan", out=tmp_path / "r", **SMALL)
    assert made.summary["variant"] == "nb-gan"
    assert made.sample(3).shape == (3, 2)


@pytest.mark.usefixtures("notebook")
def test_its_run_says_elsewhere_that_no_file_has_it(tmp_path: Path) -> None:
    play(GOOD)
    made = zoo.run("nb-gan", out=tmp_path / "r", **SMALL)
    assert json.loads((tmp_path / "r" / "config.json").read_text(encoding="utf-8"))["plugin"] is None
    assert plugins.option("nb-gan", "ring") == ["--plugin", "FILE"]
    del REGISTRY["nb-gan"]
    with pytest.raises(ZooError, match=r"was registered in a notebook; write it to a file.*--plugin FILE"):
        made.sample(3)


@pytest.mark.usefixtures("notebook")
def test_the_line_to_look_at_is_of_the_cell() -> None:
    play("return -nets.D(nets.G(batch.z))")
    (found,) = [f for f in zoo.check("nb-gan") if "end with .mean()" in f.sentence]
    assert found.where == "<cell 1>:13: def g_loss(self, nets, batch):"


def test_a_script_s_run_names_the_script(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        f"{CELL.format(loss=GOOD)}\nif __name__ == '__main__':\n    zoo.run('nb-gan', out='r', **{SMALL})\n"
    )
    subprocess.run([sys.executable, script.name], cwd=tmp_path, check=True, capture_output=True)
    assert json.loads((tmp_path / "r" / "config.json").read_text(encoding="utf-8"))["plugin"] == str(script)
    assert "nb-gan" not in variants.names()
    with pytest.raises(ZooError, match=f"give it with --plugin {script}"):
        zoo.open_run(tmp_path / "r").sample(3)


BRINGS = """
@zoo.dataset("nb-own")
def pair():
    return None

@zoo.metric("nb-own")
def spread(samples, data):
    return samples
"""


@pytest.mark.usefixtures("notebook")
def test_what_it_registered_gives_way_to_a_file_of_it(tmp_path: Path) -> None:
    play(GOOD)
    exec(BRINGS, {"__name__": "a_notebook", "zoo": zoo})
    typed, path = REGISTRY["nb-gan"], tmp_path / "nb_gan.py"
    path.write_text(CELL.format(loss=GOOD) + BRINGS + "\n1 / 0\n")
    with pytest.raises(ZooError, match="cannot be imported: ZeroDivisionError"):
        plugins.load_file(path)
    assert REGISTRY["nb-gan"] is typed
    assert registry.HERE["nb-own"].__module__ == "a_notebook"
    path.write_text(CELL.format(loss=GOOD) + BRINGS)
    assert plugins.load_file(path) == ["nb-gan"]
    for made in (REGISTRY["nb-gan"], registry.HERE["nb-own"], spec.HERE["nb-own"]):
        assert made.__module__.startswith(plugins.MODULE)
    assert plugins.option("nb-gan", "nb-own") == ["--plugin", str(path)]


@pytest.mark.usefixtures("notebook")
def test_other_processes_need_files_and_do_not_see_it(tmp_path: Path) -> None:
    path = tmp_path / "nb_gan.py"
    path.write_text(CELL.format(loss=GOOD) + BRINGS)
    assert plugins.needed(["ns"], ["ring"]) == []
    plugins.load_file(path)
    assert plugins.needed(["ns"], ["ring"]) == [str(path)]  # the metric is measured in every run
    del spec.HERE["nb-own"]
    assert plugins.needed(["ns"], ["ring"]) == []
    assert plugins.needed(["nb-gan"], ["ring"]) == plugins.needed(["ns"], ["nb-own"]) == [str(path)]
    del registry.HERE["nb-own"]
    exec(BRINGS, {"__name__": "a_notebook", "zoo": zoo})
    with pytest.raises(ZooError, match=r"do not see the data set 'nb-own', .* give that as plugins="):
        plugins.needed(["ns"], ["nb-own"])
    with pytest.raises(ZooError, match="do not see the metric 'nb-own'"):
        plugins.needed(["ns"], ["ring"])
