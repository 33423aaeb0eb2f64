"""PASCAL VOC: palette labels, the lists, and trainaug with SBD's MATLAB files."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from jaxseg.data import VOC
from jaxseg.errors import InputError
from tests.data.layouts import VOC_IDS, VOC_LISTS, save_image, save_label, sbd, spread, voc
from tests.data.test_layouts import said


@pytest.mark.fast
def test_every_label_id(tmp_path: Path) -> None:
    data = voc(tmp_path)
    label = Image.open(tmp_path / "VOCdevkit/VOC2012/SegmentationClass/2007_000032.png")
    assert label.mode == "P"
    assert label.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
    assert data.labels.palette == tuple(tuple(label.getpalette()[3 * k : 3 * k + 3]) for k in range(21))
    for split, names in VOC_LISTS.items():
        source = data.source(split)
        assert source.ids == names
        for example in source:
            np.testing.assert_array_equal(example["label"], spread(VOC_IDS))


def test_says_how_it_differs_from_the_full_data_set(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    voc(tmp_path).source("train")
    expected = (
        "preparing voc: 4 images (differs from the full data set: train 2, not 1464; val 2, not 1449)...\n"
    )
    assert capfd.readouterr().err == expected


@pytest.mark.parametrize("inside", ["", "benchmark_RELEASE", "benchmark_RELEASE/dataset"])
def test_trainaug(tmp_path: Path, inside: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = voc(tmp_path)
    sbd(tmp_path)
    augmented = dataclasses.replace(data, sbd=tmp_path / inside)
    source = augmented.source("train")
    # VOC's train and both of SBD's lists, less VOC's val.
    assert source.ids == ("2007_000032", "2007_000039", "2008_000002", "2008_000003", "2011_002095")
    own, added = spread(VOC_IDS), np.roll(spread(range(21)), 3)
    for example, expected in zip(source, (own, own, added, added, added), strict=True):
        np.testing.assert_array_equal(example["label"], expected)
    assert augmented.source("val").ids == VOC_LISTS["val"]
    assert "train 5, not 10582; val 2, not 1449" in capfd.readouterr().err


@pytest.mark.parametrize("inside", ["VOCdevkit", "VOCdevkit/VOC2012"])
def test_inner_folders_will_do(tmp_path: Path, inside: str) -> None:
    voc(tmp_path)
    assert len(VOC(tmp_path / inside).source("val")) == 2


def test_test_split_is_void_where_it_is_there(tmp_path: Path) -> None:
    data = voc(tmp_path)
    inner = tmp_path / "VOCdevkit/VOC2012"
    (inner / "ImageSets/Segmentation/test.txt").write_text("2008_000006\n")
    assert "val" in data.recipe().splits
    assert "test" not in data.recipe().splits  # a list without its images
    save_image(inner / "JPEGImages/2008_000006.jpg")
    (example,) = data.source("test")
    assert example["id"] == "2008_000006"
    assert (example["label"] == 255).all()


def test_missing_files_of_all_kinds_are_named_at_once(tmp_path: Path) -> None:
    data = dataclasses.replace(voc(tmp_path), sbd=sbd(tmp_path))
    inner = tmp_path / "VOCdevkit/VOC2012"
    (inner / "JPEGImages/2008_000002.jpg").unlink()
    (inner / "SegmentationClass/2007_000042.png").unlink()
    (tmp_path / "benchmark_RELEASE/dataset/cls/2011_002095.mat").unlink()
    assert said(data).startswith(
        "voc: 3 files are missing of 7 pairs: JPEGImages/2008_000002.jpg, cls/2011_002095.mat, "
        "SegmentationClass/2007_000042.png; "
    )


def test_missing_folders_and_lists(tmp_path: Path) -> None:
    data = voc(tmp_path)
    inner = tmp_path / "VOCdevkit/VOC2012"
    lists = inner / "ImageSets/Segmentation"
    for split in VOC_LISTS:
        (lists / f"{split}.txt").rename(lists / f"{split}.list")
    assert f"{inner} has no ImageSets/Segmentation/train.txt and ImageSets/Segmentation/val.txt" in said(data)
    (inner / "JPEGImages").rename(inner / "images")
    (inner / "SegmentationClass").rename(inner / "labels")
    assert f"{inner} has no folder JPEGImages, SegmentationClass;" in said(data)


def test_sbd_that_is_not_there(tmp_path: Path) -> None:
    data = voc(tmp_path)
    empty = tmp_path / "empty"
    assert f"sbd: {empty} has no cls, train.txt, val.txt; give a folder" in said(
        dataclasses.replace(data, sbd=empty)
    )


def test_unreadable_mat_is_named(tmp_path: Path) -> None:
    data = dataclasses.replace(voc(tmp_path), sbd=sbd(tmp_path))
    path = tmp_path / "benchmark_RELEASE/dataset/cls/2008_000002.mat"
    path.write_bytes(path.read_bytes()[:150])
    assert said(data).startswith(f"{path}: no GTcls.Segmentation can be read (")
    scipy.io.savemat(path, {"GTinst": 1})
    assert said(data).startswith(f"{path}: no GTcls.Segmentation can be read (")
    scipy.io.savemat(path, {"GTcls": {"Segmentation": np.zeros((8, 16)) + 0.5}})
    assert f"{path}: GTcls.Segmentation is float64 (8, 16)" in said(data)


def test_unknown_id_and_size_of_a_mat_are_named(tmp_path: Path) -> None:
    data = dataclasses.replace(voc(tmp_path), sbd=sbd(tmp_path))
    path = tmp_path / "benchmark_RELEASE/dataset/cls/2008_000002.mat"
    scipy.io.savemat(path, {"GTcls": {"Segmentation": np.full((8, 16), 21, np.uint8)}})
    assert said(data).startswith(f"{path}: 21 not in label space 'voc'")
    scipy.io.savemat(path, {"GTcls": {"Segmentation": np.zeros((16, 8), np.uint8)}})
    assert said(data).startswith(f"{path}: 8x16 pixels, and its image")


def test_list_that_names_an_image_twice(tmp_path: Path) -> None:
    data = voc(tmp_path)
    path = tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt"
    path.write_text("2007_000033\n2007_000033\n")
    assert said(data).startswith(f"{path}: lists 2007_000033 more than once")


def test_on_a_canvas_images_keep_their_size(tmp_path: Path) -> None:
    data = voc(tmp_path)
    save_image(tmp_path / "VOCdevkit/VOC2012/JPEGImages/2007_000033.jpg", (5, 9))
    label = tmp_path / "VOCdevkit/VOC2012/SegmentationClass/2007_000033.png"
    save_label(label, spread(VOC_IDS, (5, 9)), data.labels.palette)
    plain, laid = (d.source("val") for d in (data, dataclasses.replace(data, canvas=(12, 20))))
    assert {example["image"].shape for example in plain} == {(5, 9, 3), (8, 16, 3)}
    for before, after in zip(plain, laid, strict=True):
        height, width = before["label"].shape
        assert after["image"].shape == (12, 20, 3)
        np.testing.assert_array_equal(after["image"][:height, :width], before["image"])
        np.testing.assert_array_equal(after["label"][:height, :width], before["label"])
        for beyond in (np.s_[height:], np.s_[:, width:]):
            assert (after["image"][beyond] == 128).all()
            assert (after["label"][beyond] == 255).all()


def test_a_canvas_that_is_too_small_or_beside_a_size_is_refused(tmp_path: Path) -> None:
    data = voc(tmp_path)
    with pytest.raises(
        InputError, match=r"16x8 pixels are more than the canvas of 15x8; make --data\.canvas"
    ):
        dataclasses.replace(data, canvas=(8, 15)).source("val")
    assert said(dataclasses.replace(data, canvas=(0, 15))).startswith(
        "canvas: (0, 15); give height and width"
    )
    both = dataclasses.replace(data, canvas=(9, 20), resize=(8, 8))
    assert said(both) == "canvas: (9, 20) beside resize (8, 8); give one of them"
