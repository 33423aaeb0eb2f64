"""A run on the user's own folder: its classes stay what it was trained on, wherever the data have gone."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from experiments import evaluate, predict, train
from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, LabelSpace
from jaxseg.train import load_config, with_arguments
from tests.data.layouts import CLASSES_TOML, own_folder

CONFIG = """
from jaxseg import losses
from jaxseg.data import Folder
from jaxseg.methods import Adam, ObjectiveMethod, Term
from jaxseg.train import Experiment, MeshShape
from tests.tiny import network

def experiment():
    return Experiment(
        name="own",
        data=Folder(resize=(24, 32)),
        method=ObjectiveMethod(
            network=network(classes=2),
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=2,
            optimizer=Adam(learning_rate=0.2),
        ),
        batch=2,
        mesh=MeshShape(data=1),
    )
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Config and options of a run that was trained on a folder of ours; the folder is `tmp_path / "mine"`."""
    own_folder(tmp_path / "mine")
    (tmp_path / "own.py").write_text(CONFIG)
    found = [str(tmp_path / "own.py"), "--data.dir", str(tmp_path / "mine"), "--run", str(tmp_path / "run")]
    assert train.main(found) == 0
    return found


def test_classes_that_changed_are_told_and_predictions_keep_their_names(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run, picture = str(tmp_path / "run"), tmp_path / "a.png"
    Image.new("RGB", (32, 24), (200, 50, 50)).save(picture)
    say = [run, str(picture), "--out", str(tmp_path / "out")]
    assert predict.main(say) == 0
    before = capsys.readouterr().out
    other = CLASSES_TOML.replace("rail", "track")
    (tmp_path / "mine/classes.toml").write_text(other)
    expected = (
        "was trained on other classes than folder has: class 0 is 'rail' in one and 'track' in the other; "
    )
    with pytest.raises(InputError, match=expected):
        evaluate.main([run])
    with pytest.raises(InputError, match=expected):
        train.main(words)
    with pytest.raises(InputError, match=expected):
        train.main([*words[:-1], str(tmp_path / "next"), "--initialize", run])
    assert not (tmp_path / "next").exists()
    shutil.rmtree(tmp_path / "mine")  # and a run says what it sees without its data
    assert predict.main(say) == 0
    assert capsys.readouterr().out == before


def test_pictures_of_another_scoring_do_not_stay(tmp_path: Path, words: list[str]) -> None:
    shown = tmp_path / "run/pictures/folder-val"
    assert {path.name.split(".")[0] for path in shown.iterdir()} == {"c", "d"}
    (tmp_path / "mine/images/val/c.jpg").rename(tmp_path / "mine/images/val/z.jpg")
    (tmp_path / "mine/labels/val/c.png").rename(tmp_path / "mine/labels/val/z.png")
    assert evaluate.main([str(tmp_path / "run"), "--split", "val"]) == 0
    assert {path.name.split(".")[0] for path in shown.iterdir()} == {"d", "z"}


def test_a_folder_without_labels_is_not_trained_on(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "mine/labels").rename(tmp_path / "elsewhere")
    again = [*words[:-1], str(tmp_path / "again")]
    with pytest.raises(
        InputError, match="data: folder/train has no label images, so that nothing can be learned"
    ):
        train.main(again)
    assert not (tmp_path / "again").exists()


def test_two_folders_of_one_name_and_other_classes_are_no_pair(tmp_path: Path) -> None:
    for name, first in (("city", "rail"), ("town", "track")):
        own_folder(tmp_path / name)
        path = tmp_path / name / "classes.toml"
        path.write_text(CLASSES_TOML.replace("rail", first))
    config = tmp_path / "pair.py"
    config.write_text(CONFIG.replace("batch=2", "target=Folder(resize=(24, 32)), batch=2"))
    built = with_arguments(
        load_config(config),
        ["--data.dir", str(tmp_path / "city"), "--target.dir", str(tmp_path / "town")],
    )
    expected = "one name, 'tracks': class 0 is 'rail' in one and 'track' in the other; "
    with pytest.raises(InputError, match=expected):
        built.validate()


def test_a_described_space_is_the_space_by_its_train_ids() -> None:
    found = LabelSpace.described(CAMVID.description())
    assert (found.name, found.names, found.palette, found.groups) == (
        *(CAMVID.name, CAMVID.names),
        *(CAMVID.palette, CAMVID.groups),
    )
    assert found.ids == {**{k: k for k in range(11)}, 255: 255}
