"""Metrics of nearest neighbours, for all seeds at once in bounded memory: 1-NN test, precision, recall, density,
coverage.

``samples [S, N, *shape]`` against ``real [M, *shape]``. A seed with NaN or infinite samples gets NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.metrics.distances import Neighbourhood, flattened


def per_seed(
    samples: Tensor, of_one: Callable[[Tensor], dict[str, Tensor]], names: tuple[str, ...]
) -> dict[str, Tensor]:
    """Apply a metric to each seed ``[N, d]``; NaN where a seed holds anything that is not finite."""
    rows = [of_one(x) if x.isfinite().all() else {n: x.new_tensor(torch.nan) for n in names} for x in samples]
    return {n: torch.stack([row[n].double() for row in rows]) for n in names}


def one_nn(samples: Tensor, real: Tensor) -> dict[str, Tensor]:
    """Leave-one-out accuracy of the 1-nearest-neighbour classifier on the union (Xu et al. 2018, arXiv:1806.07755,
    2.2).

    ``one_nn_real`` is the share of the data whose nearest neighbour is data, ``one_nn_fake`` of the samples whose
    nearest is a sample, ``one_nn`` their mean: .5 for one distribution, 1 for disjoint ones, 0 for copies. Ties count
    half. The two sides are cut to one size: the first min(N, M) of each.
    """
    x, y = flattened(samples, real)
    n = min(x.shape[1], len(y))
    x, y = x[:, :n], y[:n]
    data = Neighbourhood(y)
    among_real = data.distances(y, same=True)

    def of_one(fake: Tensor) -> dict[str, Tensor]:
        made = Neighbourhood(fake)
        among_fake = made.distances(fake, same=True)
        to_fake, to_real = made.distances(y), data.distances(fake)
        real_side, fake_side = _first(among_real, to_fake), _first(among_fake, to_real)
        return {"one_nn": (real_side + fake_side) / 2, "one_nn_real": real_side, "one_nn_fake": fake_side}

    return per_seed(x, of_one, ("one_nn", "one_nn_real", "one_nn_fake"))


def labels_of(samples: Tensor, known: Neighbourhood, labels: Tensor) -> Tensor:
    """The 1-nearest-neighbour classifier: ``samples [S, N, d]`` -> ``[S, N]``, each the label ``[M]`` of the known point ``[M, d]`` nearest to
    it; -1 for NaN and infinite samples."""
    x = samples.flatten(0, 1).to(known.points.dtype)
    finite = x.isfinite().all(-1)
    found = labels[known.nearest(torch.where(finite[:, None], x, 0.0))]
    return torch.where(finite, found, -1).view(samples.shape[:2])


def _first(own: Tensor, other: Tensor) -> Tensor:
    return ((own < other).double() + 0.5 * (own == other)).mean()


def prdc(samples: Tensor, real: Tensor, k: int = 5) -> dict[str, Tensor]:
    """Precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991), density and coverage (Naeem et al. 2020,
    arXiv:2002.09797), with B(p) the open ball around p that reaches its k-th neighbour among its own kind:

        precision = mean_j 1[x_j in some B(y_i)]       recall   = mean_i 1[y_i in some B(x_j)]
        density   = sum_ij 1[x_j in B(y_i)] / k N      coverage = mean_i 1[B(y_i) holds some x_j]
    """
    x, y = flattened(samples, real)
    data = Neighbourhood(y)
    reach = data.distances(y, k, same=True)

    def of_one(fake: Tensor) -> dict[str, Tensor]:
        made = Neighbourhood(fake)
        inside, covered = made.balls(y, reach)
        recalled, _ = data.balls(fake, made.distances(fake, k, same=True))
        return {
            "precision": (inside > 0).double().mean(),
            "recall": (recalled > 0).double().mean(),
            "density": inside.double().mean() / k,
            "coverage": covered.double().mean(),
        }

    return per_seed(x, of_one, ("precision", "recall", "density", "coverage"))
