"""``zoo new-variant NAME``: a file and its test, to start from. Both pass as they are."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from zoo import variants
from zoo.errors import ZooError

VARIANT = '''"""{title}: say here which paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor
from torch.nn.functional import softplus

from zoo.game import Batch, Nets
from zoo.variant import GAN, Opt, register


@register("{name}")
@dataclass(frozen=True)
class {title}(GAN):
    """The usual GAN, whose generator's loss has a weight: say here, in one sentence, what yours does.

        L_D = -E log D(x) - E log(1 - D(G(z)))        L_G = -weight E log D(G(z))

    Say here where you differ from the paper. D is a logit, so -log D is softplus(-D).

    Source: ours; write the paper and its equation here.
    """

    weight: Annotated[float, Opt("weight of the generator's loss", above=0, source="ours")] = 1.0

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return softplus(-nets.D(batch.x)).mean() + softplus(nets.D(nets.G(batch.z))).mean()

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return self.weight * softplus(-nets.D(nets.G(batch.z))).mean()
'''

TEST = '''"""{title}: the contract that every variant holds to, and its formula derived again."""

from pathlib import Path

import torch

from zoo import load_file
from zoo.extending import contract
from zoo.game import Batch, Nets, Network
from zoo.variants import load

load_file(Path(__file__).with_name("{module}.py"))


def test_contract() -> None:
    assert contract.check("{name}") == []


def test_formula() -> None:
    """With D(x) = the sum of x and G(z) = z, by hand."""
    D, G = torch.nn.Linear(2, 1, bias=False).double(), torch.nn.Linear(2, 2, bias=False).double()
    networks = {{"D": Network(D), "G": Network(G)}}
    params = {{"D": torch.ones(2).double(), "G": torch.eye(2).flatten().double()}}
    nets = Nets(networks, params, {{}}, {{}})
    x, z = torch.tensor([[1.0, 2.0]]).double(), torch.tensor([[0.5, -1.0]]).double()
    batch, variant = Batch(x, z, torch.zeros(1, 1)), load("{name}")(weight=3.0)
    D_x, D_G = torch.sigmoid(torch.tensor([3.0, -0.5]).double())
    torch.testing.assert_close(variant.d_loss(nets, batch), -D_x.log() - (1 - D_G).log())
    torch.testing.assert_close(variant.g_loss(nets, batch), -3 * D_G.log())
'''


def new_variant(name: str, folder: str | Path = ".") -> tuple[Path, Path]:
    """Write ``<name>.py`` and ``test_<name>.py`` into ``folder``; returns their paths.

    Raises ``ZooError``, before anything is written, for a name that is not plain or is taken, and for files that are there already.
    """
    module = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(module):
        raise ZooError(
            f"'{name}' is no name for a variant; take lower-case letters, digits and hyphens, for example my-gan."
        )
    if name in variants.names():
        raise ZooError(f"There is already a variant '{name}'; choose another name.")
    folder = Path(folder)
    paths = folder / f"{module}.py", folder / f"test_{module}.py"
    for path in paths:
        if path.exists():
            raise ZooError(f"{path} is there already; choose another name, or another folder.")
    if folder.exists() and not folder.is_dir():
        raise ZooError(f"{folder} is a file, not a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    title = "".join(part.capitalize() for part in name.split("-"))
    for path, text in zip(paths, (VARIANT, TEST), strict=True):
        path.write_text(text.format(name=name, module=module, title=title), encoding="utf-8")
    return paths
