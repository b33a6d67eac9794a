"""New samples from a run, finished or interrupted: grids, arrays, walks between two latents, and samples of one mode.

Batch normalisation, where a generator has it, uses the batch at hand. So that a sample does not depend on how few are asked for (a walk
between two latents is no batch of the latents' distribution), latents are always generated in the company of the same ``COMPANY`` others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

import toy_data
from toy_data.files import why
from zoo import checkpoint
from zoo.errors import ZooError
from zoo.evaluation.setting import Setting, Subject, tells_modes
from zoo.harness import Game
from zoo.runs.cell import Cell, read_cell
from zoo.runs.kits import kit_for
from zoo.runs.naming import data_name
from zoo.runs.rundir import GENERATOR

COMPANY = 512
"""Latents that stand beside the ones asked for."""
PICTURES = (".png", ".pdf", ".svg")
"""What a picture may be written as; of images only the first two."""
MOST = 20_000
"""Latents that are tried to find samples of one mode."""


@dataclass(frozen=True)
class Sampler:
    """One seed's generator of a run: ``latents`` and ``sample``."""

    cell: Cell
    data: toy_data.Data
    game: Game
    weights: dict[str, Tensor]
    """By network ``[1, P]``."""
    seed: int
    heard: Callable[[float], None] = lambda share: None
    """Hears how far the judge's training is, where images are asked for by mode and there is no judge yet."""

    @property
    def latent(self) -> int:
        """Dimensions of a latent."""
        return self.game.variant.latent(self.game.kit)

    def latents(self, n: int, purpose: str = "sample") -> Tensor:
        """The first ``n`` latents ``[n, latent]`` that this seed's stream holds for one purpose, whatever n.

        PyTorch draws its normal numbers 16 at a time, and those that are left over anew: so as many are drawn as it takes at once.
        """
        return self.game.stream([self.seed]).latents(n + -n % 16, purpose)[0, :n]

    @cached_property
    def company(self) -> Tensor:
        """``[COMPANY, latent]``"""
        return self.latents(COMPANY, "company")

    def sample(self, z: Tensor) -> Tensor:
        """Samples ``[n, *data]`` for latents ``[n, latent]``; ``ZooError`` where the seed diverged."""
        parts = [
            self.game.sample(self.weights, torch.cat([part, self.company])[None])[0, : len(part)]
            for part in z.split(self.game.chunk(COMPANY))
        ]
        samples = torch.cat(parts)
        if not samples.isfinite().all():
            raise ZooError(f"Seed {self.seed} of this run diverged: its samples are not numbers; take another seed.")
        return samples

    def walk(self, z: Tensor, start: int) -> Tensor:
        """Samples ``[n, *data]`` for a walk ``z [n, latent]``: each step by itself, in the place of sample number ``start``.

        A sample may depend on its place (a turn of several generators, a share of clusters), and a walk is one of latents alone.
        """
        before = self.latents(start % self.game.chunk(COMPANY), "company")
        return torch.cat([self.sample(torch.cat([before, step[None]]))[-1:] for step in z])

    def modes(self, samples: Tensor) -> Tensor:
        """The mode that each of ``samples [n, *data]`` shows, ``[n]``: the judge's word on images, the mode within reach of points; else -1."""
        modes, near = Subject(self.setting, samples[None]).assigned
        return torch.where(near, modes, -1)[0]

    @cached_property
    def setting(self) -> Setting:
        return Setting(self.data, self.cell.protocol, MOST, progress=self.heard)

    def of_mode(self, mode: int, n: int) -> Tensor:
        """``n`` samples that show ``mode``; ``ZooError`` when ``MOST`` latents do not give as many."""
        known = (self.data.modes or 0) if tells_modes(self.data) else 0
        if not 0 <= mode < known:
            told = f"modes 0 to {known - 1}" if known else "no known modes"
            raise ZooError(f"'{self.data.name}' has {told}, so --mode cannot be {mode}.")
        found: list[Tensor] = []
        for z in self.latents(MOST).split(self.game.chunk(COMPANY)):
            x = self.sample(z)
            found.append(x[self.modes(x) == mode])
            if sum(map(len, found)) >= n:
                return torch.cat(found)[:n]
        raise ZooError(
            f"Of {MOST:,} samples of seed {self.seed} only {sum(map(len, found))} show mode {mode}, not {n}."
        )


def open_run(
    folder: Path, seed: int | None = None, data_root: str | None = None, *, asked_by: str = "--seed-of-run"
) -> Sampler:
    """The generator of one seed (the first unless told) of the run in ``folder``, from its last weights.

    ``asked_by``: what the caller gave the seed as. Raises ``ZooError`` where there is no run, no weights, or no such seed; ``DataError`` where
    the data's files are missing (its shape is needed).
    """
    cell = read_cell(folder)
    seed = cell.seeds[0] if seed is None else seed
    if seed not in cell.seeds:
        told = ", ".join(map(str, cell.seeds))
        raise ZooError(f"The run in {folder} has the seeds {told}, so {asked_by} cannot be {seed}.")
    stacked, seeds = weights(folder)
    data = toy_data.load(cell.source, data_root or cell.data_root, cell.fingerprint)
    game = Game(cell.build(), kit_for(data, cell.recipe), data, cell.recipe)
    row = seeds.index(seed)
    mine = {name: stacked[name][row : row + 1] for name in game.networks if name in stacked}
    if {n: w.shape[1] for n, w in mine.items()} != {n: sum(net.sizes) for n, net in game.networks.items()}:
        raise ZooError(
            f"The weights in {folder} are not of this version's networks; sample with the version that trained."
        )
    return Sampler(cell, data, game, mine, seed)


