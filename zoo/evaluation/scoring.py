"""How a run's samples are scored while it trains: by a mixture's known modes, the judge of a set of images, or the points near by."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

import toy_data
from zoo.evaluation import available, judge
from zoo.evaluation.evaluate import measure
from zoo.evaluation.setting import Setting, Subject
from zoo.extending import measures
from zoo.metrics import spec, two_samples
from zoo.metrics.modes import Protocol, coverage, coverage_of
from zoo.training import Evaluate

QUICK = 10_000
"""Up to this many training images a judge is trained when it is needed (seconds); beyond, when it is asked for (minutes)."""


FEW = 1_000
"""Samples of a seed that an evaluation in training compares with as many training points: with all, it took as long as the training."""
MODES = ("modes", "high_quality", "reverse_kl", "forward_kl", "js", "chi_square", "effective_modes")
PAIRS = ("recall", "coverage", "precision", "one_nn")
"""In this order, so that `zoo compare` takes recall: around the middle of 64 dimensions a narrow generator has a coverage of 1."""


@dataclass(frozen=True)
class Scoring:
    """``evaluate`` samples ``[S, N, *data]`` to metrics ``[S]``; ``unavailable``: a sentence for each metric that cannot be had."""

    evaluate: Evaluate
    unavailable: dict[str, str] = field(default_factory=dict)
    better: dict[str, dict[str, str]] = field(default_factory=dict)
    """By metric of a plugin ``{"better": ...}``, which nothing else declares."""
    judge: dict[str, Any] | None = None
    """Accuracy of the judge on how many held-out images, where one counts the modes."""


def of(data: toy_data.Data, protocol: Protocol, progress: judge.Progress | None = None) -> Scoring:
    """The scoring of this data under this protocol, with the metrics that plugins bring; ``progress`` hears of a judge that is trained for it."""
    return _with_plugins(_own(data, protocol, progress), data)


def _own(data: toy_data.Data, protocol: Protocol, progress: judge.Progress | None) -> Scoring:
    if isinstance(data, toy_data.Mixture):
        return Scoring(lambda samples: coverage(samples, data, protocol))
    if isinstance(data, toy_data.Images):
        return _judged(data, protocol, progress)
    return _near(data, protocol)


def _with_plugins(own: Scoring, data: toy_data.Data) -> Scoring:
    """Each plugin's metric beside our own; one that fails is not available, and stops nothing."""
    brought, unavailable = measures.metrics()
    if not brought and not unavailable:
        return own
    tried = {name: measures.tried(name, metric, data) for name, metric in brought.items()}
    unavailable = own.unavailable | unavailable | {name: why for name, why in tried.items() if why}
    good = {name: metric for name, metric in brought.items() if name not in unavailable}

    def evaluate(samples: Tensor) -> dict[str, Tensor]:
        return {**own.evaluate(samples), **{n: measures.measure(metric, samples, data) for n, metric in good.items()}}

    better = {name: {"better": str(spec.direction(name, metric))} for name, metric in good.items()}
    return replace(own, evaluate=evaluate, unavailable=unavailable, better=better)


def _near(data: toy_data.Data, protocol: Protocol) -> Scoring:
    """Points: precision, recall, coverage and the 1-NN test; where they are labelled, modes by the label of the nearest training sample too."""
    setting, few = Setting(data, protocol, protocol.samples), Setting(data, protocol, min(FEW, protocol.samples))
    reasons = {name: why for name in MODES if (why := available.unavailable(setting, name)) is not None}
    counted = [name for name in MODES if name not in reasons]
    reasons |= {name: why for name in PAIRS if (why := available.unavailable(few, name)) is not None}
    paired = [name for name in PAIRS if name not in reasons]

    def evaluate(samples: Tensor) -> dict[str, Tensor]:
        return measure(setting, samples, counted)[0] | measure(few, samples, paired)[0]

    return Scoring(evaluate, reasons)


def _nothing(sentence: str) -> Scoring:
    return Scoring(lambda samples: {}, dict.fromkeys(("modes", "high_quality", "reverse_kl"), sentence))


def awaits_judge(data: toy_data.Data) -> bool:
    """Whether these are images whose judge is not trained yet, and would take minutes."""
    return isinstance(data, toy_data.Images) and len(data.train.labels) > QUICK and judge.cached(data) is None


def _judged(data: toy_data.Images, protocol: Protocol, progress: judge.Progress | None) -> Scoring:
    """Modes by the judge's argmax (per channel for stacks), where every image counts, and the FID of its features."""
    if awaits_judge(data):
        return _nothing(
            f"the modes of '{data.name}' are counted by a classifier that is not trained yet; train it once (minutes) with: "
            f"zoo judge --data {shlex.quote(data.source or data.name)}"
        )
    setting = Setting(data, protocol, protocol.samples, progress=progress)
    referee = setting.judge
    assert referee is not None

    def of_one(samples: Tensor) -> dict[str, Tensor]:
        subject = Subject(setting, samples)
        scores = coverage_of(*subject.assigned, data.weights.to(samples.device), protocol)
        del scores["high_quality"]
        return scores | {"fid": two_samples.frechet(setting.points(subject), setting.train_points)}

    def evaluate(samples: Tensor) -> dict[str, Tensor]:
        scores = [of_one(of_a_seed[None]) for of_a_seed in samples]  # one by one: what the judge makes is large
        return {name: torch.cat([of_a_seed[name] for of_a_seed in scores]) for name in scores[0]}

    sentence = "a judge gives every image a class, so there is no high-quality share; the FID of its features stands for quality."
    why = {"high_quality": sentence}
    return Scoring(evaluate, why, judge={"accuracy": referee.accuracy, "tested_on": referee.tested_on})


def reference(data: toy_data.Data, scoring: Scoring, protocol: Protocol) -> dict[str, dict[str, float]]:
    """What the data itself, a collapsed sampler and noise score under the same protocol."""
    from baselines.samplers import REFERENCE

    found = {}
    for name, sampler in REFERENCE.items():
        scores = scoring.evaluate(sampler(data, protocol.samples)[None])
        if scores:
            found[name] = {k: float(v[0]) for k, v in scores.items()}
    return found
