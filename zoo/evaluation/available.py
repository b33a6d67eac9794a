"""Which metrics can be had of which samples, and in a sentence why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from toy_data import Images, Points
from zoo.errors import ZooError, unknown
from zoo.evaluation.inception import MISSING
from zoo.evaluation.setting import Setting, tells_modes
from zoo.extending import measures
from zoo.metrics import spec


def lacks_modes(setting: Setting) -> str | None:
    if setting.data.weights is None:
        return f"'{setting.data.name}' has no known modes."
    if not tells_modes(setting.data):
        return f"'{setting.data.name}' has labels, but nothing tells which mode a new sample belongs to."
    return None


def _lacks_judge(setting: Setting) -> str | None:
    there = isinstance(setting.data, Images)
    return None if there else f"'{setting.data.name}' has no judge, since it holds no labelled images."


def _lacks_inception(setting: Setting) -> str | None:
    there = len(setting.data.shape) == 3 and setting.data.shape[0] == 3
    if not there:
        return f"'{setting.data.name}' holds no images in three colours, which Inception looks at."
    return f"It {MISSING}" if find_spec("torch_fidelity") is None else None


def _lacks_generator(setting: Setting) -> str | None:
    told = "It needs the generator itself, each of whose samples depends on its own latent alone: give the directory of such a run."
    return told if setting.generators is None else None


def _lacks_history(setting: Setting) -> str | None:
    return "It needs a run's evaluations: give a run directory." if setting.history is None else None


NO_THRESHOLD = "A sample has the label of the training sample nearest to it, however far; precision stands for quality."
"""Why labelled points have no high-quality share."""
LACKS: dict[spec.Need, Callable[[Setting], str | None]] = {
    "modes": lacks_modes,
    "classifier": _lacks_judge,
    "inception": _lacks_inception,
    "generator": _lacks_generator,
    "history": _lacks_history,
}
"""What a metric may need, to why a setting lacks it, in one sentence; ``None`` where it does not."""


_OF_TWO = "one_nn one_nn_real one_nn_fake mmd mmd_poly frechet fid kid vendi birthday overfit_one_nn overfit_frechet"
PAIRED = (
    dict.fromkeys(("precision", "recall", "density", "coverage"), 6)
    | dict.fromkeys(("ndb", "kde"), 4)  # each on one half what the other half chose
    | dict.fromkeys(_OF_TWO.split(), 2)
)
"""The fewest training points that a metric of pairs can do with."""


def all_of(names: Sequence[str] | None) -> list[str]:
    """These metrics, each once; where none is named the cheap ones, and those that plugins bring. ``ZooError`` for a name that none has."""
    brought, refused = measures.metrics()
    for name in names or ():
        if name in refused:
            raise ZooError(refused[name])
        if name not in {*spec.BY_NAME, *brought}:
            raise unknown("metric", name, {*spec.BY_NAME, *brought})
    return list(dict.fromkeys(names or [*(m.name for m in spec.METRICS if m.default), *brought]))


def needs(name: str) -> set[str]:
    """What a metric needs beyond samples and data; a plugin's nothing."""
    return set(spec.BY_NAME[name].needs) if name in spec.BY_NAME else set()


def better(name: str) -> str:
    """What is better of a metric."""
    return spec.BY_NAME[name].better if name in spec.BY_NAME else spec.direction(name, measures.metrics()[0][name])


def unavailable(setting: Setting, name: str) -> str | None:
    """Why a metric cannot be computed here, in one sentence; None where it can."""
    brought = measures.metrics()[0]
    if name in brought:
        return measures.tried(name, brought[name], setting.data) or None
    for need in spec.get(name).needs:
        if (why := LACKS[need](setting)) is not None:
            return why
    if isinstance(setting.data, Images):
        instead = {"frechet": "fid", "mmd_poly": "kid"}
        if name in instead:
            return f"On images it is taken between the judge's features, where it is called {instead[name]}."
        if name == "high_quality":
            return "The judge gives every image a mode; there is no threshold of quality."
    if isinstance(setting.data, Points) and name == "high_quality":
        return NO_THRESHOLD
    enough = PAIRED.get(name, 0)
    if enough and (there := len(setting.train)) < enough:
        told = f"A metric of pairs compares equally many samples and training points, here at least {enough}, and there are {there}"
        if isinstance(setting.data, Points) and setting.data.n_held_out:
            told += f": a tenth of the {len(setting.data.samples):,} points are held out"
        return f"{told}."
    if name == "modes_lost" and setting.history is not None and setting.history.counts is None:
        return "The run keeps too few samples of each evaluation to tell which modes they cover."
    return None
