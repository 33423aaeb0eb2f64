"""The commands as a person runs them: what they write, and one clear line with status 2 where the input is at fault."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import predict, train
from experiments._command import run
from experiments.evaluate import evaluate_run
from jaxseg import report
from jaxseg.errors import InputError
from jaxseg.train import RunFolder
from tests.data.test_images import png

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
from jaxseg import losses
from jaxseg.data.augment import ScaleCropFlip
from jaxseg.methods import Adam, ObjectiveMethod, Term
from jaxseg.train import Experiment, MeshShape
from tests.tiny import Blocks, network

def experiment():
    return Experiment(
        name="tiny",
        data=Blocks(count=6, size=(24, 32)),
        method=ObjectiveMethod(
            network=network(),
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=25,
            optimizer=Adam(learning_rate=0.2),
        ),
        augment={"crop": ScaleCropFlip(size=(24, 32), scale=(1.0, 1.0))},
        batch=2,
        mesh=MeshShape(data=1),
    )
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that the train command made."""
    folder = tmp_path_factory.mktemp("commands")
    config = folder / "tiny_config.py"
    config.write_text(CONFIG)
    assert train.main([str(config), "--run", str(folder / "run")]) == 0
    return folder / "run"


@pytest.mark.fast
def test_training_leaves_what_the_design_says_a_run_folder_holds(trained: Path) -> None:
    for name in ("config.json", "config.py", "metrics.jsonl", "checkpoints", "pictures", "report.html"):
        assert (trained / name).exists(), name
    score = json.loads((trained / "evaluations" / "blocks-0-val.json").read_text())
    assert score["on"] == "blocks-0/val"
    assert score["step"] == 25
    assert score["mean_iou"] > 0.6  # three colours, three classes: a linear map tells them apart
    truth = report.load_label_map(next((trained / "pictures" / "blocks-0-val").glob("*.truth.png")))
    assert truth.shape == (24, 32)
    assert "mIoU" in (trained / "report.html").read_text()


def test_evaluation_counts_every_labelled_pixel_once(trained: Path) -> None:
    score = evaluate_run(RunFolder(trained), "test", ["--evaluation.batch", "4"], quiet=True)["blocks-0"]
    from tests.tiny import Blocks

    labelled = sum(
        int((example["label"] < 3).sum()) for example in Blocks(count=6, size=(24, 32)).source("test")
    )
    assert int(score.counts.sum()) == labelled
    assert np.trace(score.counts) / labelled == pytest.approx(score.pixel_accuracy)


def test_pictures_are_predicted_at_their_own_size_and_the_right_way_up(trained: Path, tmp_path: Path) -> None:
    left_red_right_green = np.zeros((300, 410, 3), np.uint8)
    left_red_right_green[:, :205] = (200, 50, 50)
    left_red_right_green[:, 205:] = (50, 200, 50)
    Image.fromarray(left_red_right_green).save(tmp_path / "upright.png")
    turned = Image.fromarray(np.rot90(left_red_right_green))  # as a phone stores a picture held sideways
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees clockwise to view"
    turned.save(tmp_path / "phone.jpg", quality=95, exif=exif)
    out = tmp_path / "out"
    assert (
        predict.main(
            [str(trained), str(tmp_path / "upright.png"), str(tmp_path / "phone.jpg"), "--out", str(out)]
        )
        == 0
    )
    for name in ("upright", "phone"):
        labels = report.load_label_map(out / f"{name}_labels.png")
        assert labels.shape == (300, 410)
        assert (labels[:, :195] == 0).mean() > 0.99
        assert (labels[:, 215:] == 1).mean() > 0.99
        with Image.open(out / f"{name}_overlay.png") as overlay:
            assert overlay.size[0] >= 410
    coarse = [str(trained), str(tmp_path / "upright.png"), "--out", str(out), "--size", "1", "1"]
    assert predict.main(coarse) == 0
    assert len(np.unique(report.load_label_map(out / "upright_labels.png"))) == 1  # it saw one colour


def test_a_folder_of_pictures_is_predicted_and_a_clash_of_names_loses_none(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "b.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "._b.png").write_bytes(b"")  # what macOS leaves beside files
    assert set(predict.pictures([tmp_path])) == {f"{tmp_path.name}_a_png", f"{tmp_path.name}_a_jpg", "b"}
    places = [tmp_path / name / "x" / "1.png" for name in ("p1", "p2")]
    for place in places:
        place.parent.mkdir(parents=True)
        place.write_bytes(b"")
    with pytest.raises(InputError, match=rf"{places[0]} and {places[1]} would have one name, x_1_png; "):
        predict.pictures(places)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.png"], "no file or folder nowhere.png"),
        ([], "images"),
        (["{empty}"], "no picture in"),
        (["{broken}"], "broken.png: not a readable image"),
        (["{broken}", "--flipp", "True"], "--flipp is not known"),
    ],
)
def test_pictures_that_cannot_be_are_named(
    trained: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nthis is cut off")
    places = {"empty": tmp_path / "empty", "broken": tmp_path / "broken.png"}
    with pytest.raises(InputError, match=words) as caught:
        predict.main(
            [str(trained), *(word.format(**places) for word in arguments), "--out", str(tmp_path / "o")]
        )
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "o").exists()


def test_an_input_error_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    def main(_: object) -> int:
        raise InputError("batch: 0; it is at least 1")

    with pytest.raises(SystemExit) as stop:
        run(main)
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: batch: 0; it is at least 1\n"


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    code = "from experiments._command import run; run(lambda _: print('line\\n' * 100_000))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()  # as head does
    assert (process.wait(), process.stderr.read()) == (128 + signal.SIGPIPE, b"")
    process.stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["configs/camvid/enet.py"], "--data.dir"),
        (["configs/camvid/enet.py", "--data.dir", "/nowhere"], "/nowhere"),
        (["configs/camvid/enett.py"], "did you mean configs/camvid/enet.py"),
        (
            ["configs/streets/max_squares.py", "--objectiv.target.weight", "1"],
            "did you mean --objective.target.weight",
        ),
        (["configs/streets/source.py", "--network.classes", "7"], "scores 7 classes"),
        ([], "config"),
    ],
)
def test_from_a_shell_it_is_the_same(arguments: list[str], words: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "experiments.train", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"XLA_FLAGS": ""}
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "demo"])
def test_every_command_explains_itself(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{command}", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_deep_pictures_are_named_whatever_their_colours(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "grey.png")
    (tmp_path / "colour.png").write_bytes(png(16, 2, bytes(range(48))))
    for name, words in (("grey", "grey of mode I"), ("colour", "of 16; bring it to 8 bits")):
        says = rf"^images: \S+{name}.png: an image has 8 bits a channel, and this one is {words}"
        with pytest.raises(InputError, match=says):
            predict.read(tmp_path / f"{name}.png")


def test_an_interrupted_command_ends_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        run(interrupted, keep=False)
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted; the same command goes on, or begins again\n"
