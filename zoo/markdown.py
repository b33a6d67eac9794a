"""Tables of Markdown, and pages of it that code makes: ``keep`` writes one, or says whether it is up to date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path


def cell(text: str) -> str:
    """Text inside a table: a bar would end the cell."""
    return text.replace("|", "\\|")


def row(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(map(cell, cells))} |"


def keep(page: Path, text: str, module: str, arguments: Sequence[str] | None = None) -> int:
    """``python -m MODULE`` writes the page; with ``--check`` it writes nothing, and ends with 1 when the page is not ``text``."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=f"Write docs/{page.name}.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when the page is out of date")
    if not parser.parse_args(arguments).check:
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, encoding="utf-8")
        return 0
    if page.exists() and page.read_text(encoding="utf-8") == text:
        return 0
    print(f"docs/{page.name} is out of date: python -m {module}", file=sys.stderr)
    return 1
