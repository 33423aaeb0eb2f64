"""Two processes on this machine: the losses of one, checkpoints for any number, and an end in time when one dies."""

import io
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.train import RunFolder, load_config, train, variables_of, with_arguments
from jaxseg.train.distributed import Distributed, in_cluster

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
import flax.linen as nn
from jaxseg import losses
from jaxseg.methods import SGD, ObjectiveMethod, Term
from jaxseg.models import LinenNetwork
from jaxseg.train import Experiment
from tests.tiny import Blocks, network

class Small(nn.Module):
    @nn.compact
    def __call__(self, image, train):
        x = nn.relu(nn.Conv(64, (3, 3))(image))
        return nn.Conv(3, (1, 1))(nn.BatchNorm(use_running_average=not train)(x))

def experiment():
    return Experiment(
        name="processes",
        data=Blocks(size=SIZE),
        target=Blocks(size=SIZE, shift=60),
        method=ObjectiveMethod(
            network=NETWORK,
            objective={
                "source": Term(losses.SoftmaxCrossEntropy()),
                "target": Term(losses.MaximumSquares(), weight=0.3, domain="target"),
            },
            steps=STEPS,
            optimizer=SGD(learning_rate=0.1),
        ),
        batch=4,
        checkpoint_every=10,
        evaluate_every=25,
    )
"""


def config(folder: Path, network: str, size: tuple[int, int], steps: int) -> Path:
    text = CONFIG.replace("NETWORK", network).replace("SIZE", repr(size)).replace("STEPS", str(steps))
    path = folder / "processes_config.py"
    path.write_text(text)
    return path


def started(path: Path, run: Path, *options: str, devices: int = 1) -> list[subprocess.Popen[str]]:
    """Two processes that train together."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"XLA_FLAGS": "", "JAX_NUM_CPU_DEVICES": str(devices)}
    command = [sys.executable, "-m", "experiments.train", str(path), "--run", str(run), *options]
    address = ["--distributed.coordinator", f"localhost:{port}", "--distributed.processes", "2"]
    return [
        subprocess.Popen(
            [*command, *address, "--distributed.process", str(index), "--distributed.heartbeat", "10"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(2)
    ]


def ended(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out


def alone(path: Path, run: Path, *options: str) -> RunFolder:
    """The same trained by this process on one device."""
    arguments = ["--mesh.data", "1", *options]
    experiment = with_arguments(load_config(path), arguments)
    folder = RunFolder(run)
    folder.open(experiment, path, arguments)
    train(experiment, folder, stream=io.StringIO())
    return folder


def figures(run: RunFolder, kind: str, name: str) -> list[float]:
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    return [line[name] for line in lines if line["kind"] == kind]


def close(a: RunFolder, b: RunFolder) -> None:
    for x, y in zip(*(jax.tree.leaves(variables_of(run)) for run in (a, b)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


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
    path = config(tmp_path, "LinenNetwork(classes=3, module=Small())", (8, 16), 3)
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
