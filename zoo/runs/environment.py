"""Where a number was made: versions, commit, device."""

from __future__ import annotations

import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

import torch

from zoo.errors import ZooError, unknown


def resolve_device(name: str | torch.device) -> torch.device:
    """auto, cpu, cuda or cuda:1 to a device that is there."""
    name = str(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, index = name.partition(":")
    if kind not in ("cpu", "cuda"):
        raise unknown("device", name, ["auto", "cpu", "cuda"])
    if kind == "cuda" and not torch.cuda.is_available():
        raise ZooError(f"There is no CUDA device here, so --device {name} cannot be used; use --device auto or cpu.")
    many = torch.cuda.device_count() if kind == "cuda" else 1
    if colon and not (index.isdecimal() and int(index) < many):
        raise ZooError(f"There is no device '{name}' here; there are: {', '.join(f'{kind}:{i}' for i in range(many))}.")
    return torch.device(name if kind == "cuda" else "cpu")  # cpu:0 is the CPU


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    found = {"python": platform.python_version()}
    for package in ("mode-collapse-zoo", "torch", "torchvision", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def git_commit() -> str | None:
    """The commit of this checkout, with + when it has changes; None outside one, and within another's (a .venv in a repository)."""
    here = Path(__file__).parent

    def ask(*args: str) -> str:
        done = subprocess.run(["git", "-C", str(here), *args], capture_output=True, text=True, timeout=5, check=True)
        return done.stdout.strip()

    try:
        ask("ls-files", "--error-unmatch", Path(__file__).name)
        return ask("rev-parse", "HEAD") + ("+" if ask("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def arithmetic(device: torch.device, *, compiled: bool) -> str:
    """What a run's last digits follow, beside its versions: a CPU's kind, PyTorch's vectors on it, and whose kernels multiply; a GPU's generation."""
    if device.type == "cuda":
        return "CUDA {}.{}".format(*torch.cuda.get_device_capability(device))
    from zoo.engines import onednn

    told = " ".join(f"{word} {of[0]}".strip() for word, name in KIND.items() if (of := _cores(name)))
    own = onednn.are_here() if compiled else onednn.plays()
    products = "oneDNN" if own else "PyTorch"
    return f"{told or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, products by {products}"


def device_name(device: torch.device) -> str:
    """The device in words, to stand beside the numbers it made."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    names = _cores("model name")
    return f"{names[0] if names else platform.processor() or platform.machine()}, {len(names) or 1} cores"


KIND = {"": "vendor_id", "family": "cpu family", "model": "model"}
"""What a CPU's kind is told by: words of ours to names of Linux's."""


def _cores(name: str) -> list[str]:
    """What Linux says of each core under a name; nothing elsewhere."""
    cpu = Path("/proc/cpuinfo")
    return re.findall(rf"^{name}\s*: (.+)$", cpu.read_text(), re.MULTILINE) if cpu.exists() else []
