"""Everything that a run needs to go on, in one safetensors file: written beside, synced, renamed; the previous one is kept.

Nothing in it can run code on loading: tensors, a short JSON text in the file's header, and a long one (whose length no header holds) as the
bytes of the tensor ``notes``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.errors import ZooError
from zoo.files import beside, synced, write_bytes
from zoo.lanes import Lanes

NAME, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"
LEVEL = "checkpoint.level.safetensors"
"""The last one before the rates began to fall, from which a longer run can begin."""


def flatten(tree: Any, prefix: str) -> dict[str, Tensor]:
    """Nested dicts of tensors to one dict with paths for names."""
    if isinstance(tree, Tensor):
        return {prefix: tree}
    return {k: v for name, branch in tree.items() for k, v in flatten(branch, f"{prefix}/{name}").items()}


def unflatten(flat: dict[str, Tensor], like: Any, prefix: str) -> Any:
    """The inverse of ``flatten``, in the order of keys of ``like``."""
    if isinstance(like, Tensor):
        return flat[prefix]
    return {name: unflatten(flat, branch, f"{prefix}/{name}") for name, branch in like.items()}


def save(folder: Path, lanes: Lanes, notes: dict[str, Any], extra: dict[str, Tensor]) -> None:
    """Write ``lanes``, ``notes`` (JSON) and ``extra`` tensors; the last checkpoint becomes the previous one."""
    tensors = _moving(lanes) | {f"extra/{k}": v for k, v in extra.items()}
    tensors["notes"] = torch.frombuffer(bytearray(json.dumps(notes).encode()), dtype=torch.uint8)
    if lanes.losses:
        tensors["losses"] = torch.cat(lanes.losses)
    header = {"seeds": lanes.seeds, "played": lanes.played, "diverged": list(lanes.diverged.items())}
    last = folder / NAME
    with beside(last) as new:
        with synced(new) as file:
            file.write(encoded(tensors, {"zoo": json.dumps(header)}))
        if last.exists():
            _named(last, folder / PREVIOUS, os.replace)
        os.replace(new, last)


def keep_level(folder: Path) -> None:
    """Keep the last checkpoint as the one from before the rates fall."""
    _named(folder / NAME, folder / LEVEL, shutil.copyfile)


def _named(file: Path, name: Path, otherwise: Callable[[Path, Path], Any]) -> None:
    """A second name for a file, so that whoever reads now finds it under its own; or what there is instead where a file system has no links."""
    name.unlink(missing_ok=True)
    try:
        os.link(file, name)
    except OSError:
        otherwise(file, name)


def _moving(lanes: Lanes) -> dict[str, Tensor]:
    params, state, ema = lanes.moving
    return flatten(params, "params") | flatten(state, "state") | flatten(ema, "ema")


def encoded(tensors: dict[str, Tensor], header: dict[str, str]) -> bytes:
    """The content of a safetensors file."""
    from safetensors.torch import save as to_bytes

    return to_bytes({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, header)


def write(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """A safetensors file that is whole or not there."""
    write_bytes(path, encoded(tensors, header))


def read(path: Path, key: str = "zoo") -> tuple[dict[str, Tensor], Any, Any]:
    """The tensors of a safetensors file, what its header says under ``key``, and its notes, where it has some; ``ZooError`` when it is missing,
    damaged, or another file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            # copies, aligned as torch's own tensors are (a file's are not): kernels round by how their memory is aligned
            tensors = {k: file.get_tensor(k).clone() for k in file.keys()}  # noqa: SIM118 (no mapping)
            metadata = file.metadata() or {}
        if key not in metadata:
            raise ZooError(f"{path} is another file than its name says: its header has no '{key}'.")
        notes = json.loads(bytes(tensors.pop("notes").numpy())) if "notes" in tensors else None
        return tensors, json.loads(metadata[key]), notes
    except ZooError:
        raise
    except (OSError, SafetensorError, ValueError) as error:
        raise ZooError(f"{path} cannot be read as a checkpoint ({error}).") from error


def newest(folder: Path) -> tuple[dict[str, Tensor], Any, Any] | None:
    """The last checkpoint in ``folder`` as ``read`` gives it, or the previous one where the last is damaged; None where there is neither."""
    present = [folder / name for name in (NAME, PREVIOUS) if (folder / name).exists()]
    for path in present[:-1]:
        with suppress(ZooError):
            return read(path)
    return read(present[-1]) if present else None


def played(folder: Path, name: str = NAME) -> int | None:
    """How many rounds the last checkpoint in ``folder`` (or another one there) has behind it; None where it cannot be told."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / name, framework="pt") as file:
            rounds: int = json.loads(file.metadata()["zoo"])["played"]
            return rounds
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def load(folder: Path, like: Lanes, name: str | None = None) -> tuple[Lanes, dict[str, Any], dict[str, Tensor]]:
    """The newest checkpoint in ``folder``, or the one of this name: lanes, notes, extra tensors."""
    found = newest(folder) if name is None else read(folder / name)
    if found is None:
        raise ZooError(f"{folder} holds no checkpoint ({NAME}), so there is nothing to resume.")
    tensors, header, notes = found
    if header["seeds"] != like.seeds:
        raise ZooError(f"The checkpoint in {folder} is of seeds {header['seeds']}, not {like.seeds}.")
    wanted = _moving(like)
    if (
        notes is None
        or not wanted.keys() <= tensors.keys()
        or any(tensors[name].shape != t.shape for name, t in wanted.items())
    ):
        raise ZooError(
            f"The checkpoint in {folder} is not of this version's networks; go on with the version that began the run."
        )
    params, state, ema = like.moving
    moving = (unflatten(tensors, params, "params"), unflatten(tensors, state, "state"), unflatten(tensors, ema, "ema"))
    losses = [tensors["losses"]] if "losses" in tensors else []
    lanes = Lanes(like.seeds, moving, header["played"], {int(s): int(r) for s, r in header["diverged"]}, losses)
    return (
        lanes,
        notes,
        {k.removeprefix("extra/"): v for k, v in tensors.items() if k.startswith("extra/")},
    )
