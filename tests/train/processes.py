"""Several processes on this machine that train together, and the same training by this process alone."""

import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np

from jaxseg.train import RunFolder, load_config, train, variables_of, with_arguments

ROOT = Path(__file__).resolve().parents[2]
SMALL = "LinenNetwork(classes=3, module=Small())"
"""A network with a kernel large enough to be split."""

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


def started(
    path: Path, run: Path, *options: str, devices: int = 1, count: int = 2
) -> list[subprocess.Popen[str]]:
    """`count` processes of `devices` devices each that train together."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"XLA_FLAGS": "", "JAX_NUM_CPU_DEVICES": str(devices)}
    command = [sys.executable, "-m", "experiments.train", str(path), "--run", str(run), *options]
    address = ["--distributed.coordinator", f"localhost:{port}", "--distributed.processes", str(count)]
    return [
        subprocess.Popen(
            [*command, *address, "--distributed.process", str(index), "--distributed.heartbeat", "10"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(count)
    ]


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    """What each process said; all end as they should."""
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(said)
    return said


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
