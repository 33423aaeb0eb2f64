"""The user's own images: ids, palettes and colours, with the classes in a TOML file."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from jaxseg.data import Folder
from tests.data.layouts import CLASSES_TOML, own_folder, save_image, save_label, spread
from tests.data.test_layouts import said

COLOURS = """
labels = "colours"
void = [[0, 0, 0], [9, 9, 9]]
[[classes]]
name = "rail"
colour = [230, 150, 140]
[[classes]]
name = "sleeper"
colour = [100, 80, 60]
"""


@pytest.mark.fast
def test_ids(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    assert (data.labels.name, data.labels.names) == ("tracks", ("rail", "sleeper"))
    assert data.labels.palette == ((230, 150, 140), (100, 80, 60))
    assert data.source("train").ids == ("a", "b", "line 4__a")
    assert data.source("val").ids == ("c", "d")
    for split in ("train", "val"):
        for example in data.source(split):
            np.testing.assert_array_equal(example["label"], spread((0, 0, 1, 255)))
    assert said_later(data, "test") == "folder: it has no test split, only train and val"


def said_later(data: Folder, split: str) -> str:
    with pytest.raises(ValueError, match="folder: ") as failure:
        data.source(split)
    return str(failure.value)


def test_palette_is_read_by_index(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    save_label(tmp_path / "labels/train/a.png", spread((7, 2)), [(k, k, k) for k in range(255, -1, -1)])
    np.testing.assert_array_equal(data.source("train")[0]["label"], spread((1, 0)))


def test_ids_are_places_where_they_are_left_out(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    (tmp_path / "classes.toml").write_text(CLASSES_TOML.replace("ids = [1, 2]", "").replace("ids = [7]", ""))
    for path in (tmp_path / "labels").rglob("*.png"):
        save_label(path, spread((0, 1, 255)))
    np.testing.assert_array_equal(data.source("val")[0]["label"], spread((0, 1, 255)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours(tmp_path: Path, mode: str) -> None:
    data = own_folder(tmp_path)
    (tmp_path / "classes.toml").write_text(COLOURS)
    colours = np.array([(230, 150, 140), (100, 80, 60), (0, 0, 0), (9, 9, 9)], np.uint8)
    for path in (tmp_path / "labels").rglob("*.png"):
        picture = Image.fromarray(colours[spread(range(4))])
        if mode == "P":
            save_label(path, spread(range(4)), [tuple(colour) for colour in colours.tolist()])
        else:
            picture.convert(mode).save(path)
    assert data.labels.name == tmp_path.name
    for example in data.source("train"):
        np.testing.assert_array_equal(example["label"], spread((0, 1, 255, 255)))


def test_unknown_colour_is_named(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    (tmp_path / "classes.toml").write_text(COLOURS)
    for path in (tmp_path / "labels").rglob("*.png"):
        Image.new("RGB", (16, 8), (100, 80, 60)).save(path)
    path = tmp_path / "labels/val/d.png"
    Image.new("RGB", (16, 8), (100, 80, 61)).save(path)
    assert said(data) == f"{path}: colours (100, 80, 61) are those of no class"


def test_split_without_a_labels_folder_is_void(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = own_folder(tmp_path)
    save_image(tmp_path / "images/test/x.png")
    (example,) = data.source("test")
    assert (example["label"] == 255).all()
    assert capfd.readouterr().err == "preparing folder: 6 images (test without labels: all void)...\n"


def test_train_alone_will_do(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = own_folder(tmp_path)
    (tmp_path / "images/val").rename(tmp_path / "later")
    assert len(data.source("train")) == 3
    assert capfd.readouterr().err == "preparing folder: 3 images...\n"


def test_classes_of_another_folder(tmp_path: Path) -> None:
    data = own_folder(tmp_path / "raw")
    path = tmp_path / "shared.toml"
    (tmp_path / "raw/classes.toml").rename(path)
    assert said(data).startswith(f"{tmp_path}/raw/classes.toml: cannot be read")
    shared = Folder(tmp_path / "raw", classes=path)
    assert shared.labels.names == ("rail", "sleeper")
    assert len(shared.source("train")) == 3


def test_changed_classes_are_prepared_anew(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    assert (data.source("train")[0]["label"] == spread((0, 0, 1, 255))).all()
    changed = CLASSES_TOML.replace("[7]", "[2]").replace("[1, 2]", "[1, 7]")
    (tmp_path / "classes.toml").write_text(changed)
    np.testing.assert_array_equal(data.source("train")[0]["label"], spread((0, 1, 0, 255)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[[classes]]", "[[classes", "not TOML"),
        ('name = "tracks"', "name = 2024-05-01", 'name: 2024-05-01; give name = "..."'),
        ('name = "tracks"', "name = 7", 'name: 7; give name = "..."'),
        ('name = "tracks"', 'title = "tracks"', "the file has title; known are name, labels, void, classes"),
        ("colour = [230", "color = [230", "class 0 has color; known are name, colour, ids"),
        ("[230, 150, 140]", "[230, 150]", "colour of 'rail': [230, 150]; give three numbers"),
        ("[230, 150, 140]", "[230, 150, 256]", "give three numbers 0..255"),
        ('name = "rail"', "", "class 0 has no name"),
        ('name = "sleeper"', 'name = "rail"', "a class name occurs twice"),
        ("ids = [7]", "ids = [2]", "2 stands for more than one class"),
        ("ids = [7]", "ids = [255]", "255 stands for more than one class"),
        ("ids = [7]", "ids = []", "ids of 'sleeper': []; give a list of numbers 0..255"),
        ("ids = [7]", "ids = [-1]", "ids of 'sleeper': [-1]; give a list of numbers 0..255"),
        ("ids = [7]", "ids = [true]", "ids of 'sleeper': [True]; give a list"),
        ("void = [255]", "void = 255", "void: 255; give a list"),
        ("void = [255]", 'labels = "grey"', 'labels: \'grey\'; it is "ids" or "colours"'),
        ("void = [255]", 'labels = "colours"', "ids of 'rail': label images are read by colour"),
    ],
)
def test_wrong_toml_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    data = own_folder(tmp_path)
    path = tmp_path / "classes.toml"
    assert old in CLASSES_TOML
    path.write_text(CLASSES_TOML.replace(old, new, 1))
    message = said(data)
    assert message.startswith(f"{path}: ")
    assert expected in message


def test_toml_without_classes(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    (tmp_path / "classes.toml").write_text("void = [255]")
    assert "it lists no classes" in said(data)


def test_images_without_a_split(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    (tmp_path / "images").rename(tmp_path / "pictures")
    assert f"{tmp_path} has no folder images;" in said(data)
    save_image(tmp_path / "images/x.png")
    assert f"{tmp_path}/images has no folder train, val or test" in said(data)


def test_empty_split_is_named(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    (tmp_path / "images/test").mkdir()
    assert said(data).startswith("folder: no images in split test; ")


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    path = tmp_path / "images/train/b.jpg"
    path.unlink()
    path.symlink_to(tmp_path / "gone.jpg")
    assert said(data).startswith(f"{path}: cannot be read (")


def test_a_label_without_an_image_is_named(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    (tmp_path / "images/train/b.jpg").rename(tmp_path / "b.jpg")
    assert said(data).startswith("folder: 1 label image has no image: labels/train/b.png in ")


@pytest.mark.parametrize("name", ["images/valid/c.jpg", "images/c.jpg", "labels/Train/c.png"])
def test_what_lies_beside_the_splits_is_named(tmp_path: Path, name: str) -> None:
    data = own_folder(tmp_path)
    save_image(tmp_path / name)
    kind, beside = name.split("/")[:2]
    assert said(data).startswith(f"folder: {tmp_path / kind} holds {beside} beside train, val; ")


def test_files_that_are_no_pictures_may_lie_there(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    for name in ("images/Thumbs.db", "images/train/notes.txt", "labels/README"):
        (tmp_path / name).write_text("no picture")
    assert len(data.source("train")) == 3


def test_images_of_an_ending_that_is_not_read_are_named(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    save_image(tmp_path / "images/train/e.tif")
    assert said(data).startswith("folder: images/train/e.tif in ")


def turned(path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    with Image.open(path) as picture:
        picture.save(path, exif=exif)


def test_an_image_that_its_camera_turned_is_named(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    path = tmp_path / "images/train/b.jpg"
    turned(path, 3)
    start = f"{path}: its camera turned it (EXIF orientation 3); "
    assert said(data) == start + (
        "turn its pixels as viewers show it, drop the mark, and see that its label lies over that"
    )
    shutil.rmtree(tmp_path / "labels/train")
    assert said(data) == start + "turn its pixels as viewers show it, and drop the mark"


@pytest.mark.parametrize("orientation", [0, 1, 9])
def test_marks_that_turn_nothing_are_ignored_as_viewers_do(tmp_path: Path, orientation: int) -> None:
    data = own_folder(tmp_path)
    turned(tmp_path / "images/train/b.jpg", orientation)
    assert len(data.source("train")) == 3


def test_more_classes_than_labels_hold(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    entries = [f'[[classes]]\nname = "c{k}"\ncolour = [0, 0, {k % 256}]\n' for k in range(300)]
    (tmp_path / "classes.toml").write_text("".join(entries))
    assert said(data).endswith("300 classes; give 1 to 254")


def test_a_byte_order_mark_is_no_part_of_the_classes(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    path = tmp_path / "classes.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert data.labels.names == ("rail", "sleeper")


def test_names_that_are_not_utf_8_are_told(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    bad = os.fsencode(tmp_path / "images/train") + b"/x\xff.jpg"
    try:
        os.rename(tmp_path / "images/train/b.jpg", bad)
    except OSError:
        pytest.skip("this file system takes no such names")
    assert r"images/train/x\udcff.jpg in" in said(data)


def test_which_splits_have_labels(tmp_path: Path) -> None:
    data = own_folder(tmp_path)
    shutil.rmtree(tmp_path / "labels/train")
    assert (data.labelled("train"), data.labelled("val")) == (False, True)
