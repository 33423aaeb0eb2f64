"""The trainer: killed and resumed is never killed, sharded is single, a loss that is not finite stops it."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.data.augment import ScaleCropFlip
from jaxseg.methods import SGD, Adam, ObjectiveMethod, Term
from jaxseg.train import Diverged, Experiment, MeshShape, RunFolder, train, trainer, variables_of
from tests.tiny import Blocks, network

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
import os
from jaxseg import losses
from jaxseg.data.augment import ScaleCropFlip
from jaxseg.methods import Adam, ObjectiveMethod, Term, WarmStart
from jaxseg.train import Experiment, MeshShape, RunFolder
from tests.tiny import Blocks, network

SOURCE = Term(losses.SoftmaxCrossEntropy())

if "INTERRUPT" in os.environ:
    step, number = map(int, os.environ["INTERRUPT"].split())
    log = RunFolder.log

    def interrupted(folder, line):
        log(folder, line)
        if line["step"] == step:
            os.kill(os.getpid(), number)

    RunFolder.log = interrupted

def experiment():
    return Experiment(
        name="tiny",
        data=Blocks(),
        target=Blocks(shift=60),
        method=ObjectiveMethod(
            network=network(normalize=True, dropout=0.2),
            objective={"source": SOURCE, "target": Term(losses.MaximumSquares(), weight=0.3, domain="target")},
            warm_start=WarmStart(steps=30, objective={"source": SOURCE}, optimizer=Adam()),
            steps=50,
        ),
        augment={"crop": ScaleCropFlip(size=(8, 8), scale=(0.8, 1.6))},
        batch=4,
        mesh=MeshShape(data=1),
        checkpoint_every=7,
    )
"""


def tiny(folder: Path, **fields: Any) -> tuple[Experiment, RunFolder]:
    """An experiment of a few steps and its opened run folder."""
    values: dict[str, Any] = {
        "name": "tiny",
        "data": Blocks(),
        "target": Blocks(shift=60),
        "method": ObjectiveMethod(
            network=network(normalize=True),
            objective={
                "source": Term(losses.SoftmaxCrossEntropy()),
                "target": Term(losses.MaximumSquaresImageWise(), weight=0.3, domain="target"),
            },
            steps=5,
            optimizer=SGD(learning_rate=0.1),
        ),
        "augment": {"crop": ScaleCropFlip(size=(8, 8), scale=(0.8, 1.6))},
        "batch": 8,
        "mesh": MeshShape(data=1),
    }
    experiment = Experiment(**(values | fields))
    run = RunFolder(folder)
    source = folder.parent / f"{folder.name}.py"
    source.write_text("")
    run.open(experiment, source, [])
    return experiment, run


def lines(run: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.metrics.read_text().splitlines()]


def test_training_lowers_the_loss_logs_every_step_and_ends_with_a_checkpoint(tmp_path: Path) -> None:
    method = ObjectiveMethod(
        network=network(),
        objective={"source": Term(losses.SoftmaxCrossEntropy())},
        steps=30,
        optimizer=Adam(learning_rate=0.1),
    )
    experiment, run = tiny(tmp_path / "run", method=method, target=None)
    out = io.StringIO()
    state = train(experiment, run, stream=out)
    log = lines(run)
    assert [line["step"] for line in log] == list(range(1, 31))
    assert log[-1]["loss"] < 0.6 * log[0]["loss"]
    assert int(state.step) == 30
    assert "tiny seed 0 train 30/30" in out.getvalue()
    assert (run.checkpoints / "30").is_dir()


def test_the_same_run_again_is_done_at_once(tmp_path: Path) -> None:
    experiment, run = tiny(tmp_path / "run")
    first = train(experiment, run, stream=io.StringIO())
    again = train(experiment, run, stream=io.StringIO())
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert len(lines(run)) == 5


@pytest.mark.parametrize("shape", [MeshShape(data=8), MeshShape(data=1, space=8), MeshShape(data=2, space=4)])
def test_eight_devices_compute_what_one_computes(tmp_path: Path, shape: MeshShape) -> None:
    one, run_one = tiny(tmp_path / "one")
    many, run_many = tiny(tmp_path / "many", mesh=shape)
    a, b = (train(e, r, stream=io.StringIO()) for e, r in ((one, run_one), (many, run_many)))
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6)
    for x, y in zip(lines(run_one), lines(run_many), strict=True):
        assert x["loss"] == pytest.approx(y["loss"], rel=1e-5)


def test_a_state_moves_to_another_mesh_half_way(tmp_path: Path) -> None:
    whole, run_whole = tiny(tmp_path / "whole", checkpoint_every=3)
    expected = train(whole, run_whole, stream=io.StringIO())
    run_part = RunFolder(tmp_path / "part")
    os.rename(run_whole.path, run_part.path)
    subprocess.run(["rm", "-rf", str(run_part.checkpoints / "5")], check=True)
    moved, _ = tiny(tmp_path / "moved", checkpoint_every=3, mesh=MeshShape(data=4, space=2))
    state = train(moved, run_part, stream=io.StringIO())
    for x, y in zip(jax.tree.leaves(expected), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6)


