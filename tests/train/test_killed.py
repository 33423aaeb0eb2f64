"""A run killed twenty times, in the compiler, a step, a save, an evaluation, ends with the same bits."""

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxseg.train import RunFolder, variables_of

ROOT = Path(__file__).resolve().parents[2]
KILLS, STEPS = 20, 340

CONFIG = f"""
from jaxseg import losses
from jaxseg.methods import Adam, ObjectiveMethod, Term
from jaxseg.train import Experiment, MeshShape
from tests.tiny import Blocks, network

def experiment():
    method = ObjectiveMethod(
        network=network(normalize=True, dropout=0.2),
        objective={{"source": Term(losses.SoftmaxCrossEntropy())}},
        steps={STEPS},
        optimizer=Adam(),
    )
    return Experiment(
        name="killed",
        data=Blocks(),
        method=method,
        batch=4,
        mesh=MeshShape(data=1),
        checkpoint_every=5,
        evaluate_every=8,
    )
"""

CLOCK = ("seconds", "images_per_second", "input_wait")


def lived(folder: Path, name: str, kills: int) -> tuple[list[str], RunFolder]:
    """What became of every life of a run, and its folder."""
    config = folder / "killed_config.py"
    config.write_text(CONFIG)
    environment = os.environ | {
        "XLA_FLAGS": "",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-W", "ignore", "-m", "tests.train.killed"]
    done = subprocess.run(
        [*command, str(config), str(folder / name), "7", str(kills)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), RunFolder(folder / name)


def logged(run: RunFolder) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in CLOCK} for line in lines]


@pytest.mark.slow
def test_a_run_killed_at_twenty_random_moments_ends_with_the_same_bits(tmp_path: Path) -> None:
    lives, whole = lived(tmp_path, "whole", 0)
    assert lives == ["none 0"]
    lives, cut = lived(tmp_path, "cut", KILLS)
    ends = collections.Counter(lives)
    assert ends == {"none 0": 1} | {f"{moment} -9": 5 for moment in ("compile", "step", "save", "evaluation")}
    step, expected = variables_of(whole)
    assert step == STEPS
    again, found = variables_of(cut)
    assert again == STEPS
    jax.tree.map(np.testing.assert_array_equal, expected, found)
    assert logged(cut) == logged(whole)
