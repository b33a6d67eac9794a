"""How `zoo ui` ends: with all of the server's processes, however it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo.looking import server

WORKER = "import time; time.sleep(600)"
SERVER = (
    "import subprocess, sys; from pathlib import Path\n"
    f"worker = subprocess.Popen([sys.executable, '-c', {WORKER!r}])\n"
    "Path('half').write_text(str(worker.pid)); Path('half').rename('worker')\n"
    "worker.wait()"
)
"""Like MLflow's: a parent that waits for its worker, and does not hand on a signal."""
UI = (
    "import signal, sys; from zoo.looking import server\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a test that was started in the background ignores it
    "try:\n"
    f"    with server.running([sys.executable, '-c', {SERVER!r}]) as process: process.wait()\n"
    "except KeyboardInterrupt: sys.exit(0)"
)


def ended(pid: int) -> bool:
    """Whether the process is gone, or a zombie that nobody has reaped."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_server_s_errors_are_passed_on_and_its_chatter_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    said = "[MLflow] Security middleware enabled with default settings.", "Error: it does not work."
    with server.running([sys.executable, "-c", f"import sys; print(*{said!r}, sep='\\n', file=sys.stderr)"]) as process:
        process.wait(60)
        for _ in range(600):
            if err := capfd.readouterr().err:
                break
            time.sleep(0.1)
    assert err == "Error: it does not work.\n"


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_the_whole_server_ends_with_the_command(tmp_path: Path, told: signal.Signals) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    ui = subprocess.Popen([sys.executable, "-c", UI], cwd=tmp_path, env=env)
    for _ in range(600):
        if (tmp_path / "worker").exists():
            break
        time.sleep(0.1)
    worker = int((tmp_path / "worker").read_text())
    try:
        assert not ended(worker)
        ui.send_signal(told)
        assert ui.wait(30) == 0
        assert ended(worker)
    finally:
        if not ended(worker):
            os.kill(worker, signal.SIGKILL)
