"""The page of `zoo watch`: served on this machine's loopback while a run goes on, with the pictures that a finished run leaves."""

from __future__ import annotations

import io
import json
import threading
import time
import webbrowser
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.looking.watch import EVERY, State, check, look

GRACE = 3.0
"""Seconds without a request after which a finished run's page is served no more."""
SEEDS = 6
"""Seeds whose samples are drawn; the table has all."""
PICTURES = ("losses", "samples")


def draw(state: State, name: str) -> bytes:
    """One of ``PICTURES`` as a PNG: losses beside what was measured, or samples of the first seeds over time."""
    from zoo.looking import plots_losses, plots_report
    from zoo.runs.cell import read_cell

    if state.run is None or state.film is None:
        raise ZooError("There is nothing to draw yet.")
    if name == "losses":
        out = io.BytesIO()
        players = [k.removeprefix("loss/") for k in state.rows[-1] if k.startswith("loss/")]
        modes, levels = state.data.modes if state.data else None, None
        with suppress(ZooError):  # a file of the user's may not be here
            levels = read_cell(state.run.path).build().equilibrium
        plots_losses.losses_figure(state.rows, players, out, modes=modes, equilibrium=levels, title=state.run.title)
        return out.getvalue()
    if state.data is None:
        raise ZooError(f"The data set '{state.run.data}' is not here, so its samples cannot be drawn.")
    shown = {f"seed {s}": (state.filmed, state.film[:, i]) for i, s in enumerate(state.run.seeds[:SEEDS])}
    return plots_report.density_grid(shown, state.data)


class Page(ThreadingHTTPServer):
    """Serves the page, ``state.json`` and the pictures of the newest state; only to this machine, under its own name."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.lock, self.pencil = folder, threading.Lock(), threading.Lock()
        self.state, self.drawn = look(folder), dict[str, bytes]()
        self.busy, self.last = 0, time.monotonic()
        super().__init__(("127.0.0.1", port), Answer)
        self.address = f"http://127.0.0.1:{self.server_port}"

    def renew(self) -> None:
        """Look at the files again."""
        state = look(self.folder, self.state)
        if state is not self.state:
            with self.pencil:
                kept = self.drawn if state.rounds == self.state.rounds else {}
                self.state, self.drawn = state, kept

    def picture(self, name: str) -> bytes:
        with self.pencil:  # matplotlib draws one at a time
            if name not in self.drawn:
                self.drawn[name] = draw(self.state, name)
            return self.drawn[name]


class Answer(BaseHTTPRequestHandler):
    server: Page

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.busy += 1
        try:
            with suppress(ConnectionError):  # the page was closed meanwhile
                self.answer()
        finally:
            with self.server.lock:
                self.server.busy, self.server.last = self.server.busy - 1, time.monotonic()

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        name = path.strip("/").removesuffix(".png")
        if self.headers.get("Host") not in {f"{host}:{self.server.server_port}" for host in ("127.0.0.1", "localhost")}:
            self.send_error(403)  # another site's page that was pointed here
        elif path == "/":
            page = resources.files("zoo.looking").joinpath("templates/watch.html").read_bytes()
            self.reply(page, "text/html; charset=utf-8")
        elif path == "/state.json":
            self.reply(json.dumps(self.server.state.told()).encode(), "application/json")
        elif path.endswith(".png") and name in PICTURES:
            try:
                self.reply(self.server.picture(name), "image/png")
            except ZooError as error:
                self.send_error(404, explain=str(error))  # the status line is Latin-1, without a line's end
        else:
            self.send_error(404)

    def reply(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


def serve(folder: Path, port: int = 0, open_browser: bool = True) -> None:
    """Serve the page until the run is done (and the page has been told), or Ctrl-C; that of a run which was done before, until Ctrl-C."""
    check(folder)
    try:
        page = Page(folder, port)
    except (OSError, OverflowError) as error:
        raise ZooError(f"Port {port} cannot be used ({error}); without --port a free one is taken.") from error
    threading.Thread(target=page.serve_forever, daemon=True).start()
    stays = page.state.done
    done = "; the run is done, and its page stays until then" * stays
    print(f"Watching {folder} at {page.address} (Ctrl-C ends it{done})", flush=True)
    if open_browser:
        webbrowser.open(page.address)
    try:
        while stays:
            time.sleep(EVERY)
        while not page.state.done:
            time.sleep(EVERY)
            page.renew()
        while page.busy or time.monotonic() - page.last < GRACE:  # the last pictures are drawn and fetched
            time.sleep(EVERY)
        print(f"The run is done: {folder}")
    except KeyboardInterrupt:
        pass
    finally:
        page.shutdown()
        page.server_close()
