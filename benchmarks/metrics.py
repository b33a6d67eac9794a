"""The metrics' own figures: do they order degrees of collapse and of scatter, and what do they cost? Written up in benchmarks/metrics.md.

python -m benchmarks.metrics collapse --data ring     # 20 draws of 100, 90, 70, 50, 30, 10 % of the modes
python -m benchmarks.metrics scatter --data ring      # 20 draws of which 100, 90, 70, 50, 30, 10 % are no noise
python -m benchmarks.metrics cheap                    # all cheap metrics, 16 seeds x 2500 2-D samples
python -m benchmarks.metrics pairs                    # 1-NN, precision and recall, 10,000 x 10,000 in 64-D
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

import toy_data
from baselines.samplers import noise
from zoo.evaluation.available import unavailable
from zoo.evaluation.evaluate import default_protocol, measure
from zoo.evaluation.judge import Judge, Predictions
from zoo.evaluation.setting import Setting
from zoo.metrics import neighbours, spec

KEPT = (1.0, 0.9, 0.7, 0.5, 0.3, 0.1)


def of_modes(data: toy_data.Data, kept: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Samples ``[n, *shape]`` of some modes only, by rejection in small draws."""
    parts: list[Tensor] = []
    while sum(map(len, parts)) < n:
        x, y = data.sample_labelled(2048, generator)
        parts.append(x[torch.isin(y, kept)])
    return torch.cat(parts)[:n]


def collapsing(data: toy_data.Data, n: int, generator: torch.Generator) -> Tensor:
    """Six samplers ``[6, n, *shape]`` that keep fewer and fewer of the modes, in a shuffled order, and are perfect on what they keep.

    Degrees that keep equally many modes (a ring's 100 and 90 % are 8 and 7; 30 and 10 % are 2 and 1) are all different.
    """
    k = data.modes or 0
    keep = [max(1, round(share * k)) for share in KEPT]
    assert len(set(keep)) == len(keep), keep
    order = torch.randperm(k, generator=generator)
    return torch.stack([of_modes(data, order[:m], n, generator) for m in keep])


def scattering(data: toy_data.Data, n: int, generator: torch.Generator) -> Tensor:
    """Six samplers ``[6, n, *shape]`` of which a smaller and smaller share is perfect, the rest uniform noise over the data's box."""
    good = [round(share * n) for share in KEPT]
    return torch.stack([torch.cat([data.sample(m, generator), noise(data, n - m, generator)]) for m in good])


DEGREES: dict[str, Callable[[toy_data.Data, int, torch.Generator], Tensor]] = {
    "collapse": collapsing,
    "scatter": scattering,
}


class Remembering:
    """The judge of a data set, asked once about every training image: samples here are made of those."""

    def __init__(self, data: toy_data.Images, judge: Judge) -> None:
        self.modes, self.accuracy = judge.classes, judge.accuracy
        images = data.train.gather(torch.arange(len(data.train)))[:, None]
        verdicts = judge(images[None])
        self.features, self.probabilities = verdicts.features[0], verdicts.probabilities[0, :, 0]
        self.rows = {image: i for i, image in enumerate(self._bytes(images))}

    def _bytes(self, images: Tensor) -> list[bytes]:
        pixels = ((images + 1) * 127.5).round().to(torch.uint8).flatten(1).numpy()
        return [image.tobytes() for image in pixels]

    def __call__(self, images: Tensor) -> Predictions:
        s, n, c = images.shape[:3]
        rows = torch.tensor([self.rows[image] for image in self._bytes(images.flatten(0, 2))]).view(s, n, c)
        probabilities = self.probabilities[rows]
        place = self.modes ** torch.arange(c - 1, -1, -1)
        return Predictions((probabilities.argmax(-1) * place).sum(-1), probabilities, self.features[rows].flatten(2))


def ranking(what: str, name: str, n: int, draws: int, root: str | None, metrics: Sequence[str]) -> dict[str, int]:
    """In how many draws each metric orders the six degrees (``DEGREES``) right: strictly worse with every step."""
    data = toy_data.load(name, root)
    setting = Setting(data, default_protocol(data), n)
    names = [m for m in metrics if unavailable(setting, m) is None]
    if isinstance(data, toy_data.Images) and setting.judge is not None:
        setting.judge = Remembering(data, setting.judge)
    right = dict.fromkeys(names, 0)
    for draw in range(draws):
        samples = DEGREES[what](data, n, torch.Generator().manual_seed(1000 + draw))
        values, _ = measure(setting, samples, names)
        for metric in names:
            right[metric] += ordered(metric, values[metric])
        print(json.dumps({"draw": draw, "right": right}), flush=True)
    return right


def ordered(metric: str, values: Tensor) -> bool:
    """Whether ``values [6]`` get strictly worse, by the metric's declared direction."""
    return bool((spec.get(metric).goodness(values).diff() < 0).all())


def cheap() -> dict[str, float]:
    """Seconds of every metric that is on unasked and needs no judge: 16 seeds x 2500 samples of the ring."""
    data = toy_data.load("ring")
    g = torch.Generator().manual_seed(0)
    samples = torch.stack([data.sample(2500, g) for _ in range(16)])
    wanted = [m.name for m in spec.METRICS if m.default]
    setting = Setting(data, default_protocol(data), 2500)
    names = [m for m in wanted if unavailable(setting, m) is None]
    measure(setting, samples[:1, :200], names)  # imports
    wall, cpu = time.perf_counter(), time.process_time()
    _, seconds = measure(setting, samples, names)
    total = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "threads": torch.get_num_threads()}
    return {name: round(s, 4) for name, s in (total | seconds).items()}


def pairs() -> dict[str, float]:
    """Seconds and peak memory of 1-NN and of precision, recall, density and coverage at 10,000 x 10,000 in 64-D."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(1, 10_000, 64, generator=g), torch.randn(10_000, 64, generator=g)
    found: dict[str, float] = {"threads": torch.get_num_threads()}
    for name, metric in {"one_nn": neighbours.one_nn, "prdc": neighbours.prdc}.items():
        wall, cpu = time.perf_counter(), time.process_time()
        metric(x, y)
        found[f"{name} wall"], found[f"{name} cpu"] = time.perf_counter() - wall, time.process_time() - cpu
    found["peak GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {name: round(v, 3) for name, v in found.items()}


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=(*DEGREES, "cheap", "pairs"))
    parser.add_argument("--data", default="ring")
    parser.add_argument("--data-root")
    parser.add_argument("-n", type=int, default=2500)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--metrics", default="", help="comma-separated; by default all but kde, ais and those of time")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    if a.what in DEGREES:
        every = [m.name for m in spec.METRICS if not m.needs or m.needs in (("modes",), ("classifier",))]
        chosen = a.metrics.split(",") if a.metrics else [m for m in every if m != "kde"]
        print(json.dumps(ranking(a.what, a.data, a.n, a.draws, a.data_root, chosen), indent=1))
    else:
        print(json.dumps(cheap() if a.what == "cheap" else pairs(), indent=1))


if __name__ == "__main__":
    main()
