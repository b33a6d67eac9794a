"""How collapsed is this? The metrics of `zoo.metrics` on samples of any origin, beside the reference samplers.

    evaluate(samples, toy_data.load("ring"))
    -> {"metrics": {name: number, or list over seeds}, "better": {name: "higher", ...}, "reference": {sampler: {name: number}},
        "protocol": {...}, "seconds": {...}, "unavailable": {name: sentence}, "notes": [...], "judge": {...} or None}

Mixtures assign samples to modes exactly, labelled images through the judge. On images, distances between samples are
distances between the judge's features. Metrics of pairs compare equally many samples and training points.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from toy_data import Data, Images, Mixture, Stacks
from zoo.errors import ZooError, unknown
from zoo.evaluation import available
from zoo.evaluation.available import lacks_modes
from zoo.evaluation.judge import Progress
from zoo.evaluation.setting import Generators, History, Setting, Subject
from zoo.extending import measures
from zoo.metrics import classifier, diversity, likelihood, neighbours, over_time, two_samples
from zoo.metrics.distances import FEW, one_thread
from zoo.metrics.modes import PROTOCOLS, Protocol, closest, count, coverage_of
from zoo.metrics.protocols import radius

Values = dict[str, Tensor]
Calculation: TypeAlias = Callable[[Setting, Subject], Values]


def _modes(setting: Setting, x: Subject) -> Values:
    assert setting.data.weights is not None
    return coverage_of(*x.assigned, setting.data.weights, setting.protocol)


def _birthday(setting: Setting, x: Subject) -> Values:
    if lacks_modes(setting) is None:
        assert setting.data.weights is not None
        modes, high = x.assigned
        return {"birthday": diversity.birthday_of_modes(count(modes, len(setting.data.weights), high))}
    return {"birthday": diversity.birthday_of_samples(setting.points(x), setting.train_points)}


def _scores(setting: Setting, x: Subject) -> Values:
    """Inception and Mode score over the data's classes; of stacks, over the product of the channels' classes: 1000."""
    assert setting.data.weights is not None
    p = x.predictions.probabilities
    return {
        "inception_score": classifier.inception_score(p),
        "mode_score": classifier.mode_score(p, setting.data.weights),
    }


def _ais(setting: Setting, x: Subject) -> Values:
    assert setting.generators is not None
    g = setting.generators
    sigma = g.sigma if g.sigma is not None else 0.1 * float(setting.data.std.mean())
    data = setting.held_out[:32]
    found = [likelihood.ais(decode, data, g.latent, sigma, temperatures=200, chains=8) for decode in g.decoders]
    return {"ais": torch.tensor([float(a.mean()) for a in found], dtype=torch.float64)}


def _inception(setting: Setting, x: Subject) -> Values:
    from zoo.evaluation.inception import inception_fid

    return {"inception_fid": inception_fid(x.samples[:, : len(setting.train)], setting.train)}


def _history(setting: Setting, x: Subject) -> Values:
    assert setting.history is not None
    h = setting.history
    found = {"first_full_coverage": over_time.first_full_coverage(h.modes, h.rounds, setting.data.modes or 0)}
    return found if h.counts is None else found | {"modes_lost": over_time.modes_lost(h.counts)}


def _pairs(metric: Callable[[Tensor, Tensor], Tensor], name: str) -> Calculation:
    return lambda setting, x: {name: metric(setting.points(x), setting.train_points)}


CALCULATIONS: tuple[tuple[tuple[str, ...], Calculation], ...] = (
    (("modes", "high_quality", "reverse_kl", "forward_kl", "js", "chi_square", "effective_modes"), _modes),
    (("mmd",), _pairs(two_samples.mmd, "mmd")),
    (("mmd_poly",), _pairs(two_samples.mmd_poly, "mmd_poly")),
    (("wasserstein1",), _pairs(lambda x, y: two_samples.wasserstein(x, y, 1), "wasserstein1")),
    (("wasserstein2",), _pairs(two_samples.wasserstein, "wasserstein2")),
    (("sliced_wasserstein",), _pairs(two_samples.sliced_wasserstein, "sliced_wasserstein")),
    (("one_nn", "one_nn_real", "one_nn_fake"), lambda s, x: neighbours.one_nn(s.points(x), s.train_points)),
    (("frechet",), _pairs(two_samples.frechet, "frechet")),
    (("precision", "recall", "density", "coverage"), lambda s, x: neighbours.prdc(s.points(x), s.train_points)),
    (("vendi",), _pairs(diversity.vendi, "vendi")),
    (("ndb",), _pairs(diversity.ndb, "ndb")),
    (("birthday",), _birthday),
    (("inception_score", "mode_score"), _scores),
    (("fid",), _pairs(two_samples.frechet, "fid")),
    (("kid",), _pairs(two_samples.mmd_poly, "kid")),
    (("kde",), lambda s, x: {"kde": likelihood.kde(x.samples[:, : len(s.train)], s.held_out)["kde"]}),
    (("ais",), _ais),
    (("inception_fid",), _inception),
    (("first_full_coverage", "modes_lost"), _history),
    (
        ("overfit_one_nn", "overfit_frechet"),
        lambda s, x: over_time.overfit(s.points(x), s.train_points, s.held_out_points),
    ),
)


def default_protocol(data: Data) -> Protocol:
    """The protocol that published numbers on this data use."""
    if isinstance(data, Stacks):
        return PROTOCOLS["stacked-mnist"]
    return PROTOCOLS["cube1200" if data.name == "cube1200" and data.shape == (1200,) else "pacgan"]


def protocol_named(name: str | None, data: Data) -> Protocol:
    """The protocol of that name, or the default one; ``ZooError`` for one that is not there, or is for other data."""
    usual = default_protocol(data)
    if name is None:
        return usual
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    for kind, told, fits in (
        ("stacked-mnist", "images", isinstance(data, Images)),
        ("cube1200", "1,200 dimensions", tuple(data.shape) == (1200,)),
        ("quantile", "a mixture of Gaussians", isinstance(data, Mixture)),
    ):
        if name == kind and not fits:
            raise ZooError(f"The protocol '{name}' is for {told}, which '{data.name}' is not; take '{usual.name}'.")
    if name == "quantile":
        assert isinstance(data, Mixture)
        return replace(PROTOCOLS[name], threshold=radius(data.noisy))
    return PROTOCOLS[name]


def crowded(data: Data, protocol: Protocol) -> list[str]:
    """A sentence where two modes lie nearer together than a sample of high quality may lie from its own: one of them covers both.

    Nearer than 3 sigmas, where the threshold is wider: in many dimensions that is mostly the noise of a mode's own samples.
    """
    if not isinstance(data, Mixture):
        return []
    distance, one, other = closest(data)
    if distance >= (limit := min(protocol.threshold, Protocol.threshold)):
        return []
    told = f"Modes {one} and {other} of '{data.name}' lie {distance:.2g} sigmas apart"
    return [f"{told}, nearer than the {limit:g} of a high-quality sample: a generator of one of them covers both."]


def misses_most(data: Data, protocol: Protocol) -> list[str]:
    """A sentence where the protocol's radius leaves out most of the data itself, as 3 sigmas do in many dimensions.

    Below half of the share that the radius holds in two dimensions, where a narrow one is meant to leave samples out.
    """
    if not isinstance(data, Mixture) or (share := protocol.inside(data.noisy)) >= protocol.inside(2) / 2:
        return []
    told = f"The protocol '{protocol.name}' leaves out most of the data itself: {100 * share:.1f} % of '{data.name}' lies within"
    return [
        f"{told} its {protocol.threshold:g} sigmas of a mode; choose the protocol 'quantile', whose radius grows with the dimensions."
    ]


def measure(setting: Setting, samples: Tensor, names: Sequence[str]) -> tuple[Values, dict[str, float]]:
    """The metrics of ``names`` on ``samples [S, N, *shape]``, and the seconds each took (an equal share of a joint one)."""
    few = samples[0, 0].numel() <= FEW and samples.device.type == "cpu"
    with one_thread() if few else nullcontext():
        return _measure(setting, samples, names)


def _brought() -> Iterator[tuple[tuple[str], Calculation]]:
    for name, metric in measures.metrics()[0].items():
        yield (name,), lambda s, x, name=name, metric=metric: {name: measures.measure(metric, x.samples, s.data)}  # type: ignore[misc]


def _measure(setting: Setting, samples: Tensor, names: Sequence[str]) -> tuple[Values, dict[str, float]]:
    subject, found, seconds = Subject(setting, samples), {}, {}
    for group, compute in (*CALCULATIONS, *_brought()):
        asked = [name for name in group if name in names]
        if not asked:
            continue
        started = time.perf_counter()
        values = compute(setting, subject)
        for name in asked:
            found[name] = values[name]
            seconds[name] = (time.perf_counter() - started) / len(asked)
    return {n: found[n] for n in names}, seconds


def evaluate(
    samples: Tensor,
    data: Data,
    metrics: Sequence[str] | None = None,
    *,
    protocol: Protocol | None = None,
    references: Sequence[str] | None = None,
    generators: Generators | None = None,
    history: History | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Everything `zoo eval` prints, as plain data in the shape above.

    Args:
        samples: ``[S, N, *data.shape]`` (see ``zoo.evaluation.foreign.checked``); a seed with NaN scores NaN where it cannot count.
        metrics: names from ``zoo.metrics.spec``, or of plugins; by default the cheap ones that this data allows. One that is asked for
            by name and impossible raises ``ZooError``; otherwise ``unavailable`` says why.
        references: names from ``baselines.samplers.SAMPLERS``; by default the data, one mode, and noise.
        progress: hears the judge's training, where it has none yet.
    """
    from baselines.samplers import REFERENCE, SAMPLERS

    protocol = protocol or default_protocol(data)
    n = samples.shape[1]
    setting = Setting(data, replace(protocol, samples=n), n, generators, history, progress)
    wanted = available.all_of(metrics)
    reasons = {name: why for name in wanted if (why := available.unavailable(setting, name)) is not None}
    reasons |= {} if metrics else measures.metrics()[1]
    if metrics and reasons:
        name, why = next(iter(reasons.items()))
        raise ZooError(f"{name} cannot be computed: {why}")
    beside = REFERENCE if references is None else references
    for sampler in beside:
        if sampler not in SAMPLERS:
            raise unknown("reference sampler", sampler, SAMPLERS)
    names = [name for name in wanted if name not in reasons]
    values, seconds = measure(setting, samples, names)
    of_samples = [n for n in names if not {"generator", "history"} & available.needs(n)]
    rows = {}
    for sampler in beside:
        scores, _ = measure(setting, SAMPLERS[sampler](data, n)[None], of_samples)
        rows[sampler] = {name: float(v[0]) for name, v in scores.items()}
    notes = crowded(data, protocol) + misses_most(data, protocol)
    if (pairs := len(setting.train)) < n:
        notes.append(
            f"Metrics of pairs (distances, neighbours, FID, KID) compare {pairs:,} samples with as many training points."
        )
    if n != protocol.samples:
        notes.append(
            f"{n:,} samples per seed, where the protocol '{protocol.name}' draws {protocol.samples:,}: modes and divergences"
            " depend on their number."
        )
    return {
        "metrics": {name: v.tolist() if len(samples) > 1 else float(v[0]) for name, v in values.items()},
        "better": {name: available.better(name) for name in values},
        "reference": rows,
        "protocol": setting.protocol.as_dict() | {"seeds": len(samples), "pairs": pairs},
        "seconds": {name: round(s, 4) for name, s in seconds.items()},
        "unavailable": reasons,
        "notes": notes,
        "judge": _about(setting) if isinstance(data, Images) else None,
    }


def _about(setting: Setting) -> dict[str, Any]:
    """How good the judge is, and what real held-out images score with it."""
    assert setting.judge is not None
    names = ["modes", "reverse_kl", "inception_score", "fid"]
    real, _ = measure(setting, setting.held_out[None], names)
    return {
        "accuracy": setting.judge.accuracy,
        "tested_on": setting.judge.tested_on,
        "held_out": {"samples": len(setting.held_out)} | {n: float(v[0]) for n, v in real.items()},
    }
