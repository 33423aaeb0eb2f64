"""Metrics that are shown elsewhere too: every line of them, also of a run that goes on, and nothing left open."""

import io
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from experiments import train as command
from jaxseg.errors import InputError
from jaxseg.train import RunFolder, load_config, train
from jaxseg.train.trackers import tracked

CONFIG = """
from tests.train.test_inputs import experiment as built

def experiment():
    return built()
"""


@pytest.fixture
def opened(tmp_path: Path) -> RunFolder:
    config = tmp_path / "tiny.py"
    config.write_text(CONFIG)
    folder = RunFolder(tmp_path / "run")
    folder.open(load_config(config), config, [])
    return folder


def test_tensorboard_is_given_every_number_at_its_step(
    opened: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    class Writer:
        def __init__(self, place: str, purge_step: int) -> None:
            self.place, self.purge_step = place, purge_step
            self.told: list[tuple[str, float, int]] = []
            self.closed = False
            made.append(self)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            self.told.append((name, value, step))

        def close(self) -> None:
            self.closed = True

    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Writer))
    with tracked(opened, ["tensorboard"]):
        train(opened.experiment(), opened, stream=io.StringIO())
    (writer,) = made
    assert (writer.place, writer.purge_step, writer.closed) == (str(opened.path / "tensorboard"), 1, True)
    assert opened.trackers == []
    losses = {step: value for name, value, step in writer.told if name == "train/loss"}
    lines = [json.loads(line) for line in opened.metrics.read_text().splitlines()]
    assert losses == {line["step"]: line["loss"] for line in lines if line["kind"] == "train"}
    assert len(losses) == 3
    scored = {name for name, _, step in writer.told if name.endswith("val/mean_iou") and step == 3}
    assert scored == {f"{line['on']}/mean_iou" for line in lines if line["kind"] == "evaluation"}


def test_weights_and_biases_is_the_same_run_when_it_goes_on(
    opened: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[dict[str, Any]] = []
    told: list[tuple[dict[str, float], int]] = []

    def init(**fields: Any) -> Any:
        begun.append(fields)
        return types.SimpleNamespace(
            log=lambda values, step: told.append((values, step)), finish=lambda: told.append(({}, -1))
        )

    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(init=init))
    for step in (1, 2):
        with tracked(opened, ["wandb", "wandb"]):
            opened.log({"kind": "train", "step": step, "loss": 0.5})
    assert told == [({"train/loss": 0.5}, 1), ({}, -1), ({"train/loss": 0.5}, 2), ({}, -1)]
    assert begun[0] == begun[1]
    assert (begun[0]["name"], begun[0]["resume"]) == ("tiny-seed0", "allow")
    assert begun[0]["config"] == opened.record()["resolved"]


def test_a_package_that_is_not_there_is_one_line(opened: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    words = r"tensorboard needs the package tensorboardX; .*\.\[tensorboard\]"
    with pytest.raises(InputError, match=words), tracked(opened, ["tensorboard"]):
        pass
    assert opened.trackers == []
    config = str(opened.path.parent / "tiny.py")
    with pytest.raises(InputError, match=words):
        command.main([config, "--run", str(opened.path.parent / "new"), "--track", "tensorboard"])
    assert not (opened.path.parent / "new").exists()
