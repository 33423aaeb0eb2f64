"""Faults: damaged checkpoints, two trainers on one folder, disks that are full."""

import contextlib
import gc
import io
import json
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, ObjectiveMethod, State, Term
from jaxseg.train import Experiment, MeshShape, RunFolder, checkpoint, train
from jaxseg.train.checkpoint import Checkpoints, complete_steps
from jaxseg.train.run import write_json
from tests.tiny import Blocks, network

ROOT = Path(__file__).resolve().parents[2]
STEPS = 5


def experiment(**fields: Any) -> Experiment:
    values: dict[str, Any] = {
        "name": "faults",
        "data": Blocks(),
        "method": ObjectiveMethod(
            network=network(normalize=True),
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=STEPS,
            optimizer=SGD(learning_rate=0.1),
        ),
        "batch": 4,
        "mesh": MeshShape(data=1),
        "checkpoint_every": 1,
    }
    return Experiment(**(values | fields))


def opened(folder: Path, built: Experiment) -> RunFolder:
    source = folder.parent / f"{folder.name}.py"
    source.write_text("")
    run = RunFolder(folder)
    run.open(built, source, [])
    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, RunFolder]:
    """The state that a run of five steps ends with; its folder holds a checkpoint of every step."""
    run = opened(tmp_path_factory.mktemp("faults") / "whole", experiment())
    with mock.patch.object(checkpoint, "KEEP", 100):
        state = train(experiment(), run, stream=io.StringIO())
    assert complete_steps(run.checkpoints) == [1, 2, 3, 4, STEPS]
    return state, run


def cut_after(done: RunFolder, folder: Path, step: int) -> RunFolder:
    """A copy of a run as it was when `step` steps were saved."""
    shutil.copytree(done.path, folder)
    for later in range(step + 1, STEPS + 1):
        shutil.rmtree(folder / "checkpoints" / str(later))
    return RunFolder(folder)


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def files_of(checkpoint: Path) -> list[Path]:
    return sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.stat().st_size > 0)


def damage_state(checkpoint: Path) -> None:
    for path in files_of(checkpoint / "state"):
        truncated(path)


def damage_largest(checkpoint: Path) -> None:
    truncated(max(files_of(checkpoint / "state"), key=lambda path: path.stat().st_size))


def damage_position(checkpoint: Path) -> None:
    for path in files_of(checkpoint / "data"):
        truncated(path)


def delete_state(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint / "state")


def delete_everything(checkpoint: Path) -> None:
    for path in checkpoint.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


DAMAGES = (damage_state, damage_largest, damage_position, delete_state, delete_everything)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so_once(
    tmp_path: Path, whole: tuple[State, RunFolder], damage: Any
) -> None:
    expected, done = whole
    cut = cut_after(done, tmp_path / "cut", 4)
    damage(cut.checkpoints / "4")
    out = io.StringIO()
    state = train(experiment(), cut, stream=out)
    jax.tree.map(np.testing.assert_array_equal, expected, state)
    said = [line for line in out.getvalue().splitlines() if "damaged" in line]
    assert len(said) == 1
    assert "checkpoint 4 is damaged" in said[0]
    assert "goes on from step 3" in said[0]
    steps = [json.loads(line)["step"] for line in cut.metrics.read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5]
    assert complete_steps(cut.checkpoints)[-1] == STEPS
    again = io.StringIO()
    train(experiment(), cut, stream=again)
    assert "damaged" not in again.getvalue()


def test_checkpoints_that_are_all_damaged_are_an_error_and_stay(
    tmp_path: Path, whole: tuple[State, RunFolder]
) -> None:
    cut = cut_after(whole[1], tmp_path / "cut", 2)
    for step in (1, 2):
        damage_state(cut.checkpoints / str(step))
    with pytest.raises(InputError, match=r"checkpoint .*2 is damaged, or does not fit") as caught:
        train(experiment(), cut, stream=io.StringIO())
    assert "\n" not in str(caught.value)
    assert complete_steps(cut.checkpoints) == [1, 2]


