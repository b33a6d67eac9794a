"""What people look at, in a real browser: the report, MLflow's prepared view of a real sweep, and a run being watched.

Needs Chromium on this machine (Debian's `chromium`) and the package playwright; skipped where one is missing. Screenshots go to the folder
that ZOO_SCREENSHOTS names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.synthetic_runs import write_run
from zoo import tracking
from zoo.looking import server, views, watch_page
from zoo.looking.report import write_report
from zoo.runs import rundir, settings
from zoo.sweeps import grid
from zoo.sweeps.local import Local
from zoo.sweeps.sweep import Sweep
from zoo.sweeps.worker import Status

pytestmark = pytest.mark.browser
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
VARIANTS, DATA, SEEDS = ("ns", "unrolled", "wgan", "r1", "hinge"), ("ring", "grid"), 8
QUICK = {"rounds": (100,), "width": (32,), "batch": (32,), "every": (50,), "lr_g": (0.02,), "lr_d": (0.02,), "k": (1,)}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A fresh browser that keeps its profile in the test's folder and lets no request leave this machine."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as engine:
        context = engine.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        context.set_default_timeout(180_000)
        yield context
        context.close()


def shoot(page: Any, name: str, **options: Any) -> None:
    if folder := os.environ.get("ZOO_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", **options)


def light(colour: str) -> float:
    """How bright a CSS colour is, 0 to 255."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_the_report_is_whole_and_reads_in_every_light_and_width(tmp_path: Path, browser: Any) -> None:
    for variant, modes in (
        ("ns", [2, 3, 1, 2]),
        ("unrolled", [8, 7, 8, 8]),
        ("wgan", [8, 5, 6, 8]),
        ("r1", [4, 5, 4, 6]),
    ):
        options = {"k": 5, "weight": 0.25, "every_so_many_rounds": 1000} if variant == "unrolled" else {}
        write_run(tmp_path / "runs", variant, modes, options=options, judged=2, diverged=[3])
    address = write_report([tmp_path / "runs"], tmp_path / "report.html").as_uri()
    page, told, asked = browser.new_page(), [], []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    for scheme, width in (("light", 1400), ("dark", 1200), ("light", 390), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address)
        wide = page.evaluate("[...document.images].map(image => image.complete && image.naturalWidth)")
        assert len(wide) == 7
        assert all(w > 100 for w in wide), wide
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width > 390:
            assert page.evaluate("[...document.querySelectorAll('.wide')].every(w => w.scrollWidth <= w.clientWidth)")
        moved = "new DOMMatrix(getComputedStyle(document.querySelector('.film img')).transform).m41"
        frame = page.evaluate("document.querySelector('.film .window').clientWidth")
        page.locator(".film .t2").check()
        assert page.evaluate(moved) == pytest.approx(-2 * frame, abs=2)
        page.locator(".film .t2").press("ArrowRight")
        assert page.evaluate(moved) == pytest.approx(-3 * frame, abs=2)
        ink, paper = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
        assert abs(light(ink) - light(paper)) > 150
        assert (light(ink) > light(paper)) == (scheme == "dark")
        shoot(page, f"report-{scheme}-{width}", full_page=True)
    assert told == []
    assert all(url == address or url.startswith("data:") for url in asked), asked


def test_a_run_can_be_watched_in_the_page(tmp_path: Path, browser: Any) -> None:
    served = watch_page.Page(write_run(tmp_path, "unrolled", [8, 3, 7], options={"k": 5}), 0)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    page, told, asked = browser.new_page(), [], []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(served.address)
    until = time.monotonic() + 120
    while not page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 100)"):
        assert time.monotonic() < until
        page.wait_for_timeout(100)
    assert page.inner_text("#status") == "round 400 of 400, done"
    assert page.inner_text("h1") == page.title() == "unrolled k=5 on ring"
    assert page.locator("#seeds tr").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1100, "height": 900})
    shoot(page, "watch", full_page=True)
    assert told == []
    assert all(url.startswith((served.address, "data:")) for url in asked), asked
    served.shutdown()
    served.server_close()


