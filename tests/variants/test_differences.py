"""What a docstring says of its paper, and of where the variant leaves it or the authors' code: what reading them found stays said."""

import inspect

import pytest

from zoo import variants

SAID = {
    "dragan": ["often finds around some of the data"],
    "hinge": ["weights decay, by 1 / (batch C)", "ten times to a step of D", "five times a round"],
    "instance-noise": ["by hand for each data set (from memory)"],
    "js-reg": [
        "In all three gamma is .1 and fades only with",
        "README runs the image scripts at a gamma of 2 that fades",
    ],
    "lsgan": ["batch / 2 times these losses"],
    "ns": ["half of L_D, and both moving at once"],
    "r3gan": ["does not saturate", "equation 2 is a minimax game", "equations 2 and 3", "learning rate is constant"],
    "r1": ["Its players move by RMSprop"],
    "ragan": ["calling everything real, though half of it is fake"],
    "rsgan": ["calling everything real, though half of it is fake"],
    "sn": ["have ``hinge``'s"],
    "vanilla": ["has G lower the loss of ``ns``"],
    "zero-gp": ["plain gradient descent unless told to by Adam"],
}


@pytest.mark.parametrize(("name", "words"), [(name, words) for name, said in SAID.items() for words in said])
def test_what_was_read_is_said(name: str, words: str) -> None:
    assert words in " ".join((inspect.getdoc(variants.load(name)) or "").split())
