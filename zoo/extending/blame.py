"""Which line of a variant to look at, and an error from inside torch in words: for ``zoo check``, and where a run begins."""

from __future__ import annotations

import ast
import inspect
import linecache
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from zoo.errors import ZooError, first_line, kind_and_line, lacks_memory

if TYPE_CHECKING:
    from zoo.variant import Variant

Place: TypeAlias = "str | Callable[..., Any] | int | None"
"""Where to look: a member of the class by name, a function, a line of the class's file, or the class itself."""


class Broken(Exception):
    """A rule of the contract that does not hold: a sentence, and where to look."""

    def __init__(self, sentence: str, at: Place = None) -> None:
        super().__init__(sentence)
        self.sentence, self.at = sentence, at


VALUE = (
    "a tensor is asked for its value (.item(), float(), an 'if' or a loop on it); keep it a tensor: torch.where and masks serve all "
    "seeds at once"
)
DRAWS_ITSELF = "a loss draws random numbers itself; take them from batch.u, and ask for more with uniforms()"
TAKES_THE_GRADIENT = (
    "the harness takes the gradient: return the loss, call no .backward(); inside a loss use torch.func.grad"
)
LEAVES_TORCH = "a tensor leaves torch (.numpy(), SciPy, a library that looks at its memory); a loss is made of torch's operations alone"
MEANING = {
    "nn/modules/batchnorm.py": "batch normalisation writes running statistics while a loss is taken; say track_running_stats=False, as our kits do",
    "requires_grad_()": "a gradient inside a loss is taken by torch.func.grad, not by requires_grad_ and autograd.grad: "
    "torch.func.grad(lambda x: nets.D(x).sum())(batch.x); zoo.penalties has the usual penalties",
    "to return a scalar": "a player's loss is not one number: end with .mean() (`zoo check` says whose)",
    "uninitialized parameter": "a lazy layer has no weights before it has seen data; give its sizes (kit.shape, kit.latent, kit.features)",
    "doesn't have storage": LEAVES_TORCH,
    "numpy() on": LEAVES_TORCH,
    "called random operation": DRAWS_ITSELF,
    "data-dependent control flow": VALUE,
    ".item()": VALUE,
    "DataDependentOutputException": VALUE,
    "does not require grad": TAKES_THE_GRADIENT,
    "backward() called": TAKES_THE_GRADIENT,
    "inplace": "an operation writes into a tensor; write it out of place (x = x + y, torch.where, torch.cat)",
    "in-place": "an operation writes into a tensor; write it out of place (x = x + y, torch.where, torch.cat)",
}


def explain(error: BaseException) -> str:
    """The error in one sentence, with what usually causes it."""
    said = first_line(error)
    if meaning := _meaning(error):
        return f"{meaning[0].upper()}{meaning[1:]} (torch says: {said[:160]})"
    if isinstance(error, ZooError):
        return said
    return f"It stops with {kind_and_line(error)[:300]}"


def _meaning(error: BaseException) -> str | None:
    files = ["/".join(Path(frame.filename).parts[-3:]) for frame in traceback.extract_tb(error.__traceback__)]
    whole = f"{type(error).__name__}: {error} {' '.join(files)}"
    return next((told for sign, told in MEANING.items() if sign in whole), None)


@contextmanager
def in_words(cls: type[Variant]) -> Iterator[None]:
    """What a variant does that it may not, which shows while its nets are made or a round is traced, as a ``ZooError`` that says where.

    What has no usual cause is raised as it is of one of ours.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ZooError) or lacks_memory(error):
            raise
        told = _meaning(error) or (f"it stops with {kind_and_line(error)[:300]}" if _a_strangers(cls) else None)
        if told is None:
            raise
        raise ZooError(f"{cls.name} cannot be trained: {told.rstrip('.')} ({culprit(cls, error)}).") from error


def _a_strangers(cls: type) -> bool:
    """Whether a class is not the zoo's. What it returned may stop elsewhere: samples of another shape do so in D, which is ours."""
    return cls.__module__.split(".")[0] not in ("zoo", "baselines")


def culprit(cls: type, error: BaseException) -> str:
    """The deepest line of the class's own file that the error went through; else of its parents' files; else the class."""
    frames = traceback.extract_tb(error.__traceback__)
    for parent in cls.__mro__:
        file = _file(parent)
        inside = [f for f in frames if file and f.filename == file and f.name != "<module>"]
        if inside and parent.__module__ != "zoo.variant":
            return _shown(inside[-1].filename, inside[-1].lineno or 1)
    return line(cls, None)


def line(cls: type, at: Place) -> str:
    """``FILE:LINE: code`` of a place."""
    if isinstance(at, str):
        if at in getattr(cls, "__annotations__", {}) and at not in ("players", "sample"):
            return _shown(_file(cls), _field_line(cls, at))
        owner = next((c for c in cls.__mro__ if at in vars(c) and c.__module__ != "zoo.variant"), None)
        member = vars(owner)[at] if owner else None
        at = member.fget if isinstance(member, property) else member
    if isinstance(at, int):
        return _shown(_file(cls), at)
    code = getattr(inspect.unwrap(at), "__code__", None) if callable(at) else None
    if code is not None and linecache.getlines(code.co_filename):
        return _shown(code.co_filename, code.co_firstlineno)
    return _shown(_file(cls), _class_line(cls))


DRAWS = {"rand", "randn", "rand_like", "randn_like", "randint", "randperm", "normal", "multinomial", "bernoulli"}
DRAWS |= {"normal_", "uniform_", "random_", "bernoulli_", "dropout", "random", "time"}


def drawing(cls: type) -> Place:
    """The first line of the class that calls something that draws, or else the class."""
    tree = _tree(cls)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in DRAWS:
                return node.lineno
    return None


def _file(cls: type) -> str | None:
    """Where the class's text is; of one that a notebook holds, the name of the cell that its methods are of."""
    try:
        found = inspect.getsourcefile(cls)
    except (TypeError, OSError):
        found = None
    codes = (getattr(member, "__code__", None) for member in vars(cls).values())
    places = (found, *(code.co_filename for code in codes if code is not None))
    return next((place for place in places if place and linecache.getlines(place)), None)


def _class_line(cls: type) -> int:
    tree = _tree(cls)
    return tree.lineno if tree else 1


def _field_line(cls: type, field: str) -> int:
    tree = _tree(cls)
    for node in tree.body if tree else ():
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == field:
            return node.lineno
    return _class_line(cls)


def _tree(cls: type) -> ast.ClassDef | None:
    """The class in its file's syntax tree (nested classes too)."""
    file = _file(cls)
    if file is None:
        return None
    source = "".join(linecache.getlines(file))
    found = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef) and n.name == cls.__name__]
    return found[-1] if found else None


def _shown(file: str | None, number: int) -> str:
    if file is None:
        return "(no source file)"
    path = Path(file)
    near = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{near}:{number}: {linecache.getline(file, number).strip()}"