def test_the_page_goes_on_when_its_server_answers_again(tmp_path: Path, browser: Any) -> None:
    served = watch_page.Page(write_run(tmp_path, "ns", [8, 3]), 0)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    page, asked = browser.new_page(), []

    def silent(route: Any) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route("**/state.json", silent)
    page.goto(served.address)
    page.locator("#status", has_text="trying again").wait_for()
    until = time.monotonic() + 120
    while len(asked) < 3:
        assert time.monotonic() < until
        page.wait_for_timeout(100)
    assert page.inner_text("#status") == "looking for the run (no answer from zoo watch; trying again)"
    page.unroute("**/state.json")
    page.locator("#status", has_text="done").wait_for()
    assert page.inner_text("#status") == "round 400 of 400, done"
    served.shutdown()
    served.server_close()


def bars(page: Any, link: str, metric: str, count: int) -> dict[str, float]:
    """What a bar chart of the prepared view shows, once it has so many bars: method and recipe to value."""
    charts = """metric => [...document.querySelectorAll('[data-testid=experiment-view-compare-runs-card]')]
        .filter(card => card.innerText.startsWith(metric)).flatMap(card => [...card.querySelectorAll('.js-plotly-plot')])
        .flatMap(plot => plot.data).filter(trace => trace.type == 'bar')
        .map(trace => Array.from(trace.y, (name, i) => [name, Number(trace.x[i])]))[0] || []"""
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_function(f"count => ({charts})('{metric}').length >= count", arg=count)
    found = page.evaluate(charts, metric)
    return {re.sub(r"param\.method\.(.*),param\.recipe\..*", r"\1", name): value for name, value in found}


def method(run: rundir.Run) -> str:
    """How a run is called there."""
    return settings.label(run.variant, run.options, run.recipe, run.config["recipe_name"])


@contextmanager
def served(root: Path) -> Iterator[str]:
    """MLflow's server as `zoo ui` starts it: its address."""
    port, quiet = server.free_port(5200), os.environ | server.quiet()
    command = server.command(tracking.uri(root), port)
    process = subprocess.Popen(command, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert server.wait(f"http://127.0.0.1:{port}", process, 300)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def test_the_prepared_view_of_a_real_sweep_shows_every_variant_and_misses_nothing_among_500_seeds(
    tmp_path: Path, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = tmp_path / "runs"
    sweep = Sweep(grid.cells(grid.Grid(VARIANTS, DATA, QUICK, seeds=str(SEEDS))), root, Local("cpu", jobs=2))
    assert [outcome.status for outcome in sweep.run()] == [Status.DONE] * 10
    assert sweep.track() == []
    with served(root) as address:
        page, told = browser.new_page(), dict(server.experiments(root))
        page.set_viewport_size({"width": 1500, "height": 1100})
        page.add_init_script("localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for data in DATA:
            runs = [rundir.read(folder) for folder in rundir.find([root / data])]
            assert sorted(run.variant for run in runs) == sorted(VARIANTS)
            link = views.link(address, told[data])
            for metric in ("modes", "high_quality"):
                expected = {method(run): run.summary["metrics"][metric]["mean"] for run in runs}
                assert bars(page, link, f"final/{metric}", 5) == pytest.approx(expected)
                assert len(set(expected.values())) > 1  # something was learnt, not the same by all
            shoot(page, f"mlflow-{data}")
        page.goto("about:blank")
        page.goto(views.link(address, told["ring"], views.SAMPLES))
        page.wait_for_function("[...document.images].filter(image => image.naturalWidth > 100).length >= 5")
        shoot(page, "mlflow-samples")
        for i in range(10):
            write_run(tmp_path / "more", f"v{i}", [float((i + s) % 9) for s in range(46)], arrays=False)
        for folder in rundir.find([tmp_path / "more"]):
            tracking.log_run(folder, root)
        runs = [rundir.read(folder) for folder in rundir.find([root / "ring", tmp_path / "more"])]
        assert sum(len(run.seeds) for run in runs) == 500
        expected = {method(run): run.summary["metrics"]["modes"]["mean"] for run in runs}
        link = views.link(address, told["ring"])
        assert bars(page, link, "final/modes", 15) == pytest.approx(expected)
        assert "15 matching runs" in page.inner_text("body")
        assert all(url.startswith((address, "data:", "blob:", "about:")) for url in asked), asked
