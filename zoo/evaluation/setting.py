"""What samples are held against: data, protocol, real samples, the judge, and what is known of the run they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from toy_data import Data, Images, Mixture, Points
from zoo.evaluation.judge import Judge, Predictions, Progress, judge
from zoo.metrics import likelihood
from zoo.metrics.distances import Neighbourhood
from zoo.metrics.modes import Protocol, assign
from zoo.metrics.neighbours import labels_of

PAIRS = 10_000
"""Most samples that metrics of pairs compare."""


def tells_modes(data: Data) -> bool:
    """Whether something says which mode a new sample belongs to: a mixture itself, a judge of images, or the labels of the points near by."""
    return data.weights is not None and isinstance(data, Mixture | Images | Points)


@dataclass(frozen=True)
class Generators:
    """A run's generators, one per seed, differentiable: needed for AIS alone."""

    decoders: Sequence[likelihood.Decoder]
    latent: int
    sigma: float | None = None
    """Observation noise, a standard deviation; by default a tenth of the data's."""


@dataclass(frozen=True)
class History:
    """A run's evaluations: ``modes [R, S]`` covered at ``rounds [R]``; ``counts [R, S, K]`` where enough samples were kept."""

    rounds: Tensor
    modes: Tensor
    counts: Tensor | None = None


@dataclass
class Setting:
    """What samples are held against: data, protocol, and (made when first asked for) real samples and the judge."""

    data: Data
    protocol: Protocol
    n: int
    """Samples per seed."""
    generators: Generators | None = None
    history: History | None = None
    progress: Progress | None = field(default=None, repr=False)

    @cached_property
    def judge(self) -> Judge | None:
        return judge(self.data, progress=self.progress) if isinstance(self.data, Images) else None

    @cached_property
    def labelled(self) -> tuple[Neighbourhood, Tensor]:
        """The training samples of labelled points, and their labels."""
        assert isinstance(self.data, Points)
        x, labels = self.data.train
        assert labels is not None
        return Neighbourhood(x), labels

    @property
    def pairs(self) -> int:
        """How many samples metrics of pairs compare with as many training points."""
        return min(self.n, PAIRS, self.data.n_held_out or PAIRS)

    @cached_property
    def train(self) -> Tensor:
        """Different training samples ``[n, *shape]``: as many as metrics of pairs compare."""
        from baselines.samplers import training_set

        return training_set(self.data, self.pairs)

    @cached_property
    def held_out(self) -> Tensor:
        from baselines.samplers import held_out

        return held_out(self.data, len(self.train), torch.Generator(self.train.device).manual_seed(211))

    @cached_property
    def train_points(self) -> Tensor:
        return self.points(Subject(self, self.train[None]))[0]

    @cached_property
    def held_out_points(self) -> Tensor:
        return self.points(Subject(self, self.held_out[None]))[0]

    def points(self, subject: Subject) -> Tensor:
        """What distances are taken between ``[S, n, d]``: the judge's features of images, else the samples themselves."""
        cut = subject.samples if self.judge is None else subject.predictions.features
        return cut[:, : len(self.train)].flatten(2)


@dataclass
class Subject:
    """Samples ``[S, N, *shape]`` under a setting; what the judge says of them is asked once."""

    setting: Setting
    samples: Tensor

    @cached_property
    def predictions(self) -> Predictions:
        assert self.setting.judge is not None
        return self.setting.judge(self.samples)

    @cached_property
    def assigned(self) -> tuple[Tensor, Tensor]:
        """The mode of each sample ``[S, N]``, and whether it counts."""
        if isinstance(self.setting.data, Mixture):
            return assign(self.samples, self.setting.data, self.setting.protocol)
        if isinstance(self.setting.data, Points):
            modes = labels_of(self.samples, *self.setting.labelled)
            return modes, modes >= 0
        return self.predictions.modes, self.predictions.modes >= 0
