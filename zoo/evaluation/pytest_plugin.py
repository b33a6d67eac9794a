"""For pytest: an assertion on a generator's mode coverage, and tests over several seeds that show their spread.

    def test_my_gan_covers_the_grid(mode_coverage):
        mode_coverage(my_sampler, data="grid", at_least=0.9)

    @pytest.mark.seeds(8)
    def test_training(seed, spread, mode_coverage):
        gan = train(seed)
        spread("loss", gan.loss)
        mode_coverage(gan, data="ring", at_least=0.8)

A test marked ``seeds`` runs once for each of its seeds; nothing is retried, every failing seed fails, and the end of the session says how
many passed, and how far modes, high-quality shares and recorded numbers spread. Loading this plugin imports no torch.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from zoo.evaluation.checks import Coverage

Spread: TypeAlias = Callable[[str, float], None]
SEED, VALUE = "zoo seed", "zoo value"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", "seeds(n or list): run with each of these as the fixture 'seed'; retries nothing, reports the spread"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each seed of the marker; one that is marked wrongly is left for ``pytest_runtest_setup`` to refuse."""
    marker = metafunc.definition.get_closest_marker("seeds")
    if marker is not None and not _wrong(marker, metafunc.fixturenames):
        seeds = _seeds(marker)
        metafunc.parametrize("seed", seeds, ids=[f"seed{s}" for s in seeds])


def _seeds(marker: pytest.Mark) -> Sequence[Any]:
    """The seeds that a marker names; none where it names no seeds."""
    wanted = marker.args[0] if len(marker.args) == 1 else None
    seeds = range(wanted) if type(wanted) is int else wanted
    return seeds if isinstance(seeds, list | tuple | range) else ()


def _wrong(marker: pytest.Mark, arguments: Sequence[str]) -> str:
    """What is wrong with a marker of a test that takes these arguments, or nothing."""
    if "seed" not in arguments:
        return "The test is marked 'seeds' and takes no argument 'seed'."
    return "" if _seeds(marker) else "The marker reads seeds(8), or seeds([3, 5])."


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a test that is marked wrongly, and only that one."""
    marker = item.get_closest_marker("seeds")
    if marker is not None and (told := _wrong(marker, getattr(item, "fixturenames", ()))):
        pytest.fail(told, pytrace=False)


@pytest.fixture
def mode_coverage(request: pytest.FixtureRequest, spread: Spread) -> Callable[..., Coverage]:
    """``mode_coverage(samples_or_sampler, data="grid", at_least=0.9, confidence=0.95)``: see ``zoo.evaluation.checks``.

    In a test marked ``seeds`` what is found is recorded before it is judged, since a spread over those that passed would flatter.
    """
    from zoo.evaluation.checks import mode_coverage as check

    def record(found: Coverage) -> None:
        for name, values in (("modes", found.modes), ("high-quality share", found.high_quality)):
            if not math.isnan(mean := sum(values) / len(values)):
                spread(name, mean)

    return partial(check, heard=record) if request.node.get_closest_marker("seeds") else check


@pytest.fixture
def spread(request: pytest.FixtureRequest) -> Spread:
    """``spread(name, value)`` records a number of this seed, for the summary at the end; of several under one name the last."""

    def record(name: str, value: float) -> None:
        request.node.user_properties.append((VALUE, [name, float(value)]))

    return record


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """Name the test and the seed in its report, which crosses from xdist's workers."""
    if item.get_closest_marker("seeds") and call.when == "setup" and (parameters := getattr(item, "callspec", None)):
        others = [f"{k}={v}" for k, v in parameters.params.items() if k != "seed"]
        name = item.nodeid.split("[")[0] + (f"[{', '.join(others)}]" if others else "")
        item.user_properties.append((SEED, [name, str(parameters.params["seed"])]))
    yield


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many seeds of each test passed, and the spread of what they recorded."""
    found: dict[str, dict[str, tuple[bool, dict[str, float]]]] = defaultdict(dict)
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            properties = getattr(report, "user_properties", [])
            told = next((v for k, v in properties if k == SEED), None)
            if told is None or not (outcome in ("failed", "error") or (outcome == "passed" and report.when == "call")):
                continue
            name, seed = told
            held, values = found[name].get(seed, (True, {}))  # an error of its teardown is a second report of a seed
            recorded = {key: number for k, (key, number) in properties if k == VALUE}
            found[name][seed] = held and outcome == "passed", values | recorded
    if not found:
        return
    terminalreporter.section("seeds")
    for name, seeds in sorted(found.items()):
        lost = sorted((seed for seed, (held, _) in seeds.items() if not held), key=lambda s: (len(s), s))
        told = f"; failed: {', '.join(lost)}" if lost else ""
        terminalreporter.line(f"{name}: {len(seeds) - len(lost)} of {len(seeds)} seeds passed{told}")
        numbers: dict[str, list[float]] = defaultdict(list)
        for key, number in (value for _, values in seeds.values() for value in values.items()):
            numbers[key].append(number)
        for key, of_all in numbers.items():
            terminalreporter.line(f"  {key}: {_spread(of_all, len(seeds))}")


def _spread(numbers: list[float], ran: int) -> str:
    """Mean, interval and range of the recorded numbers, and of how many of the seeds that ran."""
    from zoo.statistics import FEW, summarise

    s = summarise(numbers)
    interval = f", 95 % interval {s.ci95[0]:.3g} to {s.ci95[1]:.3g}" if s.n >= FEW else ""
    seeds = f"{ran} seeds" if s.n == ran else f"the {s.n} of {ran} seeds that recorded it"
    return f"mean {s.mean:.3g}{interval}, from {min(numbers):.3g} to {max(numbers):.3g} over {seeds}"
