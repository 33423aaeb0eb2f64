"""A run that goes on does so on the images that it began with, and its clock with it."""

import dataclasses
import io
import json
import shutil
from pathlib import Path

import pytest

from jaxseg.errors import InputError
from jaxseg.train import RunFolder, train
from tests.tiny import Blocks
from tests.train.test_inputs import experiment, trained

HELD = [f"image{index}" for index in range(6)]
"""The images that the data set finds, as in a folder that others write into."""


@dataclasses.dataclass(frozen=True)
class Found(Blocks):
    def ids(self, split: str) -> list[str]:
        return HELD

    def source(self, split: str) -> list[dict[str, object]]:
        return Blocks(len(HELD)).source(split)


def test_a_run_goes_on_with_its_own_images_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, folder = (
        dataclasses.replace(experiment(), data=Found(), checkpoint_every=1),
        RunFolder(tmp_path / "run"),
    )
    trained(folder.path, one)
    total = one.method.total_steps
    kept = json.loads(folder.images.read_text())
    assert kept["source"]["data"] == "blocks-0/train"
    assert kept["source"]["images"] == 6
    shutil.rmtree(folder.checkpoints / str(total))  # as where it was killed before the last
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    clock = {line["step"]: line["seconds"] for line in lines if line["kind"] == "train"}
    for line in lines:
        if line["kind"] == "train":
            line["seconds"] += 1000.0  # a longer run, begun before
    folder.metrics.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    written = folder.metrics.read_bytes()
    for held, says in (
        ([*HELD, "more"], "was trained on 6 images of blocks-0/train, now there are 7"),
        (
            [*HELD[:5], "another"],
            "was trained on other images of blocks-0/train than there are now, 6 as before",
        ),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"{__name__}.HELD", held)
            with pytest.raises(InputError, match=says):
                train(one, folder, stream=io.StringIO())
        assert folder.metrics.read_bytes() == written
    train(one, folder, stream=io.StringIO())
    last = json.loads(folder.metrics.read_text().splitlines()[-1])
    assert last["step"] == total
    assert 1000.0 + clock[total - 1] < last["seconds"] < 1000.0 + clock[total] + 600.0
    folder.images.unlink()  # as in runs of before it was written down
    with monkeypatch.context() as patch:
        patch.setattr(f"{__name__}.HELD", [*HELD, "more"])
        train(one, folder, stream=io.StringIO())
