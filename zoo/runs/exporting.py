"""A run's generator as a program that PyTorch loads without the zoo: latents ``[n, latent]`` to samples ``[n, *data]``, for any n.

torch.export.load("generator.pt2").module()(torch.randn(100, 2))
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import ZooError, first_line
from zoo.files import write_bytes
from zoo.game import Nets
from zoo.runs.sampling import Sampler

ABOUT = "zoo.json"
"""The file in the program's archive that says what it is: ``torch.export.load(path, extra_files={"zoo.json": ""})`` fills it in."""
SUFFIX = ".pt2"


class Sampling(nn.Module):
    """One seed's ``variant.sample`` with its weights inside, and the company that its latents need, such as that of batch normalisation."""

    def __init__(self, sampler: Sampler) -> None:
        super().__init__()
        self.game = sampler.game
        # cloned, or the archive would hold the other seeds' weights too, whose memory these lie in
        nets = self._nets({name: weights[0].clone() for name, weights in sampler.weights.items()})
        probe, others = sampler.latents(8), sampler.company
        by_themselves = self.game.variant.sample(nets, probe)
        self.used = sorted({str(key[0]) for key in nets.memo})  # D need not come along
        for name in self.used:
            self.register_buffer(f"weights_{name}", nets.params[name])
        among = self.game.variant.sample(self._nets(nets.params), torch.cat([probe, others]))[: len(probe)]
        if torch.allclose(by_themselves, among, rtol=1e-3, atol=1e-5):
            # of several generators each makes two samples or more: one is a case of its own, which the exporter leaves out
            others = others[: 2 * self.game.generators] if self.game.generators > 1 else others[:0]
        self.company: Tensor | None
        self.register_buffer("company", others.clone() if len(others) else None)

    def _nets(self, params: dict[str, Tensor]) -> Nets:
        return Nets(self.game.networks, params, {}, {})

    def forward(self, z: Tensor) -> Tensor:
        nets = self._nets({name: getattr(self, f"weights_{name}") for name in self.used})
        if self.company is None:
            return self.game.variant.sample(nets, z)
        return self.game.variant.sample(nets, torch.cat([z, self.company]))[: z.shape[0]]


def check(path: Path) -> None:
    """``ZooError`` unless ``path`` can be the name of a program."""
    if path.suffix != SUFFIX:
        raise ZooError(f"The name of an exported program must end in {SUFFIX}, and '{path.name}' does not.")
    if path.is_dir():
        raise ZooError(f"{path} is a folder; -o takes the name of a file.")


def export(sampler: Sampler, path: Path) -> dict[str, Any]:
    """Write the program, and return what its ``ABOUT`` says. ``ZooError`` for a seed that diverged, and where PyTorch cannot export the variant."""
    check(path)
    z = sampler.latents(5)
    expected = sampler.sample(z)
    cell, shape = sampler.cell, list(sampler.data.shape)
    about = {
        "variant": cell.variant,
        "options": cell.options,
        "data": cell.data,
        "seed": sampler.seed,
        "rounds": cell.recipe.rounds,
        "input": ["n", sampler.latent],
        "latents": "U(-1, 1)" if cell.recipe.uniform_latent else "N(0, 1)",
        "output": ["n", *shape],
        "value_range": sampler.data.value_range,
    }
    any_number = {"z": {0: torch.export.Dim.DYNAMIC}}
    try:
        with torch.no_grad(), _quiet():
            program = torch.export.export(Sampling(sampler), (z,), dynamic_shapes=any_number, strict=False)
            same = torch.allclose(program.module()(z), expected, rtol=1e-3, atol=1e-5)
            written = io.BytesIO()
            torch.export.save(program, written, extra_files={ABOUT: json.dumps(about)})
    except Exception as error:  # whatever a stranger's variant does that cannot be written down
        raise ZooError(f"{cell.variant} cannot be exported: {first_line(error)[:200]}.") from error
    if not same:
        raise ZooError(f"{cell.variant} cannot be exported: the program gives other samples than the run.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, written.getvalue())
    return about


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what PyTorch's exporter tells of itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
