"""GTA5: palette labels read by index, lists of splits, frames of two sizes."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from jaxseg.data import GTA5, batches
from jaxseg.errors import InputError
from tests.data.layouts import gta5, save_image, save_label, spread
from tests.data.test_cityscapes import table
from tests.data.test_layouts import said


@pytest.mark.fast
@pytest.mark.parametrize("classes", [19, 16, 13])
def test_every_label_id(tmp_path: Path, classes: int) -> None:
    data = dataclasses.replace(gta5(tmp_path, count=2), classes=classes)
    with Image.open(tmp_path / "labels" / "00001.png") as shipped:
        assert shipped.mode == "P"
    assert data.labels.name == {19: "cityscapes", 16: "cityscapes-16", 13: "cityscapes-13"}[classes]
    expected = np.vectorize(lambda raw: table(raw, classes))(spread(range(35)))
    for example in data.source("train"):
        np.testing.assert_array_equal(example["label"], expected)


def test_without_a_list_every_image_is_in_train(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = gta5(tmp_path)
    assert data.source("train").ids == ("00001", "00002", "00003", "00004", "00005", "00006")
    assert capfd.readouterr().err == (
        "preparing gta5: 6 images (differs from the full data set: train 6, not 24966)...\n"
    )
    assert (data.has("train"), data.has("val"), data.has("test")) == (True, False, False)
    with pytest.raises(InputError, match="gta5: it has no val split, only train"):
        data.source("val")


def test_split_mat_of_the_owners(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    gta5(tmp_path)
    path = tmp_path / "split.mat"
    ids = {"trainIds": [[2], [4], [1]], "valIds": [[6]], "testIds": [[3], [5]]}
    scipy.io.savemat(path, {name: np.array(value, np.uint16) for name, value in ids.items()})
    data = GTA5(tmp_path, split_list=path)
    assert data.source("train").ids == ("00001", "00002", "00004")
    assert data.source("val").ids == ("00006",)
    assert data.source("test").ids == ("00003", "00005")
    assert "train 3, not 12403; val 1, not 6382; test 2, not 6181" in capfd.readouterr().err


def test_a_list_lies_beside_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gta5(tmp_path)
    data = GTA5(tmp_path, split_list=Path("split.txt"))
    with pytest.raises(InputError, match=rf"gta5: no split_list split.txt, here or in {tmp_path}; set it to"):
        data.source("train")
    (tmp_path / "split.txt").write_text("2")
    assert data.source("train").ids == ("00002",)
    here = tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    Path("split.txt").write_text("3")
    assert data.source("train").ids == ("00003",)


def test_lists_in_text_files(tmp_path: Path) -> None:
    gta5(tmp_path)
    (tmp_path / "train.txt").write_text("00002.png\n4\nimages/00001.png\n")
    (tmp_path / "val.txt").write_text("6\n")
    data = GTA5(tmp_path, split_list=tmp_path)
    assert data.source("train").ids == ("00001", "00002", "00004")
    assert data.source("val").ids == ("00006",)
    assert said_of_split(data, "test") == "gta5: it has no test split, only train and val"
    alone = GTA5(tmp_path, split_list=tmp_path / "val.txt")
    assert alone.source("train").ids == ("00006",)


def test_lists_of_pairs_name_the_image_first(tmp_path: Path) -> None:
    gta5(tmp_path)
    pairs = "".join(f"/images/0000{k}.png\t/labels/0000{k}.png\n" for k in (4, 1))
    (tmp_path / "train.lst").write_text(pairs)
    assert GTA5(tmp_path, split_list=tmp_path / "train.lst").source("train").ids == ("00001", "00004")
    assert GTA5(tmp_path, split_list=tmp_path).source("train").ids == ("00001", "00004")
    (tmp_path / "train.txt").write_text("images/00002.png labels/00002.png")
    assert GTA5(tmp_path, split_list=tmp_path).source("train").ids == (
        "00002",
    )  # what ends in .txt goes first
    (tmp_path / "train.txt").write_text(pairs + "images/00004.png")
    assert "lists 00004 more than once" in said_of_split(GTA5(tmp_path, split_list=tmp_path), "train")


def test_frames_may_be_left_out(tmp_path: Path) -> None:
    data = dataclasses.replace(gta5(tmp_path), skip=(2, 5, 15188))
    assert data.source("train").ids == ("00001", "00003", "00004", "00006")
    (tmp_path / "train.txt").write_text("1 2")
    assert dataclasses.replace(data, split_list=Path("train.txt")).ids("train") == ["00001"]


def said_of_split(data: GTA5, split: str) -> str:
    with pytest.raises(InputError) as failure:
        data.source(split)
    return str(failure.value)


def test_another_list_is_another_preparation(tmp_path: Path) -> None:
    gta5(tmp_path)
    path = tmp_path / "mine.txt"
    data = GTA5(tmp_path, split_list=path)
    for lines in ("1 2", "1 3"):
        path.write_text(lines)
        assert data.source("train").ids == tuple(f"{int(line):05d}" for line in lines.split())


def test_listed_images_that_are_not_there_are_all_named(tmp_path: Path) -> None:
    gta5(tmp_path)
    (tmp_path / "labels" / "00002.png").unlink()
    path = tmp_path / "train.txt"
    path.write_text("1\n2\n9\n")
    message = said(GTA5(tmp_path, split_list=path))
    assert message.startswith(
        "gta5: 3 files are missing of 3 pairs: labels/00002.png, images/00009.png, labels/00009.png;"
    )


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("list.mat", b"no matlab", "does not hold trainIds, valIds and testIds"),
        ("list.mat", None, "no split_list"),
        ("list.csv", b"1", "is not split.mat, a .txt or a folder of .txt"),
        ("list.txt", b"\xff\xfe\xfa", "is not text"),
        ("list.txt", b"1 2 2", "lists 00002 more than once"),
        ("list.txt", b"", "no images in split train"),
    ],
)
def test_unusable_lists_are_named(tmp_path: Path, name: str, content: bytes | None, expected: str) -> None:
    gta5(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    message = said(GTA5(tmp_path, split_list=tmp_path / name))
    assert expected in message


def test_mat_without_the_splits(tmp_path: Path) -> None:
    gta5(tmp_path)
    scipy.io.savemat(tmp_path / "list.mat", {"trainIds": [1]})
    assert "does not hold trainIds" in said(GTA5(tmp_path, split_list=tmp_path / "list.mat"))


def test_folder_without_a_train_list(tmp_path: Path) -> None:
    gta5(tmp_path)
    assert f"split_list: {tmp_path} holds no train.txt" in said(GTA5(tmp_path, split_list=tmp_path))


@pytest.mark.parametrize("frame", [15188, 17705, 20801, 20803, 20840, 20860])
def test_frames_that_are_shipped_in_two_sizes_have_their_labels_fitted(tmp_path: Path, frame: int) -> None:
    data = gta5(tmp_path, count=1)
    save_image(tmp_path / "images" / f"{frame}.png", (4, 8))
    ids = spread((7, 26, 23, 24))
    save_label(tmp_path / "labels" / f"{frame}.png", ids)
    example = data.source("train")[1]
    assert example["image"].shape == (4, 8, 3)
    np.testing.assert_array_equal(example["label"], np.vectorize(table)(ids)[1::2, 1::2])


def test_mixed_sizes_are_kept_and_batched_with_resize_only(tmp_path: Path) -> None:
    data = gta5(tmp_path, count=1)
    save_image(tmp_path / "images" / "00002.png", (10, 18))
    save_label(tmp_path / "labels" / "00002.png", spread((7,), (10, 18)))
    source = data.source("train")
    assert [example["label"].shape for example in source] == [(8, 16), (10, 18)]
    with pytest.raises(
        InputError, match=r"source: images of different sizes in one batch \(.* set the data set's resize"
    ):
        next(batches({"source": source}, 2, seed=0, threads=0))
    resized = dataclasses.replace(data, resize=(6, 12)).source("train")
    assert next(batches({"source": resized}, 2, seed=0, threads=0))["source"]["image"].shape == (2, 6, 12, 3)


def test_labels_in_colour_are_refused(tmp_path: Path) -> None:
    data = gta5(tmp_path, count=1)
    path = tmp_path / "labels" / "00001.png"
    Image.new("RGB", (16, 8)).save(path)
    assert said(data).startswith(f"{path}: a label image has one 8-bit channel")
