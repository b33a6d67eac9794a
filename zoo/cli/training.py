"""What `zoo run` does: plan, train, show; and how a run ends that is stopped or cannot go on."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.summary import show_summary
from zoo.errors import ZooError, lacks_memory
from zoo.files import finite
from zoo.progress.stopping import asking
from zoo.progress.terminal import Live, judge_bar, terminal
from zoo.runs import pictures, session
from zoo.runs.cell import plan, read_cell
from zoo.runs.command import going_on

if TYPE_CHECKING:
    from zoo.cli.run import RunOptions


def run_cell(variant: str | None, options: dict[str, Any], changes: dict[str, Any], asked: RunOptions) -> None:
    """Plan, train, show: what `zoo run` does."""
    quiet, began = asked.quiet or asked.as_json, time.monotonic()
    console = terminal(quiet)
    listener = session.Listener() if quiet else Live(console)
    if asked.resume:
        with judge_bar(quiet=quiet) as listener.judging:
            run = resumed(asked.resume, variant, options, changes, asked, listener)
    else:
        cell = plan(
            variant,
            options,
            data=asked.data,
            recipe=asked.recipe,
            changes=changes,
            seeds="8" if asked.seeds is None else asked.seeds,
            protocol=asked.protocol,
            data_root=asked.data_root,
        )
        with judge_bar(quiet=quiet) as listener.judging:
            run = session.start(
                cell, out=asked.out, device=asked.device, compile=asked.compile, tf32=asked.tf32, listener=listener
            )
    earlier = run.training.seconds
    summary = train(run)
    if asked.track:
        from zoo import tracking

        failure = tracking.try_log(run.folder, tracking.root_of(run.folder))
        if failure:
            print(f"zoo: {failure}", file=sys.stderr)
    if asked.as_json:
        print(json.dumps(finite(summary), indent=2))
    rest = time.monotonic() - began - (run.training.seconds - earlier)
    show_summary(console, run, summary, rest, tracked=asked.track)


def resumed(
    folder: Path,
    variant: str | None,
    options: dict[str, Any],
    changes: dict[str, Any],
    asked: RunOptions,
    listener: session.Listener,
) -> session.Session:
    """The run in ``folder``, as it was started; with --rounds a longer one from there, in a folder of its own."""
    other = any((asked.data, asked.recipe, asked.protocol, asked.seeds, asked.data_root, asked.tf32))
    if options or other or changes.keys() - {"rounds"} or (asked.out and not changes):
        raise ZooError(
            "--resume goes on with the run as it was started; it takes no other settings. (With more --rounds it begins a longer run from there.)"
        )
    if variant and variant != (there := read_cell(folder).variant):
        raise ZooError(f"The run in {folder} is of {there}, not {variant}.")
    if not changes:
        return session.resume(folder, device=asked.device, compile=asked.compile, listener=listener)
    return session.lengthen(
        folder, changes["rounds"], out=asked.out, device=asked.device, compile=asked.compile, listener=listener
    )


def train(run: session.Session) -> dict[str, Any]:
    """Train until done; Ctrl-C once saves a checkpoint and says how to go on (exit code 130), twice quits at once."""
    try:
        with asking(run.asked_to_stop.set):
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
        run.listener.close()
