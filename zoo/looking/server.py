"""`zoo ui`: MLflow's server on this machine's loopback, opened at a prepared view."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

from zoo import tracking
from zoo.errors import ZooError
from zoo.looking import views

CHATTER = b"[MLflow] Security middleware enabled"
"""What the server says on stderr whatever its log level is."""
PAGE = 100
"""Runs that MLflow's page loads at a time."""


def serve(port: int | None = None, open_browser: bool = True, root: Path = tracking.ROOT) -> int:
    """Start the server, print (and open) the links, and wait until it ends; a remote tracking server is only linked to."""
    where = tracking.uri(root)
    if where.startswith("sqlite:///") and not Path(where.removeprefix("sqlite:///")).exists():
        raise ZooError(
            f"Nothing is logged yet ({where.removeprefix('sqlite:///')} is not there); `zoo run ns` logs a first run."
        )
    if where.startswith("http"):
        show(where.rstrip("/"), *overview(root), open_browser)
        return 0
    port = port or free_port()
    server = f"http://127.0.0.1:{port}"
    try:
        with running(command(where, port)) as process:
            # in a process of its own while the server starts: here the import of mlflow would stay in memory as long as the server runs
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                found = pool.submit(overview, root).result()
            if wait(server, process):
                show(server, *found, open_browser)
            return process.wait()
    except KeyboardInterrupt:
        return 0


@contextmanager
def running(server: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The server, in a process group of its own, all of which ends with the block: MLflow's server is a parent and its workers.

    SIGTERM ends the block as Ctrl-C does, by ``KeyboardInterrupt``; it would else leave the server running.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = subprocess.Popen(server, env=os.environ | quiet(), start_new_session=True, stderr=subprocess.PIPE)
    threading.Thread(target=pass_on, args=(process,), daemon=True).start()
    try:
        yield process
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end(process)
        signal.signal(signal.SIGTERM, before)


def pass_on(process: subprocess.Popen[bytes]) -> None:
    """The server's stderr on ours, line by line, but for its chatter."""
    for line in process.stderr or ():
        if not line.startswith(CHATTER):
            sys.stderr.write(line.decode(errors="replace"))
            sys.stderr.flush()


def end(process: subprocess.Popen[bytes], seconds: float = 5) -> None:
    """Ask the process's whole group to end, and make it end when the time is up."""
    until = time.monotonic() + seconds
    with suppress(ProcessLookupError):  # nobody is left
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < until:
            process.poll()  # or it stays in the group as a zombie
            os.killpg(process.pid, 0)
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def overview(root: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """The experiments, and those of them that the page does not show at once."""
    links = experiments(root)
    return links, more_than_a_page(root, links)


def experiments(root: Path) -> list[tuple[str, str]]:
    """Name and id of every data set's experiment, the one with the newest run first."""
    store = tracking.client(root)
    found = [e for e in store.search_experiments() if not e.name.endswith(tracking.SEEDS) and e.name != "Default"]
    newest = {e.name: store.search_runs([e.experiment_id], order_by=["start_time DESC"], max_results=1) for e in found}
    return sorted(
        ((e.name, e.experiment_id) for e in found),
        key=lambda pair: newest[pair[0]][0].info.start_time if newest[pair[0]] else 0,
        reverse=True,
    )


def more_than_a_page(root: Path, links: list[tuple[str, str]]) -> list[str]:
    """Data sets with more cells than the page shows before somebody asks for more: its groups would lack some without a word."""
    store = tracking.client(root)
    return [name for name, i in links if len(store.search_runs([i], max_results=PAGE + 1)) > PAGE]


def command(where: str, port: int) -> list[str]:
    """The server's command line: loopback, one worker, no log but of warnings and errors."""
    stores = ["--backend-store-uri", where, "--registry-store-uri", where]
    loopback = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return [sys.executable, "-m", "mlflow", "ui", *stores, *loopback, "--uvicorn-opts", "--log-level warning"]


def quiet() -> dict[str, str]:
    """Its environment: no background jobs, no telemetry unless the user says so, no warning of a library that it uses."""
    return {
        "PYTHONWARNINGS": ",".join(
            filter(None, [os.environ.get("PYTHONWARNINGS"), "ignore:starlette.middleware.wsgi is deprecated"])
        ),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": os.environ.get("MLFLOW_DISABLE_TELEMETRY", "true"),
    }


def free_port(first: int = 5000) -> int:
    """The first port from ``first`` that nobody listens on."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise ZooError(f"No port from {first} to {first + 99} is free; name one with --port.")


def wait(server: str, process: subprocess.Popen[bytes], seconds: float = 60) -> bool:
    """Whether the server answers before it ends or the time is up."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server}/health", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def show(server: str, links: list[tuple[str, str]], crowded: list[str], open_browser: bool) -> None:
    """Print a link for each data set, and open the first."""
    print(f"MLflow is at {server} (Ctrl-C ends it). Prepared views:")
    for name, identifier in links:
        print(f"  {name}: {views.link(server, identifier)}")
        print(f"  {' ' * len(name)}  samples: {views.link(server, identifier, views.SAMPLES)}")
    if crowded:
        print(
            f"The page loads {PAGE} runs at a time; more than that are in {', '.join(crowded)}: press 'Load more' there."
        )
    sys.stdout.flush()
    if open_browser and links:
        webbrowser.open(views.link(server, links[0][1]))
