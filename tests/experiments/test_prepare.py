"""`experiments.prepare`: what it prints, the sheet it draws, what it finds out."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import prepare
from jaxseg import data
from jaxseg.data import StreetObjects, Streets
from jaxseg.errors import InputError
from tests.data.layouts import save_image, save_label, spread


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("JAXSEG_CACHE", str(folder))
    return folder


STREETS = ["streets", "--data.size", "32", "64", "--data.images", "3", "1", "2"]


def test_every_data_set_has_a_name() -> None:
    found = prepare.data_sets()
    assert {"camvid", "streets", "streetobjects", "office31", "digits"} <= set(found)
    assert data.DataSet not in found.values()
    assert {kind.__name__ for kind in found.values()} <= set(data.__all__)


@pytest.mark.fast
def test_prints_counts_and_shares_and_draws_the_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare.main([*STREETS, "--out", str(tmp_path), "--pictures", "2", "--verify"]) == 0
    said = capsys.readouterr().out
    assert "streets-synthetic: segmentation, 19 classes" in said
    assert re.search(r"train +3 images, 64x32, ", said)
    assert re.search(r"test +2 images, 64x32, ", said)
    label = np.stack([e["label"] for e in Streets(size=(32, 64), images=(3, 1, 2)).source("train")])
    road = 100 * (label == 0).sum() / (label != 255).sum()
    assert re.search(rf"\b0 road +{road:.2f} ", said)
    assert "verified: 6 examples" in said
    sheet = np.asarray(Image.open(tmp_path / "streets-synthetic.png"))
    assert sheet.shape[1] >= 3 * 256
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 100


def test_classification_shows_a_column_a_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data.images", "20", "1", "1", "--data.size", "16", "--out", str(tmp_path)]
    assert prepare.main(["streetobjects", *options, "--pictures", "3", "--verify"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"4 car +10.00 ", said)
    assert "verified: 22 examples" in said
    sheet = np.asarray(Image.open(tmp_path / "streetobjects-synthetic.png"))
    first = StreetObjects(size=16, images=(20, 1, 1)).source("train")[0]["image"]
    tile = np.asarray(Image.fromarray(first).resize((160, 160), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(sheet[30 : 30 + 160, 6 : 6 + 160], tile)


def test_a_part_that_all_splits_share_is_shown_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in data.Office31().labels.names:
        folder = tmp_path / "dslr" / "images" / name
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "frame_0001.jpg")
    options = ["--data.dir", str(tmp_path), "--data.domain", "dslr", "--out", str(tmp_path), "--verify"]
    assert prepare.main(["office31", *options]) == 0
    said = capsys.readouterr().out
    assert re.search(r"whole +31 images, 8x8", said)
    assert "verified: 31 examples" in said


def test_a_record_that_is_not_what_the_raw_files_make_is_found(tmp_path: Path, cache: Path) -> None:
    data_set = Streets(size=(32, 64), images=(2, 1, 1))
    data_set.source("train")
    assert prepare.verify(data_set) == 4
    (folder,) = cache.glob("streets-synthetic/[!.]*")
    other = Streets(domain="real", size=(32, 64), images=(2, 1, 1))
    other.source("train")
    (wrong,) = cache.glob("streets-real/[!.]*")
    for path in wrong.glob("*train.array_record*"):
        path.rename(folder / path.name.replace("streets-real", "streets-synthetic"))
    with pytest.raises(InputError, match=rf"'train00000' is not what the raw files make; delete {folder}"):
        prepare.verify(data_set)


def test_labels_that_are_no_class_are_found() -> None:
    data_set = Streets(size=(32, 64), images=(1, 1, 1))
    example = data_set.source("train")[0]
    for label, says in (
        (np.full((32, 64), 19, np.uint8), "has the label 19, and there are 19 classes"),
        (np.zeros((16, 64), np.uint8), r"has a label of \(16, 64\) and an image of \(32, 64\)"),
    ):
        with pytest.raises(InputError, match=says):
            prepare.check(data_set, "train", [{**example, "label": label}])
    with pytest.raises(InputError, match="'train00000' is there twice"):
        prepare.check(data_set, "train", [example, example])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "data set: 'nothing' is not known; use one of camvid, "),
        (["planted"], "data set: 'planted' is not known; use one of camvid, "),
        (["camvid"], "camvid: no folder given"),
        (["streets", "--data.domian", "real"], "experiments.prepare streets: --data.domian is not known"),
        ([*STREETS, "--pictures", "0"], "pictures: 0; at least 1"),
    ],
)
def test_bad_arguments_are_named(arguments: list[str], says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)) as failure:
        prepare.main(arguments)
    assert "\n" not in str(failure.value)


def test_a_selection_that_matches_nothing_is_named(tmp_path: Path) -> None:
    for split in data.SPLITS:
        save_image(tmp_path / split / "0001TP_006690.png")
        save_label(tmp_path / f"{split}annot" / "0001TP_006690.png", spread(range(12)))
    chosen = ["camvid", "--data.dir", str(tmp_path), "--data.sequences", "nope", "--out", str(tmp_path)]
    with pytest.raises(
        InputError, match=r"^sequences: no image of camvid/train begins with nope; its .* 0001TP"
    ):
        prepare.main(chosen)
