"""C++ of ours: compiled once on a machine, in a second or less, and kept; nothing where there is no compiler."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch

from zoo.files import cache_root

TORCH = Path(torch.__file__).parent


def compiler() -> str | None:
    """The C++ compiler that PyTorch would call, if there is one here."""
    named = os.environ.get("CXX")
    return shutil.which(named) if named else shutil.which("g++") or shutil.which("clang++")


@cache
def library(source: Path, *flags: str) -> ctypes.CDLL | None:
    """``source`` as a library, against PyTorch's headers and its own; ``None`` where it cannot be compiled or loaded.

    One file for each text, PyTorch, processor and compiler, so that a cache that machines share holds what each of them can run.
    """
    processor: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    told = [compiler() or "", torch.__version__, str(processor), *flags]
    texts = [path.read_bytes() for path in (source, source.with_suffix(".h")) if path.exists()]
    name = hashlib.sha256(b"\0".join([*map(str.encode, told), *texts])).hexdigest()[:20]
    kept = cache_root() / "native" / f"{source.stem}-{name}.so"
    try:
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            _compile(source, kept, flags)
        return ctypes.CDLL(str(kept))
    except (OSError, subprocess.SubprocessError):
        return None


def _compile(source: Path, into: Path, flags: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory(dir=into.parent) as folder:
        made = Path(folder) / into.name
        how = ["-O3", "-shared", "-fPIC", *flags, f"-I{TORCH / 'include'}"]
        links = [f"-L{TORCH / 'lib'}", "-ltorch_cpu"]
        subprocess.run([compiler() or "", *how, str(source), "-o", str(made), *links], check=True, capture_output=True)
        made.replace(into)  # whole or not there, whoever else makes it
