"""The report: what stands in it is what the runs say, it needs nothing from outside, and it can be read without eyes."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.synthetic_runs import write_run
from zoo.errors import ZooError
from zoo.looking.compare import compare
from zoo.looking.report import write_report
from zoo.looking.sentences import verdicts

VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """Checks that tags nest, and collects what the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp("runs")
    write_run(root, "ns", [2, 3, 4, 2, 8, 7, 1, 3])
    write_run(root, "unrolled", [8, 8, 7, 8, 8, 8, 6, 8], options={"k": 5}, cost={"seconds_per_seed": 6.0})
    write_run(root, "wgan", [8, 8, float("nan"), 5], rounds=800, diverged=[2])
    write_run(root, "ns", [3, 3], data="gone.npz")  # its data set is not here any more
    path = write_report([root], root / "report.html")
    return root, path.read_text()


def test_it_needs_nothing_from_outside(report: tuple[Path, str]) -> None:
    page = Page(report[1])
    assert page.all("script") == []
    for _, attrs in page.found:
        for name in ("src", "href"):
            address = attrs.get(name) or "#"
            assert address.startswith(("data:", "#")), address
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "url(" not in report[1]


def test_every_picture_is_there_and_told_in_words(report: tuple[Path, str]) -> None:
    page = Page(report[1])
    pictures = page.all("img")
    assert len(pictures) == 6 + 5  # strips and curves of two metrics, the trade, and the grid where the data is known
    for attrs in pictures:
        assert attrs["alt"] is not None
        assert len(attrs["alt"]) > 30
        data = base64.b64decode((attrs["src"] or "").split("base64,")[1])
        image = Image.open(io.BytesIO(data)).convert("L")
        low, high = image.getextrema()
        assert low < 100 < 250 < high  # something is drawn, on white


def test_the_numbers_are_those_of_compare(report: tuple[Path, str]) -> None:
    root, html = report
    text = Page(html).text
    comparison = next(c for c in compare([root]) if c.data == "ring")
    for sentence in verdicts(comparison):
        assert sentence in text
    assert (
        "unrolled k=5: mean 7.62 of 8 modes, 95 % interval 7.12 to 8; high-quality share 0.762; no seed collapsed; better than ns"
        in text
    )
    assert "at 3 times the wall time" in text
    assert "Modes with 1 or more high-quality samples. ring: modes (more is better)." in text
    assert "wgan" in text
    assert "1 of 4 diverged" in text
    assert "Rounds differ: 400: ns, unrolled k=5; 800: wgan." in text
    assert "zoo run unrolled --k 5 --data ring" in text
    assert "(collapsed)" in text
    heads = re.findall(r"<thead><tr>(.*?)</tr></thead>", html)
    assert ["training wall s per seed" in head for head in heads] == [False, False, True] * 2


def test_runs_of_one_name_in_two_folders_are_all_drawn(tmp_path: Path) -> None:
    for above, modes in (("A", [3, 4]), ("B", [8, 8])):
        write_run(tmp_path / above, "ns", modes, name="x", arrays=False)
    page = Page(write_report([tmp_path], tmp_path / "made" / "report.html").read_text())
    told = next(attrs["alt"] or "" for attrs in page.all("img") if "modes of each seed" in (attrs["alt"] or ""))
    assert "ns (A/ring/ns/x) from 3 to 4" in told
    assert "ns (B/ring/ns/x) from 8 to 8" in told


def test_files_of_one_name_that_hold_other_data_have_a_section_each(tmp_path: Path) -> None:
    for name, held, finished in (("a", "aaaaaaaa", True), ("b", "bbbbbbbb", True), ("c", "cccccccc", False)):
        folder = write_run(tmp_path, "ns", [3, 3], data="gone.npz", name=name, arrays=False, finished=finished)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"fingerprint": held}))
    text = Page(write_report([tmp_path], tmp_path / "report.html", data="gone.npz").read_text()).text
    assert "Mode collapse on gone.npz (aaaaaa), gone.npz (bbbbbb) 2 runs" in text
    assert "cccccc" not in text


def test_a_screen_reader_finds_its_way(report: tuple[Path, str]) -> None:
    page = Page(report[1])
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("main")) == len(page.all("h1")) == 1
    assert len(page.all("caption")) == len(page.all("table")) > 1
    assert all(th.get("scope") in ("row", "col") for th in page.all("th"))
    ids = {attrs["id"] for _, attrs in page.found if "id" in attrs}
    assert {(a["href"] or "")[1:] for a in page.all("a")} <= ids
    assert any(m.get("name") == "viewport" for m in page.all("meta"))
    for rule in ("prefers-color-scheme: dark", "@media print", "max-width: 40rem"):
        assert rule in report[1]


