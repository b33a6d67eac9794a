"""Ctrl-C while a command starts: it ends as by the signal, and nothing is written."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PATIENT = """
import builtins, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test that was started in the background ignores it
usual = builtins.__import__
def told(name, *rest):
    if name == 'numpy' and 'torch' in sys.modules:
        try: os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt: print('swallowed')  # as torch's import of numpy does
    return usual(name, *rest)
builtins.__import__ = told
from zoo.cli.app import main
main()
"""


@pytest.mark.parametrize(
    "command",
    [["run", "ns"], ["run", "--resume", "r"], ["sweep", "--variants", "ns"], ["eval", "x.npy"], ["check", "ns"]],
)
def test_ctrl_c_in_the_middle_of_an_import_ends_a_command(tmp_path: Path, command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PATIENT, *command], cwd=tmp_path, text=True, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
    assert list(tmp_path.iterdir()) == []
