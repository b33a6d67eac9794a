"""`zoo check` on classes that are broken on purpose: each is found, explained, and the right line is named."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from zoo import variants
from zoo.errors import ZooError
from zoo.extending import rules, scaffold
from zoo.extending.claims import forms
from zoo.extending.contract import Finding, check
from zoo.extending.plugins import FILES, load_file
from zoo.variant import REGISTRY

HEAD = """
from dataclasses import dataclass
from typing import Annotated
import torch
from zoo import losses
from zoo.game import Player
from zoo.variant import GAN, Opt, register
from zoo.variants.ns import NonSaturating
CALLS = []

@register("{name}")
@dataclass(frozen=True)
class Odd(NonSaturating):
    '''{idea}

    Source: ours.
    '''
"""

BROKEN = {
    "not-a-mean": (
        "    def g_loss(self, nets, batch):  # HERE\n        return -nets.D(nets.G(batch.z))",
        "player G is 6x1 numbers, not one: end with .mean()",
    ),
    "draws": (
        "    def g_loss(self, nets, batch):\n"
        "        noise = torch.randn_like(batch.z)  # HERE\n"
        "        return losses.real(nets.D(nets.G(batch.z + noise)))",
        "take them from batch.u",
    ),
    "draws-what-does-not-fit": (  # of another dtype than the nets', and its value is asked for
        "    def g_loss(self, nets, batch):\n"
        "        fake = nets.D(nets.G(torch.randn(6, 3, dtype=torch.float32)))  # HERE\n"
        "        return losses.real(fake) * fake.mean().item()",
        "A loss draws random numbers itself; take them from batch.u",
    ),
    "asks-for-a-value": (
        "    def g_loss(self, nets, batch):\n"
        "        loss = super().g_loss(nets, batch)\n"
        "        return loss if loss > 0 else 2 * loss  # HERE",
        "torch.where",
    ),
    "takes-a-number": (
        "    def d_loss(self, nets, batch):\n        return super().d_loss(nets, batch) * batch.u.mean().item()  # HERE",
        "A tensor is asked for its value",
    ),
    "writes": (
        "    def d_loss(self, nets, batch):  # HERE\n"
        "        nets.params['G'].mul_(0.9)\n"
        "        return super().d_loss(nets, batch)",
        "writes into the weights of G",
    ),
    "backward": (
        "    def g_loss(self, nets, batch):\n"
        "        loss = super().g_loss(nets, batch).detach()\n"
        "        loss.backward()  # HERE\n"
        "        return loss",
        "call no .backward()",
    ),
    "stands-still": (
        "    def g_loss(self, nets, batch):  # HERE\n        return losses.real(nets.D(nets.G(batch.z).detach()))",
        "G stands still",
    ),
    "wrong-shape": (
        "    def sample(self, nets, z):  # HERE\n        return nets.G(z).flatten(1)[:, :1]",
        "give samples of shape [5, 1]",
    ),
    "explodes": (
        "    def g_loss(self, nets, batch):  # HERE\n        return super().g_loss(nets, batch) * float('inf')",
        "player G is inf before anything moved",
    ),
    "remembers": (
        "    def g_loss(self, nets, batch):\n"
        "        CALLS.append(1)\n"
        "        return super().g_loss(nets, batch) * len(CALLS)",
        "keeps something between calls",
    ),
    "nobody-s-net": (
        "    def nets(self, kit):  # HERE\n        return super().nets(kit) | {'E': kit.trunk()}\n"
        "    @property\n    def discriminator(self):\n        return super().discriminator",
        "Nobody owns the network 'E'",
    ),
    "unbounded": (
        "    gamma: Annotated[float, Opt('weight')] = 1.0  # HERE",
        "The option 'gamma' has no lower bound",
    ),
    "unbounded-count": (
        "    n: Annotated[int, Opt('how many')] = 5  # HERE",
        "The option 'n' has no lower bound",
    ),
    "a-recipes-name": (
        "    decay: Annotated[float, Opt('weight', 0)] = 1.0  # HERE",
        "The option 'decay' is named like a field of every recipe",
    ),
    "takes-anything": (
        "    gamma: Annotated[float, Opt('weight', 0)] = 1.0\n    def __post_init__(self):  # HERE\n        pass",
        "out of its range",
    ),
    "diagnoses-nobody": (
        "    def diagnostics(self, nets, batch):\n        return {'real': nets.judge(batch.x)}  # HERE",
        "this game has no network 'judge'",
    ),
    "diagnoses-with-a-picture": (
        "    def diagnostics(self, nets, batch):  # HERE\n        return {'real': nets.D(batch.x)}",
        "not a finite number for each seed",
    ),
    "turns-of-those-who-move-at-once": (
        "    simultaneous = True\n    @property\n    def discriminator(self):\n"
        "        return Player('D', 'D', self.d_loss, steps=3)\n    def players(self):  # HERE\n"
        "        return self.discriminator, self.generator",
        "All players move at once (simultaneous), so D moves once a round, not 3 times",
    ),
    "batch-of-two": (
        "    def d_loss(self, nets, batch):\n        x = batch.x.reshape(6, 2)  # HERE\n"
        "        return losses.real(nets.D(x)) + losses.fake(nets.D(nets.G(batch.z)))",
        "invalid for input of size",
    ),
}


@pytest.fixture
def written(tmp_path: Path):
    """Write a variant to a file and load it; its name and names of other tests do not meet."""
    before = set(REGISTRY), set(FILES)

    def load(name: str, text: str) -> Path:
        path = tmp_path / f"{name.replace('-', '_')}.py"
        path.write_text(text)
        load_file(path)
        return path

    yield load
    for name in set(REGISTRY) - before[0] - set(variants.own()):  # ours stay, whoever imported them first
        del REGISTRY[name]
    for name in set(FILES) - before[1]:
        del FILES[name]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_class_is_found_and_explained(written, name: str) -> None:
    body, sentence = BROKEN[name]
    path = written(f"odd-{name}", HEAD.format(name=f"odd-{name}", idea="Wrong on purpose.") + body + "\n")
    found = check(f"odd-{name}")
    told = [f for f in found if sentence in f.sentence]
    assert told, found
    if "# HERE" in body:
        line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "# HERE" in text)
        assert told[0].where.startswith(f"{path}:{line}: "), told[0].where
    assert str(path) in told[0].where


def test_a_count_may_have_a_bound_that_it_exceeds(written) -> None:
    body = "    n: Annotated[int, Opt('how many', above=0)] = 5\n"
    written("odd-above", HEAD.format(name="odd-above", idea="Right, with a count above 0.") + body)
    assert check("odd-above") == []


def test_one_mistake_is_told_once(written) -> None:
    body, _ = BROKEN["not-a-mean"]
    written("odd-once", HEAD.format(name="odd-once", idea="Wrong on purpose.") + body + "\n")
    assert [f.rule for f in check("odd-once")] == ["a_player_moves_only_what_it_owns"]


def test_a_class_without_a_docstring_a_default_or_a_frozen_dataclass(written) -> None:
    text = """
    from dataclasses import dataclass
    from zoo.variant import register
    from zoo.variants.ns import NonSaturating

    @register("odd-mute")
    @dataclass(frozen=True)
    class Mute(NonSaturating):
        pass

    @register("odd-thawed")
    class Thawed(NonSaturating):
        '''Not a dataclass of its own.

        Source: ours.'''

    @register("odd-needs")
    @dataclass(frozen=True)
    class Needs(NonSaturating):
        '''An option without a default.

        Source: ours.'''
        k: int
    """
    written("odd-three", textwrap.dedent(text))
    assert [f.rule for f in check("odd-mute")] == ["says_where_it_comes_from"] * 2
    assert "frozen=True" in check("odd-thawed")[0].sentence
    assert any("every option needs a default" in f.sentence for f in check("odd-needs"))


def test_what_is_no_variant_is_refused() -> None:
    with pytest.raises(ZooError, match="did you mean 'unrolled'"):
        check("unroled")
    with pytest.raises(ZooError, match="is no variant"):
        check(int)


def test_a_finding_reads_as_a_sentence_and_a_line() -> None:
    assert str(Finding("rule", "It is wrong.", "my_gan.py:3: x")) == "It is wrong.\n    my_gan.py:3: x"


def test_a_resume_that_forgets_is_found(written) -> None:
    """The optimiser draws on something that no checkpoint holds."""
    text = HEAD.format(name="odd-forgets", idea="Wrong on purpose.") + textwrap.indent(
        textwrap.dedent("""
        @property
        def generator(self):
            return Player("G", owns="G", loss=self.g_loss, optimiser=Forgets())
        """),
        "    ",
    )
    text = text.replace(
        "CALLS = []",
        textwrap.dedent("""
        from zoo.game import Player
        from zoo.optim import SGD

        @dataclass(frozen=True)
        class Forgets(SGD):
            def init(self, theta):
                return super().init(theta) | {"steps": [torch.zeros_like(theta)]}
        """),
    )
    written("odd-forgets", text)
    assert check("odd-forgets"), "a state that is no dict of tensors cannot be saved"


def test_a_new_variant_and_its_test_hold_to_the_contract(tmp_path: Path, written) -> None:
    module, test = scaffold.new_variant("my-own-gan", tmp_path)
    load_file(module)
    assert check("my-own-gan") == []
    space: dict[str, object] = {"__file__": str(test), "__name__": "test_my_own_gan"}
    exec(compile(test.read_text(), test, "exec"), space)
    ran = [run for name, run in space.items() if name.startswith("test_") and callable(run)]
    assert len(ran) == 2
    for run in ran:
        run()


@pytest.mark.parametrize("name", ["ns", "My GAN", "1st", "", "class"])
def test_a_new_variant_needs_a_free_and_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ZooError):
        scaffold.new_variant(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_variant_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "my_gan.py").write_text("mine")
    with pytest.raises(ZooError, match=r"my_gan\.py is there already"):
        scaffold.new_variant("my-gan", tmp_path)
    assert (tmp_path / "my_gan.py").read_text() == "mine"


def test_every_rule_of_play_is_tried() -> None:
    """The contract's rules, by name: taking one out has to be said here."""
    assert [step.__name__ for step in rules.PLAY] == [
        "builds",
        "samples_have_the_data_s_shape",
        "a_player_moves_only_what_it_owns",
        "plays_one_seed",
        "is_diagnosed",
        "a_seed_alone_is_the_seed_among_others",
        "traced_equals_untraced",
        "goes_on_after_a_stop",
    ]


