"""Pictures: what is drawn is what counts, nothing lies on anything else, and tiny data warn of nothing."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, LineCollection

import toy_data
from zoo.looking import plots
from zoo.looking.plots import plt


@pytest.mark.parametrize(("name", "ticks"), [("ring", 4 * 8), ("grid100", 4 * 100), ("ring-d2gan", 0)])
def test_circles_hold_three_standard_deviations_and_no_more(name: str, ticks: int) -> None:
    data = toy_data.load(name)
    figure, axis = plt.subplots()
    plots.draw(axis, data.sample(100).numpy(), data)
    circles = next(c for c in axis.collections if isinstance(c, EllipseCollection))
    sigma = float(data.covariances[0, 0, 0]) ** 0.5
    assert circles.get_widths() == pytest.approx(np.full(data.modes, 6 * sigma))
    assert circles.get_offsets() == pytest.approx(data.centres.numpy())
    pointers = next(c for c in axis.collections if isinstance(c, LineCollection))
    assert len(pointers.get_segments()) == ticks
    for segment in pointers.get_segments():  # none may be taken for the edge
        assert np.hypot(*(segment[:, None] - data.centres.numpy()).transpose(2, 0, 1)).min() > 3.5 * sigma
    plt.close(figure)
