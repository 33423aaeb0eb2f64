"""Four processes: the losses of one, checkpoints for two and for one, and one answer to a damaged checkpoint."""

import shutil
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

from jaxseg.train import RunFolder, variables_of
from jaxseg.train.checkpoint import complete_steps
from tests.train.processes import SMALL, alone, close, config, ended, figures, started

STEPS, EVERY = 6, 2
PLAIN = ("--checkpoint-every", str(EVERY), "--evaluate-every", "0")
SPLIT = (*PLAIN, "--mesh.parameters", "sharded")


class Trained(NamedTuple):
    config: Path
    run: RunFolder


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run by four processes, each with a quarter of the parameters."""
    folder = tmp_path_factory.mktemp("four")
    path = config(folder, SMALL, (8, 16), STEPS)
    run = RunFolder(folder / "run")
    said = ended(started(path, run.path, *SPLIT, count=4))
    assert "compiles the training step" in said[0]
    assert "compiled again" not in said[0]
    assert complete_steps(run.checkpoints) == [STEPS - EVERY, STEPS]
    return Trained(path, run)


def copied(four: Trained, folder: Path) -> RunFolder:
    shutil.copytree(four.run.path, folder)
    return RunFolder(folder)


@pytest.mark.slow
def test_four_processes_are_one_and_two_or_one_go_on_from_what_they_saved(
    four: Trained, tmp_path: Path
) -> None:
    one = alone(four.config, tmp_path / "one", *PLAIN)
    expected = figures(one, "train", "loss")
    assert len(expected) == STEPS
    assert figures(four.run, "train", "loss") == pytest.approx(expected, rel=1e-5, abs=1e-6)
    close(one, four.run)

    two, single = (copied(four, tmp_path / name) for name in ("two", "single"))
    for run in (two, single):
        shutil.rmtree(run.checkpoints / str(STEPS))
    said = ended(started(four.config, two.path, *SPLIT))
    assert f"resumes at step {STEPS - EVERY} of {STEPS}" in said[0]
    alone(four.config, single.path, *PLAIN)
    for run in (two, single):
        assert figures(run, "train", "loss") == pytest.approx(expected, rel=1e-5, abs=1e-6)
        close(one, run)


@pytest.mark.slow
def test_all_processes_fall_back_together_where_only_one_of_them_cannot_read_its_part(
    four: Trained, tmp_path: Path
) -> None:
    cut = copied(four, tmp_path / "cut")
    written_by_the_last = cut.checkpoints / str(STEPS) / "state" / "ocdbt.process_3" / "d"
    pieces = list(written_by_the_last.iterdir())
    assert pieces
    for piece in pieces:
        piece.write_bytes(piece.read_bytes()[: piece.stat().st_size // 2])
    said = ended(started(four.config, cut.path, *SPLIT, count=4))
    told = [line for out in said for line in out.splitlines() if "is damaged" in line]
    assert len(told) == 1
    assert f"goes on from step {STEPS - EVERY}" in told[0]
    assert (cut.checkpoints / f"damaged-{STEPS}").is_dir()
    step, expected = variables_of(four.run)
    again, found = variables_of(cut)
    assert step == again == STEPS
    jax.tree.map(np.testing.assert_array_equal, expected, found)