TIED = """
from dataclasses import dataclass
from typing import Annotated
from zoo.errors import ZooError
from zoo.variant import Opt, register
from zoo.variants.ns import NonSaturating

@register("{name}")
@dataclass(frozen=True)
class Tied(NonSaturating):
    '''Two switches, of which one needs the other.

    Known to fix: nothing.
    Source: ours.
    '''

    a: Annotated[bool, Opt("one")] = False
    b: Annotated[bool, Opt("needs the other")] = False

    def __post_init__(self):
        super().__post_init__()
        if self.b and not self.a:
            raise {error}("--b needs --a.")
"""


@pytest.mark.parametrize("error", ["ZooError", "ValueError"])
def test_a_switch_that_needs_another_is_left_out_and_what_else_is_raised_is_told(tmp_path: Path, error: str) -> None:
    name = f"tied-{error.lower()}"
    (tmp_path / "tied.py").write_text(TIED.format(name=name, error=error))
    load_file(tmp_path / "tied.py")
    kind = REGISTRY[name]
    if error == "ZooError":
        assert [(form.a, form.b) for form in forms(kind)] == [(False, False), (True, False)]
    else:
        with pytest.raises(ZooError, match=r"Tied\(b=True\) raises ValueError: --b needs --a"):
            forms(kind)