def weights(folder: Path) -> tuple[dict[str, Tensor], list[int]]:
    """The weights that samples come from, by network ``[S, P]``, and their seeds: of a finished run, else of its last good checkpoint."""
    final = folder / GENERATOR
    if final.exists():
        tensors, seeds, _ = checkpoint.read(final, "seeds")
        return tensors, seeds
    kept = checkpoint.newest(folder)
    if kept is None:
        raise ZooError(f"{folder} holds no weights yet: a run writes its first checkpoint at its first evaluation.")
    tensors, header, _ = kept
    kind = "ema/" if any(name.startswith("ema/") for name in tensors) else "params/"
    found = {name.removeprefix(kind): t for name, t in tensors.items() if name.startswith(kind)}
    return found, header["seeds"]


def read_latents(path: Path, latent: int) -> Tensor:
    """Latents ``[n, latent]`` from a .npy file; ``ZooError`` when it is not one."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise ZooError(
            f"{path} cannot be read as latents: a .npy file of numbers [n, {latent}] is needed ({why(path, error)})."
        ) from error
    return as_latents(found, latent, str(path))


def as_latents(found: Any, latent: int, where: str) -> Tensor:
    """An array as latents ``[n, latent]``; ``ZooError`` for one of another shape or of no numbers."""
    if not isinstance(found, np.ndarray) or found.ndim != 2 or found.shape[1] != latent or not len(found):
        shape = list(getattr(found, "shape", ()))
        raise ZooError(f"Latents of this run have shape [n, {latent}], those in {where} have {shape}.")
    if found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise ZooError(f"Some latents in {where} are not finite numbers.")
    return torch.from_numpy(found.astype(np.float32))


def walk(a: Tensor, b: Tensor, n: int, spherical: bool) -> Tensor:
    """``n`` latents ``[n, latent]`` from ``a`` to ``b`` inclusive.

    ``spherical`` (for N(0, 1)): along the great circle, with the length changing evenly, so that no latent on the way is shorter than both
    ends (White 2016, arXiv:1609.04468); along the straight line otherwise, and where a and b are parallel.
    """
    t = torch.linspace(0, 1, n)[:, None]
    straight = torch.lerp(a, b, t)
    angle = torch.acos(torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-1, 1))
    if not spherical or not float(angle.sin()) > 1e-4:
        return straight
    direction = (torch.sin((1 - t) * angle) * a / a.norm() + torch.sin(t * angle) * b / b.norm()) / angle.sin()
    path = direction * torch.lerp(a.norm(), b.norm(), t)
    path[0], path[-1] = a, b
    return path


def draw(
    sampler: Sampler,
    n: int | None = None,
    *,
    latents: Path | None = None,
    between: tuple[int, int] | None = None,
    mode: int | None = None,
) -> Tensor:
    """``n`` samples (25 unless told, or as many as the file of ``latents`` has): of one ``mode``, or a walk ``between`` two latents by number."""
    if mode is not None and (latents or between):
        raise ZooError("--mode looks for latents itself: it goes with neither --latents nor --interpolate.")
    if mode is not None:
        return sampler.of_mode(mode, n or 25)
    given = read_latents(latents, sampler.latent) if latents else None
    if between is None:
        if given is not None and n is not None and n > len(given):
            raise ZooError(f"{latents} holds {len(given)} latents, fewer than -n {n}.")
        return sampler.sample(sampler.latents(n or 25) if given is None else given[:n])
    last = len(given) - 1 if given is not None else MOST - 1
    for number in between:
        if not 0 <= number <= last:
            raise ZooError(f"--interpolate takes the numbers of two latents, 0 to {last}, not {number}.")
    if n == 1:
        raise ZooError("--interpolate needs -n of at least 2, its two ends.")
    ends = sampler.latents(max(between) + 1) if given is None else given
    z = walk(ends[between[0]], ends[between[1]], n or 10, not sampler.cell.recipe.uniform_latent)
    return sampler.walk(z, between[0])


def check(path: Path, *, as_array: bool = False) -> None:
    """Raise ``ZooError`` unless ``path`` names a picture or an array (.npy), and is no folder; a file there is written over."""
    if path.suffix.lower() not in ((".npy",) if as_array else (".npy", *PICTURES)):
        wanted = ".npy with --npy" if as_array else f"{', '.join(PICTURES)} (pictures) or .npy (the array)"
        raise ZooError(f"The name of what is written must end in {wanted}, and '{path.name}' does not.")
    if path.is_dir():
        raise ZooError(f"{path} is a folder; -o takes the name of a file.")


def write(samples: Tensor, sampler: Sampler, path: Path, *, in_a_row: bool = False) -> None:
    """A picture or the array ``[n, *data]`` (.npy), by the name of ``path``. ``ZooError`` for images as lines and curves."""
    suffix, image = path.suffix.lower(), len(sampler.data.shape) == 3
    if image and suffix == ".svg":
        raise ZooError("Images are kept as .png or .pdf, not as .svg.")
    path.parent.mkdir(parents=True, exist_ok=True)
    array = samples.float().cpu().numpy()
    if suffix == ".npy":
        np.save(path, array)
        return
    from zoo.looking import plots

    if image:
        columns = min(len(array), 20) if in_a_row else math.ceil(math.sqrt(len(array)))
        plots.grid(array, columns, path)
        return
    what = f"{sampler.cell.variant} on {data_name(sampler.cell.data)}"
    if in_a_row:
        title = f"{what}, seed {sampler.seed}, a walk of {len(array):,} samples"
        plots.walk_figure(array, sampler.data, path, title=title)
        return
    title = f"{what}, {len(array):,} samples"
    plots.samples_figure(array[None], sampler.data, [sampler.seed], path, title=title)