def test_what_a_run_is_called_cannot_break_the_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "ns", [3, 4], options={"x": "<script>alert(1)</script>"}, arrays=False)
    html = write_report([folder], tmp_path / "report.html").read_text()
    assert "<script" not in html
    assert re.search(r"ns x=&lt;script&gt;", html)
    Page(html)


def test_the_landscape_is_a_film_with_a_slider_and_no_script(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", [3, 4], judged=2)
    write_run(tmp_path, "unrolled", [8, 8], options={"k": 5}, judged=2)
    write_run(tmp_path, "pacgan", [8, 7], judged=0)
    write_run(tmp_path, "wgan", [8, 7])
    html = write_report([tmp_path], tmp_path / "report.html").read_text()
    page = Page(html)
    (figure,) = [f for f in page.all("figure") if f.get("class") == "film"]
    assert figure["style"] == "--n: 4"
    radios = page.all("input")
    assert [r.get("class") for r in radios] == [None, "t0", "t1", "t2", "t3"]
    assert all(r.get("aria-label") for r in radios[1:])
    assert ".film:has(.t3:checked)" in html
    picture = page.all("img")[-1]
    assert picture["alt"] == "The landscape of D in 2 runs at 4 times in training, with the samples on it."
    sheet = Image.open(io.BytesIO(base64.b64decode((picture["src"] or "").split("base64,")[1]))).convert("L")
    assert sheet.width % 4 == 0
    wide = sheet.width // 4
    frames = [sheet.crop((i * wide, 0, (i + 1) * wide, sheet.height)).tobytes() for i in range(4)]
    assert len(set(frames)) == 4
    assert "No landscape of pacgan: no single D there judges points one by one." in page.text
    assert "No landscape of wgan: it was not kept by that run." in page.text
    assert page.all("script") == []


def test_without_a_metric_samples_are_still_shown(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "ns", [3, 4])
    path = folder / "summary.json"
    path.write_text(
        re.sub(r'"metrics": \{.*?\n  \},\n  "unavail', '"metrics": {},\n  "unavail', path.read_text(), flags=re.DOTALL)
    )
    page = Page(write_report([folder], tmp_path / "report.html").read_text())
    assert "No metric was measured" in page.text
    assert len(page.all("img")) == 1


def test_data_on_a_line_are_drawn_too(tmp_path: Path) -> None:
    """Its modes have no ellipses; the report of such a run was an error."""
    folder = write_run(tmp_path, "ns", [3, 5], data="gmm1d")
    with np.load(folder / "samples.npz") as kept:
        flat = {name: kept[name][..., :1] for name in ("samples", "history")} | {"rounds": kept["rounds"]}
    np.savez(folder / "samples.npz", **flat)
    page = Page(write_report([folder], tmp_path / "report.html").read_text())
    assert "Samples while training" in page.text


def test_nothing_to_report_is_a_sentence(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", [3], finished=False)
    with pytest.raises(ZooError, match="None of the 1 runs is finished; zoo run --resume"):
        write_report([tmp_path], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_verdicts_claim_no_more_than_the_numbers(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", [7, 8, 7, 8, 7, 8])
    write_run(tmp_path, "wgan", [8, 7, 8, 7, 8, 7])
    write_run(tmp_path, "r1", [2, 1, 2, 1, 2, 1])
    (comparison,) = compare([tmp_path])
    told = dict(zip([row.label for row in comparison.rows], verdicts(comparison), strict=True))
    assert "no difference from ns can be claimed (ahead in 50 % of pairs of seeds, p = 1)" in told["wgan"]
    assert "every seed collapsed; worse than ns (ahead in 0 %" in told["r1"]
    assert (
        told["ns"] == "ns: mean 7.5 of 8 modes, 95 % interval 7.17 to 7.83; high-quality share 0.75; no seed collapsed."
    )


def test_runs_that_have_not_ended_are_named(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", [3, 4], arrays=False)
    write_run(tmp_path, "wgan", [8, 8], finished=False)
    text = Page(write_report([tmp_path], tmp_path / "report.html").read_text()).text
    assert "1 run, 2 trained seeds, " in text
    assert "unfinished" in text
    assert "wgan" in text