def test_a_loss_that_is_not_finite_names_step_and_term_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    method = ObjectiveMethod(
        network=network(),
        objective={
            "source": Term(losses.SoftmaxCrossEntropy()),
            "reward": Term(losses.Entropy(), weight=-1e30),
        },
        steps=9,
        optimizer=SGD(learning_rate=1e30),
    )
    experiment, run = tiny(tmp_path / "run", method=method, checkpoint_every=1)
    with pytest.raises(
        Diverged, match=r"(term|loss|gradient norm).* at step \d+ .*lower the learning rate"
    ) as caught:
        train(experiment, run, stream=io.StringIO())
    assert "\n" not in str(caught.value)
    kept = [int(path.name) for path in run.checkpoints.iterdir() if path.name.isdigit()]
    message = str(caught.value)
    assert (f"last good checkpoint is step {max(kept)}" if kept else "there is no checkpoint yet") in message


def test_an_image_size_that_the_network_cannot_take_is_told_before_training(tmp_path: Path) -> None:
    from jaxseg import models
    from jaxseg.errors import InputError

    method = ObjectiveMethod(
        network=models.enet(3, width=0.25), objective={"s": Term(losses.SoftmaxCrossEntropy())}, steps=1
    )
    experiment, run = tiny(tmp_path / "run", method=method)
    with pytest.raises(InputError, match=r"image size 8x8 .*at least"):
        train(experiment, run, stream=io.StringIO())


def command(config: Path, run: Path, interrupt: str | None = None) -> tuple[int, str]:
    """Trains in a process, which sends itself a signal when the line of a step is written: `"STEP SIGNAL"`."""
    environment = os.environ | {"XLA_FLAGS": "", "PYTHONPATH": str(ROOT)}
    if interrupt is not None:
        environment["INTERRUPT"] = interrupt
    words = [sys.executable, "-m", "experiments.train", str(config), "--run", str(run)]
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)], ids=["SIGKILL", "SIGTERM"]
)
def test_killed_and_started_again_ends_with_the_same_bits(tmp_path: Path, number: int, status: int) -> None:
    config = tmp_path / "tiny_config.py"
    config.write_text(CONFIG)
    ended, said = command(config, tmp_path / "whole")
    assert ended == 0, said
    assert "resumes at step" not in said
    # In the warm start, and after it. Both lie between two checkpoints, and after two or more: a save waits for the one
    # before it, so there is a checkpoint to go on from, however slow the disk.
    for stop_after in (19, 40):
        ended, said = command(config, tmp_path / "cut", f"{stop_after} {int(number)}")
        assert ended == status, said
        assert ("resumes at step" in said) == (stop_after > 19), said
    ended, said = command(config, tmp_path / "cut")
    assert ended == 0, said
    resumed = re.search(r"resumes at step (\d+) of 80", said)
    assert resumed, said
    assert 28 <= int(resumed[1]) <= 41
    step, expected = variables_of(RunFolder(tmp_path / "whole"))
    again, found = variables_of(RunFolder(tmp_path / "cut"))
    assert step == again == 80
    jax.tree.map(np.testing.assert_array_equal, expected, found)
    clock = ("seconds", "images_per_second", "input_wait")
    a, b = (
        [
            {k: v for k, v in json.loads(line).items() if k not in clock}
            for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        ]
        for name in ("whole", "cut")
    )
    assert a == b


@pytest.mark.parametrize("name", ["blocks-60", "blocks-0"])
def test_a_run_that_ends_between_a_save_and_its_scores_has_them_in_the_end(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = {"checkpoint_every": 2, "evaluate_every": 2}
    experiment, whole = tiny(tmp_path / "whole", **often)
    train(experiment, whole, stream=io.StringIO())
    expected = scores(whole)
    assert [(line["step"], line["on"]) for line in expected] == [
        (step, f"{on}/val") for step in (2, 4, 5) for on in ("blocks-60", "blocks-0")
    ]
    score = trainer.evaluate

    def killed(network: Any, variables: Any, data_set: Any, *rest: Any, **named: Any) -> Any:
        taken = RunFolder(tmp_path / "cut").metrics.read_text().count('"kind": "train"')
        if taken == 4 and data_set == experiment.scored[name]:
            raise KeyboardInterrupt
        return score(network, variables, data_set, *rest, **named)

    _, cut = tiny(tmp_path / "cut", **often)
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            train(experiment, cut, stream=io.StringIO())
    assert len(scores(cut)) == (2 if name == "blocks-60" else 3)
    for _ in range(2):  # and once it has ended, nothing is scored again
        train(experiment, cut, stream=io.StringIO())
        assert scores(cut) == expected


def test_a_signal_after_the_last_step_ends_what_comes_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, run = tiny(tmp_path / "run", evaluate_every=5)
    score = trainer.evaluate

    def interrupted(*arguments: Any, **named: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        monkeypatch.setattr(trainer, "evaluate", score)
        return score(*arguments, **named)

    monkeypatch.setattr(trainer, "evaluate", interrupted)
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # where tests share a terminal it is ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            train(experiment, run, stream=io.StringIO())
    finally:
        signal.signal(signal.SIGINT, before)
    assert max(int(path.name) for path in run.checkpoints.iterdir() if path.name.isdigit()) == 5
    assert len(scores(run)) == 2


def scores(run: RunFolder) -> list[dict[str, Any]]:
    lines = map(json.loads, run.metrics.read_text().splitlines())
    return [line for line in lines if line["kind"] == "evaluation"]
