"""A sweep on two real Ray nodes: dead workers, a node that does not see the folder of runs, shares of a GPU, the wrong token."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.synthetic_sweeps import PLUGIN, TINY, tiny
from zoo import training
from zoo.extending import plugins
from zoo.sweeps import errand, ray_cluster, sweep, worker
from zoo.sweeps.errand import Errand
from zoo.sweeps.ray_cluster import Ray
from zoo.sweeps.worker import Outcome, Setup, Status

TOKEN = os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
"""Of every cluster that this process of the tests starts: Ray remembers a process's first one, and whether it had one."""
os.environ.setdefault("RAY_AUTH_MODE", "token")

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray cannot be imported"),
]


def hiding(folder: Path) -> list[str]:
    """What to put before a command so that it finds ``folder`` empty; nothing where this system does not allow it."""
    words = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {shlex.quote(str(folder))} && exec "$@"', "sh"]
    try:
        return words if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0 else []
    except FileNotFoundError:
        return []


@dataclass
class Cluster:
    """Two nodes of this machine: a core, and four cores with what Ray is told is a GPU. The second does not see ``out``."""

    address: str
    out: Path
    marks: Path
    tmp: Path
    """For the temporary files of the second node."""
    hidden: bool


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Of one process of the tests at a time: two of Ray's heads on a machine want the same ports."""
    with (
        (Path(tempfile.gettempdir()) / "zoo-test-ray.lock").open("w") as alone,
        tempfile.TemporaryDirectory(prefix="zoo-ray-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        fcntl.flock(alone, fcntl.LOCK_EX)
        for name in ("runs", "marks", "tmp"):
            (Path(folder) / name).mkdir()
        out, marks, tmp = (Path(folder) / name for name in ("runs", "marks", "tmp"))
        for name, value in {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # else whatever else this machine does comes first
            "ZOO_TEST_MARKS": str(marks),
        }.items():
            patch.setenv(name, value)
        import ray

        with socket.socket() as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
        address, hide = f"{ray.util.get_node_ip_address()}:{port}", hiding(out)
        start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--object-store-memory=100000000"]
        first = [
            *start,
            "--head",
            f"--port={port}",
            "--num-cpus=1",
            "--include-dashboard=false",
            f"--temp-dir={folder}/ray",
        ]
        second = [*hide, *start, f"--address={address}", "--num-cpus=4", "--num-gpus=1"]
        log = (Path(folder) / "log").open("w")
        nodes = [subprocess.Popen(first, stdout=log, stderr=log, start_new_session=True)]
        try:
            ends = time.monotonic() + 200
            while not answers(address) and nodes[0].poll() is None and time.monotonic() < ends:
                time.sleep(0.1)
            env = os.environ | {"TMPDIR": str(tmp)}
            nodes.append(subprocess.Popen(second, stdout=log, stderr=log, start_new_session=True, env=env))
            ray.init(address, log_to_driver=False, logging_level="ERROR")
            while len(ray.nodes()) < 2 and nodes[1].poll() is None and time.monotonic() < ends:
                time.sleep(0.1)
            ray.shutdown()
            yield Cluster(address, out, marks, tmp, bool(hide))
        finally:
            for node in nodes[::-1]:
                node.terminate()
                node.wait(60)


def answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as tried:
        return tried.connect_ex((host, int(port))) == 0


def zoo(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from zoo.cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
        timeout=400,
    )


def same_results(one: Path, other: Path) -> None:
    metrics = [json.loads((folder / "summary.json").read_text())["metrics"] for folder in (one, other)]
    assert metrics[0] == metrics[1]
    for name in ("metrics.csv", "generator.safetensors", "samples.npz"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_two_nodes_and_a_killed_worker_end_with_the_local_results(cluster: Cluster, tmp_path: Path) -> None:
    plugins.load_file(PLUGIN)
    cells = tiny("test-killed", "ns", lr_d=(0.001, 0.002))
    grid = [f"--grid={name}={','.join(map(str, values))}" for name, values in (TINY | {"lr_d": (0.001, 0.002)}).items()]
    command = ["sweep", "--variants=test-killed,ns", "--seeds=2", *grid, f"--plugin={PLUGIN}", f"--out={cluster.out}"]
    done = zoo(*command, "--on=ray", f"--address={cluster.address}", "--device=cpu", "--jobs=2", "--no-track")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 4 cells finished" in done.stdout
    assert (cluster.marks / "killed").exists()
    loaded = [Path(line) for line in (cluster.marks / "loaded").read_text().splitlines()]
    assert any(path.is_relative_to(cluster.tmp) for path in loaded) == cluster.hidden
    assert not list((cluster.out / sweep.NOTES).glob("*.mark"))
    for cell in cells:
        local = worker.train(cell, tmp_path / cell.key, "cpu", lambda: False)
        assert local.status is Status.DONE
        same_results(local.folder, sweep.folder_of(cell, cluster.out))


def test_a_wrong_token_is_one_sentence_and_nothing_is_written(cluster: Cluster, tmp_path: Path) -> None:
    words = ["sweep", "--variants=ns", "--on=ray", f"--address={cluster.address}", f"--out={tmp_path}/runs"]
    done = zoo(*words, RAY_AUTH_TOKEN="0" * 64)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"the Ray cluster at {cluster.address} cannot be used" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_cells_share_a_gpu_and_nodes_without_one_take_others(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five cells that wait for one another: four fill the GPU, a quarter each, so the fifth has to go to the node without one."""

    def work(given: Errand, bell: object) -> tuple[Outcome, dict[str, bytes]]:
        import ray

        (meeting / f"{given.device} {given.cell.key}").touch()
        ends = time.monotonic() + 100
        while len(list(meeting.glob("*"))) < 5 and time.monotonic() < ends:
            time.sleep(0.1)
        told = f"{given.device} {ray.get_gpu_ids()} {time.monotonic() < ends}"
        return Outcome(given.cell, given.folder, Status.DONE, error=told), {"DONE": b""}

    meeting = cluster.marks / "meeting"
    meeting.mkdir()
    work.__module__ = "__main__"  # sent as it is: the nodes do not know this file
    monkeypatch.setattr(ray_cluster, "work", work)
    cells = tiny("ns", lr_d=(0.1, 0.2, 0.3, 0.4, 0.5))
    queue = Ray("auto", None, Setup(), tmp_path, cluster.address, 0.25)
    found = sorted(outcome.error for outcome in sweep.Sweep(cells, tmp_path, queue).run())
    assert found == ["cpu [] True", *["cuda [0] True"] * 4]


def test_ctrl_c_checkpoints_wherever_cells_are_trained(cluster: Cluster, tmp_path: Path) -> None:
    out = cluster.out / "stopped"
    words = ["sweep", "--variants=ns", "--grid=rounds=100000", "--grid=every=500", "--grid=width=8", "--seeds=1"]
    words += ["--on=ray", f"--address={cluster.address}", "--device=cpu", "--no-track", f"--out={out}", "--jobs=1"]
    words += ["--grid=lr_d=0.001,0.002"]
    code = "from zoo.cli.app import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True)
    ends = time.monotonic() + 200
    while not begun(cluster, out) and time.monotonic() < ends and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=200)
    assert process.returncode == 130, told
    (folder,) = out.glob("ring/ns/*")
    assert (folder / "INTERRUPTED").exists()
    assert (folder / "checkpoint.safetensors").exists()


def begun(cluster: Cluster, out: Path) -> bool:
    return any(list(place.rglob("checkpoint.safetensors")) for place in (out, cluster.tmp))


# Without a cluster


def test_a_node_without_the_folder_goes_on_from_what_was_begun_and_sends_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(training, "TURN", 0.0)  # a run asks after every round whether to stop
    (cell,) = tiny("ns", seeds=1)
    whole, here = tmp_path / "whole", tmp_path / "here"
    worker.train(cell, whole, "cpu", lambda: False)
    stopped = worker.train(cell, here, "cpu", iter([False, False, True]).__next__)
    assert stopped.status is Status.INTERRUPTED
    absent = tmp_path / "elsewhere" / "x.mark"
    given = Errand(cell, here, "cpu", Setup(), absent, {}, errand.read_files(here))
    outcome, files = given.run(lambda: False)
    assert outcome.status is Status.DONE
    assert not list(tmp_path.glob("zoo-*"))
    errand.write_files(files, here)
    same_results(here, whole)
    assert json.loads(files["config.json"])["seeds"] == [0]


def test_a_process_that_died_while_it_wrote_what_was_begun_leaves_nothing_in_the_next_ones_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(training, "TURN", 0.0)
    (cell,) = tiny("ns", seeds=1)
    begun = worker.train(cell, tmp_path / "begun", "cpu", iter([False, False, True]).__next__)
    files, write = errand.read_files(begun.folder), errand.write_bytes

    def die(path: Path, data: bytes) -> None:
        if list(path.parent.iterdir()):
            raise KeyboardInterrupt  # as good as any death
        write(path, data)

    given = Errand(cell, tmp_path / "away", "cpu", Setup(), tmp_path / "absent" / "x.mark", {}, files)
    monkeypatch.setattr(errand, "write_bytes", die)
    with pytest.raises(KeyboardInterrupt):
        given.run(lambda: False)
    monkeypatch.setattr(errand, "write_bytes", write)
    found: list[set[str]] = []
    monkeypatch.setattr(errand, "train", lambda cell, folder, *how, **more: found.append(set(os.listdir(folder))))
    given.run(lambda: False)
    assert found == [set(files)]


def test_plugins_that_are_sent_along_are_there_while_a_cell_is_trained_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    loaded: list[Path] = []
    monkeypatch.setattr(plugins, "load_file", lambda path: loaded.append(Path(path)))
    (cell,) = tiny("ns", seeds=1)

    def look(*how: object, **more: object) -> Outcome:
        assert [path.read_bytes() for path in loaded] == [b"mine", b"another"]
        return Outcome(cell, tmp_path, Status.DONE)

    monkeypatch.setattr(errand, "train", look)
    sent = {"0/x.py": b"mine", "1/x.py": b"another"}
    given = Errand(cell, tmp_path / "away", "cpu", Setup(), tmp_path / "absent" / "x.mark", sent, {})
    assert given.run(lambda: False)[0].status is Status.DONE
    assert loaded
    assert not list(tmp_path.glob("zoo-*"))


def test_a_cell_that_another_has_taken_over_is_lost_and_its_files_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    cells = kept, taken = tiny("ns", seeds=1, lr_d=(0.1, 0.2))
    made = Ray("cpu", None, Setup(), tmp_path, None, None)
    monkeypatch.setattr(ray, "get", lambda task: (Outcome(cells[task], Path("away"), Status.DONE), {"DONE": b""}))
    made._running = {task: (cell, tmp_path / cell.key, "cpu") for task, cell in enumerate(cells)}
    made.drop(taken.key)
    assert [made._ended(task).status for task in (0, 1)] == [Status.DONE, Status.LOST]
    assert [path.name for path in tmp_path.rglob("DONE")] == ["DONE"]
    assert (tmp_path / kept.key / "DONE").exists()


def test_a_cluster_is_left_where_the_folder_of_runs_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    ended: list[bool] = []
    monkeypatch.setattr(ray, "shutdown", lambda: ended.append(True))
    (tmp_path / "file").touch()
    Ray("cpu", None, Setup(), tmp_path / "file", None, None).close()
    assert ended == [True]


def test_the_file_that_says_that_a_run_is_whole_is_written_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(errand, "write_bytes", lambda path, data: written.append(path.name))
    errand.write_files({"DONE": b"", "a": b"", "Z": b"", "below/b": b"", "config.json": b""}, tmp_path)
    assert written == ["config.json", "Z", "a", "b", "DONE"]


@pytest.mark.parametrize(
    ("device", "share", "places"),
    [
        ("auto", None, {"cpu": 3, "cuda": 2}),
        ("auto", 0.25, {"cpu": 3, "cuda": 5}),
        ("cpu", None, {"cpu": 8}),
        ("cuda", 0.5, {"cuda": 4}),
    ],
)
def test_a_node_offers_its_gpus_or_else_its_cores(
    device: str, share: float | None, places: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    nodes = [{"CPU": 5.0, "GPU": 2.0}, {"CPU": 3.0}]
    told = [{"Alive": True, "Resources": n} for n in nodes] + [{"Alive": False, "Resources": {"CPU": 64.0}}]
    monkeypatch.setattr(ray, "nodes", lambda: told)
    found = Ray(device, None, Setup(), tmp_path, None, share)._places()
    assert {kind: n for kind, n in found.items() if n} == places
