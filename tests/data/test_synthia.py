"""SYNTHIA: ids in the first of three 16-bit channels, the protocols of 16, 13 and 19 classes, lane marking."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxseg.data import Synthia
from jaxseg.data.synthia import first_channel
from tests.data.layouts import save_image, save_png16, spread, synthia
from tests.data.test_layouts import said

# Id -> class among Cityscapes' 19, and among the 16; None is void.
TRAIN_19 = (
    *(None, 10, 2, 0, 1, 4, 8, 5, 13, 7, 11, 18, 17, None, None, 6, 9, 12, 14, 15, 16, 3),
    None,
)
TRAIN_16 = (
    *(None, 9, 2, 0, 1, 4, 8, 5, 12, 7, 10, 15, 14, None, None, 6, None, 11, None, 13, None, 3),
    None,
)
IN_13 = (0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)  # of the 16
TRAIN_13 = tuple(IN_13.index(c) if c in IN_13 else None for c in TRAIN_16)


@pytest.mark.fast
@pytest.mark.parametrize(("classes", "table"), [(16, TRAIN_16), (13, TRAIN_13), (19, TRAIN_19)])
@pytest.mark.parametrize("lane_marking", ["ignore", "road"])
def test_every_label_id(
    tmp_path: Path, classes: int, table: tuple[int | None, ...], lane_marking: str
) -> None:
    data = dataclasses.replace(synthia(tmp_path), classes=classes, lane_marking=lane_marking)
    assert (data.labels.classes, data.labels.names[0]) == (classes, "road")
    expected = [255 if train is None else train for train in table]
    expected[22] = 0 if lane_marking == "road" else 255
    for example in data.source("train"):
        np.testing.assert_array_equal(example["label"], np.array(expected)[spread(range(23))])


def test_sixteen_classes_without_lane_marking_are_the_default() -> None:
    assert (Synthia().classes, Synthia().lane_marking) == (16, "ignore")


def test_first_9000_are_train(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = synthia(tmp_path)
    assert data.source("train").ids == ("0000000", "0000001", "0008999")
    assert data.source("val").ids == ("0009000", "0009399")
    assert capfd.readouterr().err == (
        "preparing synthia: 5 images (differs from the full data set: train 3, not 9000; val 2, not 400)...\n"
    )


def test_all_train(tmp_path: Path) -> None:
    data = dataclasses.replace(synthia(tmp_path), all_train=True)
    assert len(data.source("train")) == 5
    (tmp_path / "cache" / "synthia").rename(tmp_path / "gone")
    assert said(data, "val") == "synthia: it has no val split, only train"


def test_the_inner_folder_will_do(tmp_path: Path) -> None:
    synthia(tmp_path)
    assert len(Synthia(tmp_path / "RAND_CITYSCAPES").source("val")) == 2


def test_options_are_prepared_apart(tmp_path: Path, cache: Path) -> None:
    data = synthia(tmp_path)
    for options in ({}, {"classes": 13}, {"lane_marking": "road"}, {"all_train": True}):
        dataclasses.replace(data, **options).source("train")
    assert len(list(cache.glob("synthia/[!.]*"))) == 4


def test_sixteen_bits_of_every_size_and_filter(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 1 << 16, (23, 17, 3))
    save_png16(tmp_path / "a.png", samples)
    ids = first_channel((tmp_path / "a.png").read_bytes(), "a.png")
    np.testing.assert_array_equal(ids, samples[..., 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_labels_are_read_too(tmp_path: Path, dtype: type) -> None:
    data = synthia(tmp_path)
    path = tmp_path / "RAND_CITYSCAPES/GT/LABELS/0000000.png"
    Image.fromarray(spread((3, 8)).astype(dtype)).save(path)
    np.testing.assert_array_equal(np.unique(data.source("train")[0]["label"]), [0, 12])


def test_colours_are_refused(tmp_path: Path) -> None:
    data = synthia(tmp_path)
    path = tmp_path / "RAND_CITYSCAPES/GT/LABELS/0000000.png"
    Image.new("RGB", (16, 8)).save(path)
    assert said(data).startswith(f"{path}: a label image has one 8-bit channel")


def test_missing_folders_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "GT").mkdir()
    assert f"{tmp_path} has no folder RGB, GT/LABELS;" in said(Synthia(tmp_path))


def test_names_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    data = synthia(tmp_path)
    save_image(tmp_path / "RAND_CITYSCAPES/RGB/mine.png")
    assert "RGB/mine.png is not named by a number" in said(data)
