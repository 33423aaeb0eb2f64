"""Overlays, legends, error maps and label-map PNGs, against arithmetic done by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxseg import report
from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, CITYSCAPES


@pytest.mark.fast
def test_overlay_mixes_colour_and_image_and_keeps_void() -> None:
    image = np.array([[[10, 20, 30], [200, 100, 0], [7, 8, 9]]], np.uint8)
    labels = np.array([[3, 1, 255]], np.uint8)  # road (128, 64, 128), building (128, 0, 0), void
    out = report.overlay(image, labels, CAMVID, alpha=0.25)
    # 0.75 * 10 + 0.25 * 128 = 39.5 -> 40, 0.75 * 20 + 16 = 31, 0.75 * 30 + 32 = 54.5 -> 55
    # 0.75 * 200 + 32 = 182, 75, 0
    assert out.tolist() == [[[40, 31, 55], [182, 75, 0], [7, 8, 9]]]
    assert out.dtype == np.uint8


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_overlay_ends_are_the_image_and_the_palette(alpha: float) -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (9, 7, 3)).astype(np.uint8)
    labels = generator.integers(0, 11, (9, 7)).astype(np.uint8)
    expected = np.array(CAMVID.palette, np.uint8)[labels] if alpha else image
    np.testing.assert_array_equal(report.overlay(image, labels, CAMVID, alpha), expected)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_every_id_outside_the_classes_is_void(dtype: type) -> None:
    image = np.full((1, 3, 3), 50, np.uint8)
    labels = np.array([[11, 127, -1 if np.issubdtype(dtype, np.signedinteger) else 255]], dtype)
    np.testing.assert_array_equal(report.overlay(image, labels, CAMVID), image)


def test_unusable_overlays_are_input_errors() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    with pytest.raises(InputError, match=r"image 4x5 and labels 5x4 .* differ in size"):
        report.overlay(image, np.zeros((5, 4), np.uint8), CAMVID)
    with pytest.raises(InputError, match=r"alpha: 1\.5"):
        report.overlay(image, np.zeros((4, 5), np.uint8), CAMVID, alpha=1.5)


def test_legend_shows_the_colours_of_the_classes_present_and_no_others() -> None:
    picture = report.legend(CAMVID, present=[3, 8, 255])
    found = {tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}
    assert CAMVID.palette[3] in found
    assert CAMVID.palette[8] in found
    assert CAMVID.palette[4] not in found


def test_legend_columns_hold_every_class() -> None:
    one, three = report.legend(CITYSCAPES), report.legend(CITYSCAPES, columns=3)
    assert three.shape[0] < one.shape[0]
    assert three.shape[1] > one.shape[1]
    found = {tuple(pixel) for pixel in three.reshape(-1, 3).tolist()}
    assert set(CITYSCAPES.palette) <= found
    assert report.legend(CAMVID, present=[]).shape[2] == 3


@pytest.mark.parametrize(
    ("height", "width", "right"), [(300, 400, True), (400, 300, False), (40, 400, False)]
)
def test_annotated_overlay_keeps_the_picture_in_its_corner(height: int, width: int, right: bool) -> None:
    generator = np.random.default_rng(1)
    image = generator.integers(0, 256, (height, width, 3)).astype(np.uint8)
    labels = np.repeat(np.arange(height)[:, None] * 11 // height, width, axis=1)
    out = report.annotated_overlay(image, labels, CAMVID)
    np.testing.assert_array_equal(out[:height, :width], report.overlay(image, labels, CAMVID))
    assert (out.shape[1] > width) == right
    assert (out.shape[0] > height) != right


@pytest.mark.fast
def test_error_map_tells_wrong_right_and_void_apart() -> None:
    truth = np.array([[0, 1, 255, 1]], np.uint8)
    prediction = np.array([[0, 2, 2, 1]], np.uint8)
    image = np.full((1, 4, 3), 200, np.uint8)
    out = report.error_map(prediction, truth, image).astype(int)[0]
    for right in (out[0], out[3]):
        assert right[0] == right[1] == right[2] == 130  # 40 + 0.45 * 200: grey, and darker than the image
    assert out[1][0] > 200
    assert out[1][1] < 100
    assert out[1][2] < 100
    assert out[2].max() < 90


def test_error_map_hatches_void_and_takes_ids_beyond_the_classes_as_void() -> None:
    truth = np.full((16, 16), 30, np.uint8)
    out = report.error_map(np.zeros((16, 16), np.uint8), truth, classes=19)
    assert len({tuple(pixel) for pixel in out.reshape(-1, 3).tolist()}) == 2
    wrong = report.error_map(np.zeros((16, 16), np.uint8), truth)
    assert (wrong == (255, 68, 56)).all()


def test_error_map_of_different_sizes_is_an_input_error() -> None:
    with pytest.raises(InputError, match="prediction 2x3 and truth 3x2"):
        report.error_map(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


@pytest.mark.fast
def test_label_map_png_round_trip(tmp_path: Path) -> None:
    labels = np.random.default_rng(2).integers(0, 12, (13, 17))
    labels[labels == 11] = 255
    path = report.save_label_map(tmp_path / "deep" / "map.png", labels, CAMVID)
    loaded = report.load_label_map(path)
    assert loaded.dtype == np.uint8
    np.testing.assert_array_equal(loaded, labels)
    with Image.open(path) as picture:
        assert picture.mode == "P"
        colours = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(colours[labels == 3], np.full(((labels == 3).sum(), 3), CAMVID.palette[3]))
    np.testing.assert_array_equal(colours[labels == 255], 0)
    assert [entry.name for entry in path.parent.iterdir()] == ["map.png"]


def test_unusable_label_maps_are_input_errors(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    with pytest.raises(InputError, match=r"map\.png: label ids \[11, 40\] are not in 0\.\.10"):
        report.save_label_map(path, np.array([[0, 11, 40, 255]]), CAMVID)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"map\.png: there is no such file"):
        report.load_label_map(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    with pytest.raises(InputError, match=r"map\.png: cannot be decoded"):
        report.load_label_map(path)
    Image.new("RGB", (2, 2)).save(path)
    with pytest.raises(InputError, match="mode RGB is no label map"):
        report.load_label_map(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        report.save_label_map(tmp_path / "file" / "map.png", np.zeros((2, 2), np.uint8), CAMVID)


def test_a_truncated_png_is_an_input_error(tmp_path: Path) -> None:
    whole = report.save_label_map(
        tmp_path / "whole.png", np.arange(900).reshape(30, 30) % 11, CAMVID
    ).read_bytes()
    (tmp_path / "part.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"part\.png: cannot be decoded"):
        report.load_label_map(tmp_path / "part.png")
