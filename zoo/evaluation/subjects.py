"""What `zoo eval` is pointed at, and what a run's end looks at: samples with whatever is known of where they came
from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

import toy_data
from toy_data import Data
from zoo.errors import ZooError
from zoo.evaluation import foreign
from zoo.evaluation.evaluate import default_protocol, misses_most, protocol_named
from zoo.evaluation.judge import Progress
from zoo.evaluation.setting import Generators, History, Setting, Subject, tells_modes
from zoo.evaluation.verdict import Evidence, verdicts
from zoo.evaluation.wording import Verdict, describe, of_samples
from zoo.metrics.modes import Protocol, count
from zoo.runs import rundir

MANY = 100_000
"""Samples of data without end that a verdict compares with."""


@dataclass(frozen=True)
class Source:
    """Samples ``[S, N, *shape]`` of one data set; of a run also its protocol, evaluations, generators, and seeds."""

    samples: Tensor
    data: Data
    protocol: Protocol | None = None
    history: History | None = None
    generators: Generators | None = None
    seeds: Sequence[int] = ()
    diverged: Sequence[int] = ()

    @property
    def mixed(self) -> Tensor:
        """``samples`` in an order that says nothing: some metrics take the first so many, and files often hold one class after another, as a
        folder with a sub-folder for each does. A run's stay as they are, so that its metrics are those that it has."""
        order = torch.randperm(self.samples.shape[1], generator=torch.Generator().manual_seed(0))
        return self.samples if self.seeds else self.samples[:, order.to(self.samples.device)]


def load(
    path: Path,
    data: str | None = None,
    data_root: str | None = None,
    *,
    protocol: str | None = None,
    generators: bool = False,
    progress: Progress | None = None,
) -> Source:
    """A file of samples, a folder of PNGs or JPEGs, or a run directory.

    Args:
        data: the data set's name; a run directory knows its own.
        protocol: how samples are counted, by name; else as the run counted, or as published numbers on this data are.
        generators: whether to open a run's generators too (for AIS).
        progress: hears the judge's training, where it has none yet.

    Raises ``ZooError`` with one sentence.
    """
    if (path / rundir.CONFIG).exists():
        return _run(path, data, data_root, protocol, generators, progress)
    if data is None:
        raise ZooError(f"{path} does not say what it imitates; name the data set with --data.")
    chosen = toy_data.load(data, data_root)
    how = protocol_named(protocol, chosen)
    return Source(foreign.checked(foreign.read(path), chosen), chosen, how)


def _run(
    path: Path,
    name: str | None,
    data_root: str | None,
    counted: str | None,
    generators: bool,
    progress: Progress | None,
) -> Source:
    run = rundir.read(path)
    arrays = run.arrays("samples", "history", "rounds")
    if "samples" not in arrays:
        raise ZooError(f"{path} holds no {rundir.SAMPLES} yet; zoo run --resume {path} goes on with the run.")
    data = toy_data.load(name or run.source, data_root, None if name else run.fingerprint)
    samples = foreign.shaped(torch.from_numpy(arrays["samples"]).float(), data)
    protocol = protocol_named(counted, data) if counted else replace(Protocol(), **run.protocol)
    history = None
    if "modes" in run.table:
        rounds, _, modes = rundir.by_round(run.table, "modes")
        frames = torch.from_numpy(arrays["history"]).float() if "history" in arrays else None
        counts = None if frames is None else mode_counts(frames, data, protocol, progress)
        history = History(torch.from_numpy(rounds), torch.from_numpy(modes), counts)
    made = _generators(path, run.seeds, data_root) if generators else None
    return Source(samples, data, protocol, history, made, run.seeds, run.diverged)


