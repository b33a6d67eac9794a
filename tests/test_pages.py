"""Pages whose blocks are run: commands and Python in the order in which they stand there, with what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("export.md", "your-own-data.md")
ZOO = f'set -e\nzoo() {{ "{sys.executable}" -m zoo "$@"; }}\n'


@pytest.mark.parametrize("page", PAGES)
def test_what_stands_on_the_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "160"}
    told, names = "", dict[str, Any]()
    for kind, block in re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL):
        if kind == "bash":
            done = subprocess.run(["bash", "-c", ZOO + block], env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-500:] + done.stderr
            told += done.stdout
        elif kind == "python":
            exec(compile(block, page, "exec"), names)
            told += capsys.readouterr().out
        else:
            for line in block.splitlines():
                assert line in told, line
