"""Two processes on this machine: the losses of one, checkpoints for any number, and an end in time when one dies."""

import json
import random
import re
import shutil
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.train import RunFolder, variables_of
from jaxseg.train.distributed import Distributed, in_cluster
from tests.train.processes import SMALL, alone, close, config, ended, figures, started


@pytest.mark.slow
def test_two_processes_are_one_and_one_that_dies_ends_both_and_loses_nothing(tmp_path: Path) -> None:
    steps = 60
    path = config(tmp_path, "network(normalize=True)", (8, 16), steps)
    one = alone(path, tmp_path / "one")
    whole = RunFolder(tmp_path / "whole")
    ended(started(path, whole.path))
    assert figures(whole, "train", "loss") == pytest.approx(figures(one, "train", "loss"), rel=1e-5, abs=1e-6)
    assert figures(whole, "evaluation", "mean_iou") == pytest.approx(figures(one, "evaluation", "mean_iou"))
    close(one, whole)
    assert json.loads(next(whole.evaluations.glob("*.json")).read_text())["images"] == 12
    assert whole.report.exists()

    shutil.copytree(whole.path, tmp_path / "fewer")  # saved by two, resumed by one
    shutil.rmtree(tmp_path / "fewer" / "checkpoints" / str(steps))
    close(alone(path, tmp_path / "fewer"), whole)

    draw = random.Random(3)
    cut = RunFolder(tmp_path / "cut")
    processes = started(path, cut.path)
    victim, after = draw.randrange(2), draw.randrange(12, 40)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        if cut.metrics.exists() and len(figures_so_far(cut)) > after:
            break
        time.sleep(0.005)
    processes[victim].kill()
    died = time.monotonic()
    out, _ = processes[1 - victim].communicate(timeout=60)
    processes[victim].communicate(timeout=60)
    assert time.monotonic() - died < 60
    assert processes[1 - victim].returncode == 1, out
    assert re.search(
        rf"error: (process {victim}|another process) of this run ended or cannot be reached", out
    )
    assert "Traceback" not in out
    ended(started(path, cut.path))
    step, expected = variables_of(whole)
    again, found = variables_of(cut)
    assert step == again == steps
    jax.tree.map(np.testing.assert_array_equal, expected, found)


def figures_so_far(run: RunFolder) -> list[str]:
    return run.metrics.read_text().splitlines()


@pytest.mark.slow
def test_rows_and_parameters_can_be_split_over_processes(tmp_path: Path) -> None:
    """Two processes of two devices each, every device with a quarter of the rows and of the parameters."""
    path = config(tmp_path, SMALL, (8, 16), 3)
    one = alone(path, tmp_path / "one", "--evaluate-every", "0")
    options = ["--mesh.space", "4", "--mesh.parameters", "sharded", "--evaluate-every", "0"]
    many = RunFolder(tmp_path / "many")
    ended(started(path, many.path, *options, devices=2))
    assert figures(many, "train", "loss") == pytest.approx(figures(one, "train", "loss"), rel=1e-5, abs=1e-6)
    close(one, many)


def test_a_coordinator_without_numbers_is_told() -> None:
    with pytest.raises(InputError, match=r"needs --distributed\.processes"):
        Distributed(coordinator="localhost:1").start()
    with pytest.raises(InputError, match=r"need --distributed\.coordinator"):
        Distributed(process=0).start()
    with pytest.raises(InputError, match="heartbeat: 0"):
        Distributed(heartbeat=0).start()


def test_a_cluster_is_known_by_what_started_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not in_cluster()
    assert not Distributed().start()
    monkeypatch.setenv("SLURM_JOB_ID", "7")  # a shell inside an allocation
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert not in_cluster()
    monkeypatch.setenv("SLURM_STEP_NODELIST", "node[1-2]")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    assert not in_cluster()
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert in_cluster()
    monkeypatch.delenv("SLURM_STEP_NODELIST")
    assert not in_cluster()
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "10.0.0.1,10.0.0.2")
    assert in_cluster()
