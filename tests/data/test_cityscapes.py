"""Cityscapes: its 34 labelIds, its splits, and the two zips."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from jaxseg.data import Cityscapes
from tests.data.layouts import CITYSCAPES_NAMES, cityscapes, save_image, save_label, spread, zipped
from tests.data.test_layouts import said

# Raw id -> train id of the 19 classes; every other raw id is void.
TRAIN_IDS = {
    7: 0,
    8: 1,
    11: 2,
    12: 3,
    13: 4,
    17: 5,
    19: 6,
    20: 7,
    21: 8,
    22: 9,
    23: 10,
    24: 11,
    25: 12,
    26: 13,
    27: 14,
    28: 15,
    31: 16,
    32: 17,
    33: 18,
}
IN_16 = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18)
IN_13 = (0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18)


def table(raw: int, classes: int = 19) -> int:
    """The train id of a labelId, among 19, 16 or 13 classes."""
    train = TRAIN_IDS.get(raw, 255)
    if classes == 19 or train == 255:
        return train
    kept = {16: IN_16, 13: IN_13}[classes]
    return kept.index(train) if train in kept else 255


@pytest.mark.fast
@pytest.mark.parametrize("classes", [19, 16, 13])
def test_every_label_id(tmp_path: Path, classes: int) -> None:
    data = dataclasses.replace(cityscapes(tmp_path), classes=classes)
    assert data.labels.classes == classes
    expected = np.vectorize(lambda raw: table(raw, classes))(spread(range(34)))
    for split in ("train", "val"):
        for example in data.source(split):
            np.testing.assert_array_equal(example["label"], expected)


def test_splits_and_ids(tmp_path: Path) -> None:
    data = cityscapes(tmp_path)
    assert {split: data.source(split).ids for split in CITYSCAPES_NAMES} == CITYSCAPES_NAMES


def test_labels_of_test_are_void(tmp_path: Path) -> None:
    for example in cityscapes(tmp_path).source("test"):
        assert (example["label"] == 255).all()


def test_says_how_it_differs_from_the_full_data_set(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cityscapes(tmp_path).source("train")
    assert capfd.readouterr().err == (
        "preparing cityscapes: 7 images (differs from the full data set: train 3, not 2975; val 2, not 500; "
        "test 2, not 1525; test without labels: all void)...\n"
    )


def test_without_the_test_split(tmp_path: Path) -> None:
    data = cityscapes(tmp_path)
    (tmp_path / "leftImg8bit" / "test").rename(tmp_path / "elsewhere")
    assert (data.has("val"), data.has("test")) == (True, False)
    assert said(data, "test") == "cityscapes: it has no test split, only train and val"
    assert len(data.source("val")) == 2


@pytest.mark.parametrize("parts", [("leftImg8bit",), ("gtFine",), ("leftImg8bit", "gtFine")])
def test_zips_give_what_the_folders_give(tmp_path: Path, parts: tuple[str, ...]) -> None:
    data = cityscapes(tmp_path)
    from_folders = {split: list(data.source(split)) for split in CITYSCAPES_NAMES}
    for part in parts:
        zipped(tmp_path, part)
    for split, examples in from_folders.items():
        from_zips = data.source(split)
        assert len(from_zips) == len(examples)
        for one, two in zip(from_zips, examples, strict=True):
            assert one["id"] == two["id"]
            np.testing.assert_array_equal(one["image"], two["image"])
            np.testing.assert_array_equal(one["label"], two["label"])


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_unreadable_zip_is_named(tmp_path: Path, content: bytes | None) -> None:
    data = cityscapes(tmp_path)
    path = zipped(tmp_path, "gtFine")
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)  # None: cut short
    message = said(data)
    assert message.startswith(f"{path}: not a readable zip (")
    assert message.endswith("download gtFine_trainvaltest.zip again")


def test_damaged_member_of_a_zip_is_named(tmp_path: Path) -> None:
    data = cityscapes(tmp_path)
    path = zipped(tmp_path, "leftImg8bit")
    name = "leftImg8bit/train/aachen/aachen_000001_000019_leftImg8bit.png"
    content = bytearray(path.read_bytes())
    start = content.find(name.encode()) + len(name) + 40
    content[start : start + 4] = bytes(4)
    path.write_bytes(content)
    message = said(data)
    assert message.startswith(f"{path}: {name}: not a readable zip (Bad CRC-32")


def test_missing_labels_in_a_zip_are_named(tmp_path: Path) -> None:
    data = cityscapes(tmp_path)
    name = "aachen_000001_000019_gtFine_labelIds.png"
    (tmp_path / "gtFine" / "train" / "aachen" / name).unlink()
    zipped(tmp_path, "gtFine")
    assert said(data).startswith(f"cityscapes: 1 file is missing of 7 pairs: gtFine/train/aachen/{name}; ")


def test_missing_parts_are_all_named(tmp_path: Path) -> None:
    data = cityscapes(tmp_path)
    (tmp_path / "gtFine").rename(tmp_path / "fine")
    (tmp_path / "leftImg8bit" / "val").rename(tmp_path / "val")
    message = said(data)
    assert f"{tmp_path} has no {tmp_path}/leftImg8bit/val, gtFine; set --data.dir" in message
    assert "leftImg8bit_trainvaltest.zip" in message


def test_missing_labels_of_both_splits_are_named_together(tmp_path: Path) -> None:
    data = cityscapes(tmp_path)
    for split, names in CITYSCAPES_NAMES.items():
        for name in names:
            (tmp_path / "gtFine" / split / name.split("_")[0] / f"{name}_gtFine_labelIds.png").unlink()
    message = said(data)
    assert message.startswith(
        "cityscapes: 5 files are missing of 7 pairs: gtFine/train/aachen/aachen_000000_000019"
    )
    assert message.count("_gtFine_labelIds.png") == 5 + 1  # and once in what the folder must be


def test_train_ids_are_not_taken_for_label_ids(tmp_path: Path) -> None:
    data = cityscapes(tmp_path)
    path = tmp_path / "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png"
    save_label(path, spread((0, 18, 255)))
    assert said(data).startswith(f"{path}: 255 not in label space 'cityscapes'")


def test_more_images_than_the_full_data_set_has_are_taken(tmp_path: Path) -> None:
    data = cityscapes(tmp_path)
    save_image(tmp_path / "leftImg8bit/train/aachen/aachen_000009_000019_leftImg8bit.png")
    save_label(tmp_path / "gtFine/train/aachen/aachen_000009_000019_gtFine_labelIds.png", spread((7,)))
    source = data.source("train")
    assert len(source) == 4
    assert (source[2]["label"] == 0).all()


def test_a_hidden_file_is_no_image(tmp_path: Path) -> None:
    data = cityscapes(tmp_path)
    path = tmp_path / "leftImg8bit/train/aachen/._aachen_000000_000019_leftImg8bit.png"
    path.write_bytes(b"what some systems leave")
    assert len(Cityscapes(data.dir).source("train")) == 3
