"""CamVid of Cambridge: 32 colours, the grouping into 11 classes, and the splits by frame."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxseg.data import CamVidOriginal
from jaxseg.data.camvid_original import _split
from tests.data.layouts import CAMVID_NAMES, CAMVID_TABLE, camvid_original, save_image, spread
from tests.data.test_camvid import REAL
from tests.data.test_layouts import said

ELEVEN = {
    "sky": ("Sky",),
    "building": ("Bridge", "Building", "Wall", "Tunnel", "Archway"),
    "pole": ("Column_Pole", "TrafficCone"),
    "road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "tree": ("Tree", "VegetationMisc"),
    "sign": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "fence": ("Fence",),
    "car": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"),
    "pedestrian": ("Pedestrian", "Child", "CartLuggagePram", "Animal"),
    "bicyclist": ("Bicyclist", "MotorcycleScooter"),
}


@pytest.mark.fast
def test_every_colour_of_32(tmp_path: Path) -> None:
    data = camvid_original(tmp_path)
    names = [name for name in CAMVID_TABLE if name != "Void"]
    assert data.labels.names == tuple(names)
    assert data.labels.palette == tuple(CAMVID_TABLE[name] for name in names)
    colours = np.array([255 if name == "Void" else names.index(name) for name in CAMVID_TABLE])
    for split in CAMVID_NAMES:
        for example in data.source(split):
            np.testing.assert_array_equal(example["label"], colours[spread(range(32))])


def test_every_colour_of_11(tmp_path: Path) -> None:
    data = dataclasses.replace(camvid_original(tmp_path), classes=11)
    assert data.labels.name == "camvid"
    place = {name: list(ELEVEN).index(group) for group, names in ELEVEN.items() for name in names}
    assert len(place) == 31
    colours = np.array([place.get(name, 255) for name in CAMVID_TABLE])
    assert data.labels.names == tuple(ELEVEN)
    for example in data.source("test"):
        np.testing.assert_array_equal(example["label"], colours[spread(range(32))])


def test_splits_by_frame(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = camvid_original(tmp_path)
    assert {split: data.source(split).ids for split in CAMVID_NAMES} == CAMVID_NAMES
    assert "train 5, not 367; val 2, not 101; test 4, not 233" in capfd.readouterr().err


@pytest.mark.skipif(not REAL.is_dir(), reason=f"CamVid is not in {REAL}")
def test_splits_are_those_of_the_tutorial() -> None:
    for split, count in (("train", 367), ("val", 101), ("test", 233)):
        stems = [path.stem for path in (REAL / split).iterdir()]
        assert len(stems) == count
        assert {_split(stem) for stem in stems} == {split}


def test_stray_colours_may_be_void(tmp_path: Path) -> None:
    data = camvid_original(tmp_path)
    path = tmp_path / "LabeledApproved_full/0001TP_006690_L.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[0, 0] = (1, 2, 3)  # was an animal
    pixels[0, 1] = (255, 255, 255)
    Image.fromarray(pixels).save(path)
    assert said(data).startswith(f"{path}: colours (1, 2, 3), (255, 255, 255) are those of no class")
    label = CamVidOriginal(tmp_path, stray="void").source("train")[0]["label"]
    assert label[0, :3].tolist() == [255, 255, 2]


def test_images_of_other_sequences_are_refused(tmp_path: Path) -> None:
    data = camvid_original(tmp_path)
    for name in ("0009XX_000001", "0016E5_first"):
        save_image(tmp_path / "701_StillsRaw_full" / f"{name}.png")
    message = said(data)
    assert message.startswith("camvid_original: 0009XX_000001.png, 0016E5_first.png in ")
    assert "belong to no sequence of CamVid" in message


def test_missing_folders_are_all_named(tmp_path: Path) -> None:
    assert f"{tmp_path} has no folder 701_StillsRaw_full, LabeledApproved_full;" in said(
        CamVidOriginal(tmp_path)
    )