def test_a_save_that_goes_on_is_left_alone_by_who_only_reads(
    tmp_path: Path, whole: tuple[State, RunFolder]
) -> None:
    cut = cut_after(whole[1], tmp_path / "cut", 3)
    half = cut.checkpoints / "4.orbax-checkpoint-tmp"
    half.mkdir()
    (half / "piece").write_text("half")
    with Checkpoints(cut.checkpoints, write=False) as checkpoints:
        assert checkpoints.latest() == 3
    assert (half / "piece").read_text() == "half"
    state = train(experiment(), cut, stream=io.StringIO())
    jax.tree.map(np.testing.assert_array_equal, whole[0], state)
    assert not half.exists()


HOLDER = """
import sys, time
from pathlib import Path
from jaxseg.train import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_trainer_refuses_until_the_first_is_gone_however_it_ended(
    tmp_path: Path, whole: tuple[State, RunFolder]
) -> None:
    cut = cut_after(whole[1], tmp_path / "cut", 4)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(cut.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        before = cut.metrics.read_text()
        with pytest.raises(InputError, match=rf"is being trained by process {holder.pid} on ") as caught:
            train(experiment(), cut, stream=io.StringIO())
        assert "\n" not in str(caught.value)
        assert cut.metrics.read_text() == before
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate(timeout=60)
    state = train(experiment(), cut, stream=io.StringIO())
    jax.tree.map(np.testing.assert_array_equal, whole[0], state)


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Writing more than `size` bytes into a file fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the threads that were writing
def test_a_checkpoint_that_cannot_be_written_is_one_line_and_leaves_no_half_of_it(
    tmp_path: Path, whole: tuple[State, RunFolder]
) -> None:
    cut = cut_after(whole[1], tmp_path / "cut", 3)
    cut.metrics.unlink()
    with (
        mock.patch.object(RunFolder, "log"),  # so that what fails is the checkpoint
        files_of_at_most(400),
        pytest.raises(InputError, match=r"checkpoint: cannot write .*last complete one is step 3") as caught,
    ):
        train(experiment(), cut, stream=io.StringIO())
    assert "\n" not in str(caught.value)
    assert [path.name for path in sorted(cut.checkpoints.iterdir())] == ["1", "2", "3"]
    del caught
    gc.collect()  # what Orbax had begun to write and nobody awaited is told here, and not in a later test
    state = train(experiment(), cut, stream=io.StringIO())
    jax.tree.map(np.testing.assert_array_equal, whole[0], state)


def test_a_metrics_line_that_was_cut_is_not_read(tmp_path: Path) -> None:
    """Of several processes all read the scores that are there, and the first alone drops such a line."""
    folder = RunFolder(tmp_path)
    folder.metrics.write_text('{"kind": "evaluation", "step": 3, "on": "tiny/val"}\n{"kind": "trai')
    assert folder.scored_at(3) == ("tiny",)
    folder.metrics.write_text("")
    assert folder.scored_at(3) == ()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {"a": 1})
    with files_of_at_most(10), pytest.raises(OSError, match="File too large"):
        write_json(tmp_path / "config.json", {"a": "x" * 100_000})
    assert json.loads((tmp_path / "config.json").read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_what_a_writer_makes_again_while_it_is_deleted_is_deleted_too(tmp_path: Path) -> None:
    half = tmp_path / "4.orbax-checkpoint-tmp" / "state"
    until = time.monotonic() + 0.3

    def write() -> None:
        while time.monotonic() < until:
            with contextlib.suppress(OSError):  # deleted under it
                half.mkdir(parents=True, exist_ok=True)
                (half / "chunk").write_bytes(b"0")
            time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    Checkpoints(tmp_path, write=False)._clear()
    writer.join()
    assert not list(tmp_path.iterdir())
