"""NTHU cross-city: four cities, 13 classes, train without labels."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from jaxseg.data import CrossCity
from tests.data.layouts import cross_city, spread
from tests.data.test_cityscapes import table
from tests.data.test_layouts import said

CITIES = ("Rio", "Rome", "Taipei", "Tokyo")


@pytest.mark.fast
def test_every_label_id_of_every_city(tmp_path: Path) -> None:
    data = cross_city(tmp_path)
    assert data.labels.names == (
        *("road", "sidewalk", "building", "traffic light", "traffic sign", "vegetation", "sky"),
        *("person", "rider", "car", "bus", "motorcycle", "bicycle"),
    )
    source = data.source("test")
    assert source.ids == tuple(f"{city}_pano_00002_2_180" for city in CITIES)
    for example in source:
        np.testing.assert_array_equal(
            example["label"], np.vectorize(lambda raw: table(raw, 13))(spread(range(34)))
        )


def test_train_has_no_labels(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = cross_city(tmp_path).source("train")
    assert source.ids == tuple(f"{city}_pano_00001_0_{angle}" for city in CITIES for angle in (0, 180))
    for example in source:
        assert (example["label"] == 255).all()
    assert capfd.readouterr().err == (
        "preparing cross_city: 12 images (differs from the full data set: train 8, not 12800; test 4, not 400; "
        "train without labels: all void)...\n"
    )


def test_val_is_test(tmp_path: Path) -> None:
    data = cross_city(tmp_path)
    assert all(data.has(split) for split in ("train", "val", "test"))
    val, test = data.source("val"), data.source("test")
    assert (val.name, val.ids) == ("cross_city/val", test.ids)
    np.testing.assert_array_equal(val[1]["label"], test[1]["label"])


def test_one_city(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = dataclasses.replace(cross_city(tmp_path), cities=("Rio",))
    assert data.source("test").ids == ("Rio_pano_00002_2_180",)
    assert "train 2, not 3200; test 1, not 100" in capfd.readouterr().err


@pytest.mark.parametrize("cities", [(), ("Rome", "Rome")])
def test_cities_are_given_once(tmp_path: Path, cities: tuple[str, ...]) -> None:
    assert said(CrossCity(tmp_path, cities=cities)).startswith("cities: ")


def test_missing_folders_of_all_cities_are_named(tmp_path: Path) -> None:
    data = cross_city(tmp_path)
    (tmp_path / "Tokyo").rename(tmp_path / "Kyoto")
    (tmp_path / "Rome" / "Labels").rename(tmp_path / "Rome" / "labels")
    message = said(data)
    assert (
        "has no folder Rome/Labels/Test, Tokyo/Images/Train, Tokyo/Images/Test, Tokyo/Labels/Test;" in message
    )
