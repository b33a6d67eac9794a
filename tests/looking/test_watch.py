"""Watching a run: before it begins, while it goes on, to its end, over HTTP and in the terminal; and what is no run is refused."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from tests.synthetic_runs import write_run
from zoo import training
from zoo.errors import ZooError
from zoo.looking import watch, watch_page
from zoo.looking.watch_page import Page
from zoo.runs import session
from zoo.runs.cell import plan
from zoo.training import Record

TINY = {"rounds": 6, "width": 8, "batch": 16, "every": 2}


class Gate(session.Listener):
    """Holds a run at each evaluation until it is told to go on."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def evaluated(self, record: Record) -> None:
        self.reached.release()
        self.go.acquire()


def get(page: Page, path: str, host: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(page.address + path, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_picture_that_cannot_be_drawn_says_why_in_any_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def draw(*given: object) -> bytes:
        raise ZooError("The data set '数据.npz' is not here.\nSo.")

    monkeypatch.setattr(watch_page, "draw", draw)
    page = Page(tmp_path, 0)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    status, body = get(page, "/samples.png")
    page.shutdown()
    page.server_close()
    assert status == 404
    assert "数据.npz" in body.decode()
    assert capsys.readouterr().err == ""


def test_the_page_follows_a_real_run_from_before_it_begins_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, gate, pages = tmp_path / "run", Gate(), []
    monkeypatch.setattr(watch_page, "EVERY", 0.02)
    monkeypatch.setattr(watch_page, "GRACE", 0.1)
    monkeypatch.setattr(watch_page, "Page", lambda *given: pages.append(Page(*given)) or pages[-1])
    watching = threading.Thread(target=watch_page.serve, args=(folder, 0, False), daemon=True)
    watching.start()
    wait_until(lambda: pages)
    (page,) = pages
    assert json.loads(get(page, "/state.json")[1])["status"] == "waiting for the run to begin"
    assert get(page, "/losses.png")[0] == 404
    cell = plan("ns", {}, seeds="3,5", changes=TINY)
    training = threading.Thread(target=lambda: session.start(cell, out=folder, listener=gate).train(), daemon=True)
    training.start()
    for played in (2, 4, 6):
        assert gate.reached.acquire(timeout=300)
        wait_until(lambda played=played: json.loads(get(page, "/state.json")[1])["round"] == played)
        state = json.loads(get(page, "/state.json")[1])
        assert (state["status"], state["rounds"], state["title"]) == ("training", 6, "ns on ring")
        assert state["columns"][0] == "seed"
        assert [row[0] for row in state["seeds"]] == ["3", "5"]
        if played == 4:
            for name in watch_page.PICTURES:
                status, body = get(page, f"/{name}.png?4")
                assert status == 200
                assert Image.open(io.BytesIO(body)).width > 300
            assert b"<h1" in get(page, "/")[1]
            assert get(page, "/config.json")[0] == get(page, "/../config.json")[0] == 404
            assert get(page, "/", host="elsewhere.example")[0] == 403
        gate.go.release()
    training.join(120)
    watching.join(120)
    assert not watching.is_alive()
    assert "The run is done" in capsys.readouterr().out


def wait_until(true: object, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_finished_run_is_told_from_its_results_where_its_checkpoint_is_gone(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "unrolled", [8, 3], options={"k": 5})
    state = watch.look(folder)
    assert state.done
    assert state.rounds == [100, 200, 300, 400]
    assert state.told()["seeds"][1][:3] == ["1", "400", "3"]
    for name in watch_page.PICTURES:
        assert watch_page.draw(state, name).startswith(b"\x89PNG")


def test_the_terminal_shows_every_seed_and_ends_with_the_run(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "unrolled", [8, 0], options={"k": 5})
    console = Console(width=120, file=io.StringIO(), force_terminal=True)
    watch.in_terminal(folder, console)
    told = console.file.getvalue()
    assert "unrolled k=5 on ring: round 400 of 400, done" in told
    assert "▂▄▆█" in told


def test_the_page_of_a_run_that_is_done_stays_until_it_is_told_to_end(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "ns", [8])
    code = (
        "import signal; from zoo.looking import watch_page\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a test that was started in the background ignores it
        f"watch_page.GRACE = 0.1; watch_page.serve(watch_page.Path({str(folder)!r}), 0, False)"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    watching = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)
    try:
        said = watching.stdout.readline()
        assert said.rstrip().endswith("(Ctrl-C ends it; the run is done, and its page stays until then)")
        with pytest.raises(subprocess.TimeoutExpired):
            watching.wait(2)
        with urllib.request.urlopen(said.split(" at ")[1].split()[0] + "/state.json", timeout=120) as answer:
            assert json.loads(answer.read())["status"] == "done"
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 0
    finally:
        watching.kill()


def test_nothing_empty_stands_where_pictures_are_yet_to_come() -> None:
    page = (Path(watch_page.__file__).parent / "templates" / "watch.html").read_text(encoding="utf-8")
    assert page.count("<figure") == page.count("<figure hidden>") == len(watch_page.PICTURES)


def test_an_interrupted_run_says_how_it_goes_on(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "ns", [3], finished=False)
    assert watch.look(folder).status == "training; numbers and pictures come with its first evaluation"
    (folder / "INTERRUPTED").touch()
    assert f"zoo run --resume {folder}" in watch.look(folder).status


def test_a_run_that_was_stopped_before_its_first_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "TURN", 0.0)  # it looks up after every round
    run = session.start(plan("ns", seeds=2, changes={"rounds": 50, "every": 40, "width": 8}), out=tmp_path / "run")
    run.training.progress = lambda played: run.asked_to_stop.set()
    with pytest.raises(session.Interrupted):
        run.train()
    state = watch.look(tmp_path / "run")
    assert "interrupted" in state.status
    assert (state.rows, state.film) == ([], None)


def test_a_checkpoint_is_read_again_only_when_it_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = plan("ns", seeds=2, changes=TINY)
    run = session.start(cell, out=tmp_path / "run", device="cpu")
    read, seen = watch._from_checkpoint, []
    monkeypatch.setattr(watch, "_from_checkpoint", lambda *given: seen.append(1) or read(*given))

    def looked(record: Record) -> None:
        page.renew()
        state = page.state
        page.renew()
        assert page.state is state
        assert state.rounds[-1] == record.round
        assert len(seen) == record.round // 2

    with Page(tmp_path / "run", 0) as page:
        run.listener.evaluated = looked
        run.train()
        assert page.state.done
        states = list(watch.states(tmp_path / "run"))
    assert (len(states), len(seen)) == (1, 4)
    state = states[0]
    file = tmp_path / "run" / watch.CHECKPOINT
    copy = file.read_bytes()
    file.unlink()
    assert watch.look(tmp_path / "run", state) is not state, "from its results"
    file.write_bytes(copy)
    assert watch.look(tmp_path / "run", state) is not state


def test_what_is_no_run_is_refused_and_what_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", [3])
    for folder, told in ((tmp_path, "it holds runs further down, such as"), (Path(__file__), "no run directory")):
        with pytest.raises(ZooError, match=told):
            watch.check(folder)
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "later"):
        watch.check(folder)
        assert watch.look(folder).status == "waiting for the run to begin"


def test_a_long_run_is_drawn_with_the_rounds_that_its_film_keeps(tmp_path: Path) -> None:
    """Seventy evaluations, of which the film keeps every second; stopped on the way, and at the end."""
    cell = plan("ns", seeds=2, changes={"rounds": 70, "every": 1, "width": 8, "batch": 8})
    run = session.start(cell, out=tmp_path / "run", device="cpu")
    run.listener.evaluated = lambda record: run.asked_to_stop.set() if record.round == 41 else None
    with pytest.raises(session.Interrupted):
        run.train()
    state = watch.look(tmp_path / "run")
    assert state.film is not None
    assert state.filmed == list(range(2, 42, 2))[: len(state.film)]
    assert len(state.film) in (20, 21)
    assert watch_page.draw(state, "samples").startswith(b"\x89PNG")
    session.resume(tmp_path / "run").train()
    for name in ("checkpoint.safetensors", "checkpoint.previous.safetensors"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    state = watch.look(tmp_path / "run")
    assert state.filmed == list(range(2, 71, 2))
    assert watch_page.draw(state, "samples").startswith(b"\x89PNG")


def test_a_run_of_a_variant_that_is_not_here_is_drawn_without_its_levels(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "my-own", [8, 3])
    assert watch_page.draw(watch.look(folder), "losses").startswith(b"\x89PNG")


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "ns", [8])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ZooError, match=r"Port \d+ cannot be used .*; without --port"):
            watch_page.serve(folder, taken.getsockname()[1], False)