def mode_counts(frames: Tensor, data: Data, protocol: Protocol, progress: Progress | None = None) -> Tensor | None:
    """HQ samples per mode at each evaluation ``[R, S, K]`` among those kept, ``frames [R, S, n, *shape]``.

    None where modes are unknown, or n is below 20 a mode: too few to tell a lost mode from an unlucky draw.
    """
    if not tells_modes(data) or data.weights is None or frames.shape[2] < 20 * len(data.weights):
        return None
    setting = Setting(data, protocol, frames.shape[2], progress=progress)
    modes, high = Subject(setting, frames.flatten(0, 1)).assigned
    return count(modes, len(data.weights), high).view(*frames.shape[:2], -1)


def _generators(path: Path, seeds: Sequence[int], data_root: str | None) -> Generators | None:
    """A run's generators as differentiable decoders; None where a sample depends on more than its own latent N(0,
    1)."""
    from zoo.game import Nets
    from zoo.harness import Game
    from zoo.runs.sampling import open_run

    decoders, latent = [], 0
    for seed in seeds:
        opened = open_run(path, seed, data_root)
        game = opened.game
        latent = game.variant.latent(game.kit)
        own = {name: weights[0] for name, weights in opened.weights.items()}

        def decode(z: Tensor, own: dict[str, Tensor] = own, game: Game = game) -> Tensor:
            found: Tensor = game.variant.sample(Nets(game.networks, own, {}, {}), z)
            return found

        probe = opened.latents(8)
        with torch.no_grad():
            by_itself = torch.cat([decode(z[None]) for z in probe])
            alone = torch.allclose(decode(probe), by_itself, rtol=1e-3, atol=1e-5)
        if opened.cell.recipe.uniform_latent or not alone:
            return None
        decoders.append(decode)
    return Generators(decoders, latent)


def in_words(source: Source) -> list[str]:
    """The verdict on what `zoo eval` was pointed at; of a run it is the one that the run ended with."""
    counts = source.history.counts if source.history else None
    samples, data, protocol = source.samples, source.data, source.protocol
    return sentences(samples, data, source.seeds, protocol=protocol, diverged=source.diverged, counts=counts)


def sentences(
    samples: Tensor,
    data: Data,
    seeds: Sequence[int] = (),
    *,
    protocol: Protocol | None = None,
    diverged: Sequence[int] = (),
    counts: Tensor | None = None,
) -> list[str]:
    """The ``verdict`` in words, and where the protocol leaves out most of the data itself, that. No ``seeds``: samples of an unknown generator."""
    protocol = protocol or default_protocol(data)
    known = seeds or range(len(samples))
    found = verdict(samples, data, known, protocol=protocol, diverged=diverged, counts=counts)
    told = describe(found) if seeds or len(found) > 1 else [of_samples(found[0])]
    return told + misses_most(data, protocol)


def verdict(
    samples: Tensor,
    data: Data,
    seeds: Sequence[int],
    *,
    protocol: Protocol | None = None,
    diverged: Sequence[int] = (),
    counts: Tensor | None = None,
) -> list[Verdict]:
    """What happened to each seed, from its last ``samples [S, N, *shape]`` and the ``mode_counts [R, S, K]`` of the run's evaluations.

    Memorising is looked for where training data is finite. The rules are in ``zoo.evaluation.verdict``, the words in
    ``zoo.evaluation.wording``.
    """
    from baselines.samplers import held_out

    protocol = protocol or default_protocol(data)
    setting = Setting(data, protocol, samples.shape[1])
    known = tells_modes(data)
    # of a mixture as many as one likes: 2,500 would have 0.2 % to either side of the share that is high quality
    perfect = held_out(data, MANY) if isinstance(data, toy_data.Mixture) else setting.held_out
    evidence = Evidence(
        samples,
        perfect,
        protocol,
        (lambda x: Subject(setting, x).assigned) if known else None,
        data.weights if known else None,
        counts,
        setting.train if data.n_held_out else None,
        data.classes if isinstance(data, toy_data.Images) else None,
    )
    return verdicts(evidence, seeds, diverged)
