"""A sweep on a real Slurm of one node, started here: a controller and a node daemon with a configuration of their own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sweeps.test_ray import same_results
from tests.synthetic_sweeps import PLUGIN, tiny
from zoo.extending import plugins
from zoo.sweeps import slurm, sweep, worker
from zoo.sweeps.worker import Setup, Status

DAEMONS, COMMANDS = ("slurmctld", "slurmd"), ("srun", "sbatch", "squeue", "scancel")
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
ABSENT = [name for name in (*DAEMONS, *COMMANDS) if shutil.which(name, path=PATH) is None]

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}"),
]


def configuration(folder: Path, host: str, ports: list[int]) -> str:
    """A Slurm of one node without cgroups, accounting or munge: nothing else on this machine is touched."""
    user = getpass.getuser()
    lines = {
        "ClusterName": "zoo",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmctldPort": ports[0],
        "SlurmdPort": ports[1],
        "SlurmUser": user,
        "SlurmdUser": user,
        "AuthType": "auth/none",
        "CredType": "cred/none",
        "StateSaveLocation": folder,
        "SlurmdSpoolDir": folder,
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.pid",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core",
        "MpiDefault": "none",
        "ReturnToService": 2,
        "NodeName": f"{host} NodeAddr=127.0.0.1 CPUs={len(os.sched_getaffinity(0))} RealMemory=1000",
        "PartitionName": "here Nodes=ALL Default=YES State=UP",
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Slurm's commands find a controller and a node of this test alone."""
    folder, host = tmp_path / "slurm", socket.gethostname().partition(".")[0]
    folder.mkdir()
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("", 0))
        ports = [each.getsockname()[1] for each in (one, other)]
    (folder / "slurm.conf").write_text(configuration(folder, host, ports))
    monkeypatch.setenv("PATH", PATH)
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    log = (folder / "log").open("w")
    daemons = [subprocess.Popen([name, "-D", "-c"], stdout=log, stderr=log) for name in DAEMONS]
    try:
        ends = time.monotonic() + 100
        while (state := node_state()) != "idle" and time.monotonic() < ends:
            time.sleep(0.2)
        assert state == "idle", (folder / "log").read_text()[-3000:]
        yield
        ends = time.monotonic() + 60
        while (
            node_state() != "idle" and time.monotonic() < ends
        ):  # a job's last process tells the controller of its end
            time.sleep(0.2)
    finally:
        for daemon in daemons[::-1]:
            daemon.terminate()
            daemon.wait(60)


def node_state() -> str:
    told = subprocess.run(["sinfo", "--noheader", "--format=%t"], capture_output=True, text=True, check=False)
    return told.stdout.strip()


def test_a_killed_job_is_submitted_again_and_ends_with_the_local_results(
    queue: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_TEST_MARKS", str(tmp_path))
    monkeypatch.setattr(slurm, "LOOK", 1.0)
    monkeypatch.setattr(slurm, "LATE", 2.0)
    plugins.load_file(PLUGIN)
    cells = tiny("test-killed", "ns")
    made = slurm.Slurm("cpu", None, Setup(plugins=(str(PLUGIN),)), tmp_path / "runs", {"timeout_min": "5"})
    outcomes = list(sweep.Sweep(cells, tmp_path / "runs", made).run())
    assert [(o.status, o.error) for o in outcomes] == [(Status.DONE, "")] * 2
    assert (tmp_path / "killed").exists()
    for cell in cells:
        local = worker.train(cell, tmp_path / cell.key, "cpu", lambda: False)
        same_results(local.folder, sweep.folder_of(cell, tmp_path / "runs"))
