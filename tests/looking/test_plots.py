"""Pictures: what is drawn is what counts, nothing lies on anything else, and tiny data warn of nothing."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.collections import EllipseCollection, LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

import toy_data
from toy_data.mixtures import Mixture
from zoo.looking import plots, plots_losses, plots_report
from zoo.looking.plots import plt
from zoo.runs import pictures


@pytest.mark.parametrize(("name", "ticks"), [("ring", 4 * 8), ("grid100", 4 * 100), ("ring-d2gan", 0)])
def test_circles_hold_three_standard_deviations_and_no_more(name: str, ticks: int) -> None:
    data = toy_data.load(name)
    assert isinstance(data, Mixture)
    figure, axis = plt.subplots()
    plots.draw(axis, data.sample(100).numpy(), data)
    circles = next(c for c in axis.collections if isinstance(c, EllipseCollection))
    sigma = float(data.covariances[0, 0, 0]) ** 0.5
    assert circles.get_widths() == pytest.approx(np.full(len(data.centres), 6 * sigma))
    assert circles.get_offsets() == pytest.approx(data.centres.numpy())
    pointers = next(c for c in axis.collections if isinstance(c, LineCollection))
    assert len(pointers.get_segments()) == ticks
    for segment in pointers.get_segments():  # none may be taken for the edge
        assert np.hypot(*(segment[:, None] - data.centres.numpy()).transpose(2, 0, 1)).min() > 3.5 * sigma
    plt.close(figure)


def test_modes_that_are_no_discs_are_marked_where_their_samples_lie(tmp_path: Path) -> None:
    """What is inside an ellipse is within three sigmas as the metrics count them, whichever way it lies."""
    turned = [[0.5, 0.4], [0.4, 0.5]]
    np.savez(
        tmp_path / "own.npz", centres=[[0, 0], [9, 0], [0, 9]], covariances=[np.diag([0.09, 1]), np.eye(2), turned]
    )
    data = toy_data.load(str(tmp_path / "own.npz"))
    assert isinstance(data, Mixture)
    samples = data.sample(2000)
    figure, axis = plt.subplots()
    plots.draw(axis, samples.numpy(), data)
    (marks,) = (c for c in axis.collections if isinstance(c, EllipseCollection))
    figure.canvas.draw()
    shapes = zip(
        marks.get_widths(), marks.get_heights(), np.radians(marks.get_angles()), marks.get_offsets(), strict=True
    )
    inside = np.zeros(len(samples), dtype=bool)
    for width, height, angle, centre in shapes:
        x, y = (samples.numpy() - centre).T
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        inside |= (2 * along / width) ** 2 + (2 * across / height) ** 2 < 1
    assert (inside == (data.mahalanobis(samples).min(1).values < 3).numpy()).all()
    plt.close(figure)


def test_points_without_known_modes_stand_over_the_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = toy_data.Points("own", torch.from_numpy(rng.normal((5, -3, 900), (1, 2, 300), (400, 3))))
    figure, axis = plt.subplots()
    plots.draw(axis, np.full((50, 3), 5.0), data)
    behind, samples = (c for c in axis.collections if isinstance(c, PathCollection))
    if len(samples.get_offsets()) != 50:
        behind, samples = samples, behind
    assert behind.get_zorder() < samples.get_zorder()
    known = {tuple(row) for row in data.samples[:, :2].tolist()}
    assert {tuple(row) for row in np.asarray(behind.get_offsets(), dtype=np.float32).tolist()} <= known
    low, high = axis.get_xlim()
    assert high - low < 30  # what is not drawn does not set the scale
    plt.close(figure)


def test_a_title_says_which_coordinates_are_drawn(drawn: list[Figure], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = toy_data.Points("own", torch.from_numpy(rng.normal(size=(400, 64))))
    plots.samples_figure(rng.normal(size=(1, 50, 64)), data, [0], tmp_path / "a.png", title="ns on own")
    plots.strip_figure(rng.normal(size=(2, 50, 64)), [1, 2], data, tmp_path / "b.png", title="ns on own")
    for figure in drawn:
        assert figure.get_suptitle().replace("\n", " ") == "ns on own (first two of 64 coordinates)"
    assert plots.plane(toy_data.load("ring")) == ""
    assert plots.plane(toy_data.load("digits")) == ""


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved, kept open to be asked about."""
    kept: list[Figure] = []
    for module in (plots, plots_losses):
        monkeypatch.setattr(module, "save", lambda figure, path: kept.append(figure))
    monkeypatch.setattr(plots_report, "png", lambda figure, **how: bytes(kept.append(figure) or 0))
    return kept


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that lie on one another, as they are drawn."""
    figure.canvas.draw()
    pen = figure.canvas.get_renderer()
    ticks = [t for axis in figure.axes for side in (axis.xaxis, axis.yaxis) for t in side.get_major_ticks()]
    aside = {id(label) for t in ticks for label in (t.label1, t.label2)}  # some of them stand outside what is drawn
    told = [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text().strip() and id(t) not in aside]
    boxes = [(t.get_text(), t.get_window_extent(pen)) for t in told]
    return [(a, b) for i, (a, x) in enumerate(boxes) for b, y in boxes[:i] if x.overlaps(y)]


def rows_of(seeds: int, rounds: Sequence[int], *, accuracies: bool) -> list[dict[str, float]]:
    told = dict.fromkeys((f"diagnostic/{name}" for name in plots_losses.ACCURACY), 0.5) if accuracies else {}
    measured = {"modes": 3.0, "high_quality": 0.4, "loss/D": 1.3, "loss/G": 0.7}
    return [{"seed": s, "round": r, **measured, **told} for r in rounds for s in range(seeds)]


@pytest.mark.parametrize("seeds", [1, 8])
@pytest.mark.parametrize("accuracies", [False, True])
@pytest.mark.parametrize("rounds", [[150], [100, 200, 300]])
def test_losses_say_what_they_are_of_and_nothing_overlaps(
    drawn: list[Figure], seeds: int, accuracies: bool, rounds: list[int]
) -> None:
    levels = {"D": 2 * math.log(2), "G": math.log(2)}
    rows, title = (
        rows_of(seeds, rounds, accuracies=accuracies),
        f"r3gan gamma=1 gamma_end=0.1 burn_in=0 on grid, {seeds} seeds",
    )
    plots_losses.losses_figure(rows, ["D", "G"], io.BytesIO(), modes=8, equilibrium=levels, title=title)
    (figure,) = drawn
    told = " ".join(figure.get_suptitle().split())
    assert told == (f"{title}; thick: median" if seeds > 1 else title)
    assert overlapping(figure) == []
    losses = figure.axes[0]
    names = {t.get_text(): t for t in losses.texts}
    assert set(names) == {"log 2", "2 log 2"}
    right = losses.get_window_extent().x1
    assert all(t.get_window_extent().x0 > right for t in names.values())
    legend = losses.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y1 < losses.get_window_extent().y0
    curves = [line for line in losses.lines if line.get_label() == "D"]
    assert (curves[0].get_marker() == "o") == (len(rounds) == 1)
    plt.close(figure)


@pytest.mark.parametrize(("seeds", "rounds", "bands"), [(3, 2, 0), (4, 2, 4), (4, 1, 0)])
def test_how_d_judges_many_seeds_is_a_band_from_the_lowest_to_the_highest(
    drawn: list[Figure], seeds: int, rounds: int, bands: int
) -> None:
    rows = rows_of(seeds, range(1, rounds + 1), accuracies=True)
    rows = [row | {"diagnostic/real_accuracy": 0.2 * row["seed"]} for row in rows]
    rows[-1]["diagnostic/real_accuracy"] = math.nan  # it diverged
    plots_losses.losses_figure(rows, ["D", "G"], io.BytesIO())
    losses, judged = drawn[0].axes[:2]
    assert [len(axis.collections) for axis in (losses, judged)] == [0, bands]
    assert ("bands: all seeds" in judged.get_title()) == bool(bands)
    if bands:
        heights = judged.collections[0].get_paths()[0].vertices
        assert {(x, y) for x, y in heights.round(6)} == {(1, 0), (1, 0.6), (2, 0), (2, 0.4)}
        assert len([line for line in judged.lines if line.get_label() in plots_losses.ACCURACY.values()]) == 4
    plt.close(drawn[0])


@pytest.mark.parametrize(("accuracies", "told"), [(False, 1), (False, 2), (True, 1), (True, 2), (False, 0)])
def test_losses_leave_no_empty_panel(drawn: list[Figure], accuracies: bool, told: int) -> None:
    rows = rows_of(2, [1, 2], accuracies=accuracies)
    for name in ("modes", "high_quality")[told:]:
        rows = [{k: v for k, v in row.items() if k != name} for row in rows]
    plots_losses.losses_figure(rows, ["D", "G"], io.BytesIO())
    assert [axis.axison for axis in drawn[0].axes] == [True] * (1 + accuracies + told)
    plt.close(drawn[0])


def test_few_dots_are_seen_and_many_hide_nothing() -> None:
    data, found = toy_data.load("ring"), {}
    for n in (25, 512, 2500):
        figure, axis = plt.subplots()
        plots.draw(axis, data.sample(n).numpy(), data)
        (cloud,) = (c for c in axis.collections if isinstance(c, PathCollection))
        found[n] = cloud.get_sizes()[0], cloud.get_alpha()
        plt.close(figure)
    assert found[25][0] > 4 * found[2500][0]
    assert found[25][1] > 2 * found[2500][1]
    assert found[512] == found[2500]


def test_a_walk_is_a_line_with_two_ends(drawn: list[Figure]) -> None:
    data = toy_data.load("ring")
    walk = data.sample(10).numpy()
    plots.walk_figure(walk, data, io.BytesIO(), title="ns on ring")
    (axis,) = drawn[0].axes
    line, start, end = axis.lines
    np.testing.assert_array_equal(line.get_xydata(), walk)
    np.testing.assert_array_equal([start.get_xydata()[0], end.get_xydata()[0]], walk[[0, -1]])
    assert start.get_marker() != end.get_marker()
    assert [t.get_text() for t in axis.get_legend().get_texts()] == ["start", "end"]
    plt.close(drawn[0])


@pytest.mark.parametrize("runs", [1, 8, 20])
def test_every_run_has_a_look_and_a_name_of_its_own(drawn: list[Figure], runs: int) -> None:
    """Also of those whose medians coincide."""
    seeds = np.full(4, 0.5)
    points = {f"{LONG} b1={i}": (seeds, seeds * 8) for i in range(runs)}
    plots_report.trade(points, ("quality", "modes"), {"data": (0.99, 8), "collapsed": (0.99, 1)})
    (axis,) = drawn[0].axes
    medians = [line for line in axis.lines if line.get_marker() != "x"]
    assert len({(line.get_marker(), line.get_markeredgecolor()) for line in medians}) == runs
    assert len({t.get_text() for t in axis.get_legend().get_texts()}) == runs
    assert overlapping(drawn[0]) == []
    plt.close(drawn[0])


def test_levels_that_lie_close_together_can_both_be_read(drawn: list[Figure]) -> None:
    rows = [row | {"loss/G": 90.0} for row in rows_of(2, [1, 2], accuracies=False)]
    plots_losses.losses_figure(rows, ["D", "G"], io.BytesIO(), equilibrium={"D": 1.39, "G": 0.69})
    assert overlapping(drawn[0]) == []
    plt.close(drawn[0])


@pytest.mark.parametrize("seeds", [1, 2, 8, 16, 17])
def test_captions_of_samples_stand_beside_one_another(drawn: list[Figure], seeds: int) -> None:
    data = toy_data.load("grid100")
    cloud = data.sample(50).numpy()[None].repeat(seeds, 0)
    title = "r3gan gamma=1 gamma_end=0.1 burn_in=0 on grid100, after 150,000 rounds"
    captions = ["100 of 100 modes, 100 % high quality"] * seeds
    plots.samples_figure(cloud, data, list(range(seeds)), io.BytesIO(), title=title, captions=captions)
    assert overlapping(drawn[0]) == []
    assert ("the first 16 of 17 seeds" in " ".join(drawn[0].get_suptitle().split())) == (seeds > 16)
    plt.close(drawn[0])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(1, 2), (1, 1), (1, 3)])
def test_data_of_one_sample_warn_of_nothing(tmp_path: Path, shape: tuple[int, int]) -> None:
    np.savez(tmp_path / "one.npz", samples=np.ones(shape, dtype="f4"))
    data = toy_data.load(str(tmp_path / "one.npz"))
    plots.samples_figure(np.ones((1, 5, shape[1])), data, [0], tmp_path / "samples.png")
    plots_losses.losses_figure([{"seed": 0, "round": 1, "modes": 0, "loss/D": 1.0}], ["D"], tmp_path / "losses.png")


@pytest.mark.parametrize("name", ["gmm1d", "ring"])
def test_a_picture_that_is_drawn_again_is_the_same(name: str) -> None:
    """On a line too, where the axis goes by samples of the data: the frames of a film would else each have their own."""
    data = toy_data.load(name)
    history = data.sample(300).numpy()[None]
    first, second = (plots_report.density_grid({"ns": ([1], history)}, data) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("channels", "colour"), [(1, [1, 1, 1]), (2, [1, 1, 0]), (3, [1, 1, 1]), (4, [1, 1, 1])])
def test_images_of_any_number_of_channels_are_drawn(channels: int, colour: list[int]) -> None:
    """A stack of two digits too."""
    sheet = plots.tile(np.ones((3, channels, 8, 8)), 2)
    assert sheet.shape == (17, 17, 3)
    assert sheet[4, 4].tolist() == colour
    assert sheet[8].min() == 1  # white between them


def test_a_caption_says_of_how_many() -> None:
    assert pictures.caption({"modes": 1.0, "high_quality": 0.234}, 8) == "1 of 8 modes, 23 % high quality"
    assert pictures.caption({"modes": 990.0}, 1000) == "990 of 1000 modes"
    assert pictures.caption({"recall": 0.5, "precision": 1.0}, None) == "recall 0.50, precision 1.00"


LONG = "self-conditioned n=8 weight=0.25 every=500 warm_up=1000"


@pytest.mark.parametrize("runs", [1, 4, 12])
def test_long_names_of_runs_are_wrapped_and_lie_on_nothing(drawn: list[Figure], runs: int) -> None:
    names, flat = [f"{LONG} b1={i}" for i in range(runs)], np.linspace(0, 1, 3)
    plots_report.curves(dict.fromkeys(names, (flat, flat, flat, flat)), "modes", 1, {})
    plots_report.strips(dict.fromkeys(names, flat), dict.fromkeys(names, (0.5, 0.2, 0.8)), "modes", {})
    history = ([1, 2, 3], np.zeros((3, 20, 2), dtype="f4"))
    plots_report.density_grid(dict.fromkeys(names, history), toy_data.load("ring"))
    assert [overlapping(figure) for figure in drawn] == [[]] * 3
    assert all(len(line) <= 32 for figure in drawn for t in figure.findobj(Text) for line in t.get_text().splitlines())
    for figure in drawn:
        plt.close(figure)


@pytest.mark.parametrize(("runs", "columns"), [(3, 3), (5, 3), (8, 4), (9, 3)])
def test_panels_fill_their_rows_and_every_column_has_its_rounds(drawn: list[Figure], runs: int, columns: int) -> None:
    flat = np.linspace(0, 1, 3)
    plots_report.curves({f"run {i}": (flat, flat, flat, flat) for i in range(runs)}, "modes", 1, {})
    (figure,) = drawn
    panels = [axis for axis in figure.axes if axis.axison]
    labelled = [i for i, axis in enumerate(panels) if any(t.get_visible() for t in axis.get_xticklabels())]
    assert (len(panels), labelled) == (runs, list(range(runs - columns, runs)))
    plt.close(figure)


def test_an_evaluation_is_drawn_once(drawn: list[Figure]) -> None:
    few, many = ([100], np.zeros((1, 9, 2))), (list(range(20)), np.zeros((20, 9, 2)))
    plots_report.density_grid({"few": few, "many": many}, toy_data.load("ring"))
    titles = [axis.get_title() for axis in drawn[0].axes]
    assert titles[:2] == ["100", "data"]
    assert len(titles) == 2 + 7
    places = [round(axis.get_position().x0, 6) for axis in drawn[0].axes]
    assert places[:2] == places[-2:]  # both runs end beside the data
    plt.close(drawn[0])
