"""What `zoo run` does: plan, train, show; and how a run ends that is stopped or cannot go on."""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import Any

from rich.console import Console

from zoo.cli.summary import show_summary
from zoo.errors import ZooError, lacks_memory
from zoo.files import finite
from zoo.progress.terminal import Live, judge_bar, terminal
from zoo.runs import pictures, session
from zoo.runs.cell import plan, read_cell
from zoo.runs.command import going_on


def run_cell(variant: str | None, options: dict[str, Any], changes: dict[str, Any], given: dict[str, Any]) -> None:
    """Plan, train, show: what `zoo run` does."""
    quiet, began = given["quiet"] or given["as_json"], time.monotonic()
    console = terminal(quiet)
    listener = session.Listener() if quiet else Live(console)
    if given["resume"]:
        with judge_bar(quiet=quiet) as listener.judging:
            run = resumed(variant, options, changes, given, listener)
    else:
        chosen: dict[str, Any] = {k: given.get(k) for k in ("data", "recipe", "protocol")}
        root = given.get("data_root")
        cell = plan(
            variant,
            options,
            **chosen,
            changes=changes,
            seeds="8" if (seeds := given.get("seeds")) is None else seeds,
            data_root=str(root) if root else None,
        )
        out, tf32 = given.get("out"), bool(given.get("tf32"))
        with judge_bar(quiet=quiet) as listener.judging:
            run = session.start(
                cell, out=out, device=given["device"], compile=given["compile"], tf32=tf32, listener=listener
            )
    earlier = run.training.seconds
    summary = train(run, console)
    if given["track"]:
        from zoo import tracking

        failure = tracking.try_log(run.folder, tracking.root_of(run.folder))
        if failure:
            print(f"zoo: {failure}", file=sys.stderr)
    if given["as_json"]:
        print(json.dumps(finite(summary), indent=2))
    rest = time.monotonic() - began - (run.training.seconds - earlier)
    show_summary(console, run, summary, rest, tracked=given["track"])


def resumed(
    variant: str | None,
    options: dict[str, Any],
    changes: dict[str, Any],
    given: dict[str, Any],
    listener: session.Listener,
) -> session.Session:
    """What --resume names, as it was started; with --rounds a longer one from there, in a folder of its own."""
    folder, how = given["resume"], {"device": given["device"], "compile": given["compile"], "listener": listener}
    other = [k for k in ("data", "recipe", "protocol", "seeds", "data_root", "tf32") if given.get(k)]
    if options or other or changes.keys() - {"rounds"} or (given.get("out") and not changes):
        raise ZooError(
            "--resume goes on with the run as it was started; it takes no other settings. (With more --rounds it begins a longer run from there.)"
        )
    if variant and variant != (there := read_cell(folder).variant):
        raise ZooError(f"The run in {folder} is of {there}, not {variant}.")
    if changes:
        return session.lengthen(folder, changes["rounds"], out=given.get("out"), **how)
    return session.resume(folder, **how)


def train(run: session.Session, console: Console) -> dict[str, Any]:
    """Train until done; Ctrl-C once saves a checkpoint and says how to go on (exit code 130), twice quits at once."""

    def ask_to_stop(signum: int, frame: Any) -> None:
        if run.asked_to_stop.is_set():
            raise KeyboardInterrupt
        run.asked_to_stop.set()

    before = {s: signal.signal(s, ask_to_stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        return run.train(pictures.draw)
    except session.Interrupted:
        print(f"Stopped after {run.training.played:,} rounds; the checkpoint is saved. Go on with:", file=sys.stderr)
        print(f"  {going_on(run.cell, run.folder)}", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:  # of what is printed, not of the run's files
        raise
    except (OSError, MemoryError, RuntimeError) as error:
        if isinstance(error, OSError):
            what = f"The run's files cannot be written ({error.strerror or error})"
        elif lacks_memory(error):
            what = (
                "There is not enough memory for this run (fewer --seeds, a smaller --batch or smaller nets need less)"
            )
        else:
            raise
        go_on = f"; once that is fixed, go on with: {going_on(run.cell, run.folder)}" if run.checkpointed else "."
        raise ZooError(f"{what}{go_on}") from error
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
        if isinstance(run.listener, Live):
            run.listener.close()
