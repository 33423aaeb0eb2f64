"""The data sets as their owners ship them, tiny: folder names, file names, bit depths and palettes."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.io
from PIL import Image

from jaxseg.data import GTA5, VOC, CamVidOriginal, Cityscapes, CrossCity, DataSet, Folder, Synthia

SIZE = (8, 16)


def save_image(path: Path, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A smooth picture that its name decides; in JPEG where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(path.stem.encode()))
    ramp = np.linspace(0, 50, size[1])[None, :, None] * np.ones((size[0], 1, 1))
    pixels = (rng.integers(0, 200, 3) + ramp).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=95)
    return pixels


def spread(ids: Sequence[int], size: tuple[int, int] = SIZE) -> np.ndarray:
    """A label map with all of these ids in it."""
    assert len(ids) <= size[0] * size[1]
    return np.resize(np.array(ids), size)


def save_label(path: Path, ids: np.ndarray, palette: Sequence[tuple[int, int, int]] | None = None) -> None:
    """8-bit PNG of ids, with a palette where given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(ids.astype(np.uint8))
    if palette is not None:
        picture = picture.convert("L")
        picture.putpalette([channel for colour in palette for channel in colour])
        assert picture.mode == "P"
    picture.save(path)


def save_png16(path: Path, samples: np.ndarray) -> None:
    """PNG of 16-bit RGB, written by hand as Pillow cannot; rows take the five filters in turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, _ = samples.shape
    raw = samples.astype(">u2").view(np.uint8).reshape(height, width * 6).astype(np.int64)
    left = np.pad(raw, ((0, 0), (6, 0)))[:, :-6]
    above = np.pad(raw, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(left, ((1, 0), (0, 0)))[:-1]
    distance = [abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)]
    first = (distance[0] <= distance[1]) & (distance[0] <= distance[2])
    paeth = np.where(first, left, np.where(distance[1] <= distance[2], above, corner))
    guesses = [0 * raw, left, above, (left + above) // 2, paeth]
    rows = [
        bytes([y % 5]) + ((raw - guesses[y % 5]) % 256).astype(np.uint8)[y].tobytes() for y in range(height)
    ]
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content)


CITYSCAPES_NAMES = {
    "train": ("aachen_000000_000019", "aachen_000001_000019", "zurich_000121_000019"),
    "val": ("frankfurt_000000_000294", "munster_000173_000019"),
    "test": ("berlin_000000_000019", "munich_000397_000019"),
}


def cityscapes(folder: Path, ids: Sequence[int] = tuple(range(34))) -> Cityscapes:
    for split, names in CITYSCAPES_NAMES.items():
        for name in names:
            city = name.split("_")[0]
            save_image(folder / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png")
            fine = folder / "gtFine" / split / city
            # The owners' label images of test hold no class.
            save_label(fine / f"{name}_gtFine_labelIds.png", spread(ids if split != "test" else (1, 3)))
            save_label(fine / f"{name}_gtFine_instanceIds.png", spread((0,)))
            Image.new("RGBA", SIZE[::-1]).save(fine / f"{name}_gtFine_color.png")
            (fine / f"{name}_gtFine_polygons.json").write_text("{}")
    return Cityscapes(folder)


def zipped(folder: Path, part: str) -> Path:
    """Packs `leftImg8bit` or `gtFine` as the owners do, and removes the folder."""
    path = folder / f"{part}_trainvaltest.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("README", "text")
        archive.writestr("license.txt", "text")
        for file in sorted((folder / part).rglob("*")):
            archive.write(file, str(file.relative_to(folder)))
    for file in sorted((folder / part).rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (folder / part).rmdir()
    return path


def gta5(folder: Path, count: int = 6, ids: Sequence[int] = tuple(range(35))) -> GTA5:
    palette = [(k * 7 % 256, k * 13 % 256, 255 - k) for k in range(256)]
    for number in range(1, count + 1):
        save_image(folder / "images" / f"{number:05d}.png")
        save_label(folder / "labels" / f"{number:05d}.png", spread(ids), palette)
    return GTA5(folder)


def synthia(folder: Path, ids: Sequence[int] = tuple(range(23))) -> Synthia:
    inner = folder / "RAND_CITYSCAPES"
    for number in (0, 1, 8999, 9000, 9399):
        save_image(inner / "RGB" / f"{number:07d}.png")
        instances = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) * 300 % 65536
        samples = np.stack([spread(ids), instances, 0 * instances], axis=-1)
        save_png16(inner / "GT" / "LABELS" / f"{number:07d}.png", samples)
    return Synthia(folder)


def cross_city(folder: Path, ids: Sequence[int] = tuple(range(34))) -> CrossCity:
    for city, ending in (("Rome", ".png"), ("Rio", ".jpg"), ("Tokyo", ".png"), ("Taipei", ".png")):
        for split, names in (
            ("Train", ("pano_00001_0_0", "pano_00001_0_180")),
            ("Test", ("pano_00002_2_180",)),
        ):
            for name in names:
                save_image(folder / city / "Images" / split / f"{name}{ending}")
        save_label(folder / city / "Labels" / "Test" / "pano_00002_2_180_eval.png", spread(ids))
    return CrossCity(folder)


VOC_IDS = (*range(21), 255)
VOC_LISTS = {"train": ("2007_000032", "2007_000039"), "val": ("2007_000033", "2007_000042")}
SBD_LISTS = {"train": ("2008_000002", "2007_000032"), "val": ("2007_000033", "2008_000003", "2011_002095")}


def voc_palette() -> list[tuple[int, int, int]]:
    """PASCAL's colours, bit by bit."""
    colours = []
    for index in range(256):
        colour = [0, 0, 0]
        for bit in range(8):
            colour[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
        colours.append((colour[0], colour[1], colour[2]))
    return colours


def voc(folder: Path, ids: Sequence[int] = VOC_IDS) -> VOC:
    inner = folder / "VOCdevkit" / "VOC2012"
    lists = inner / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for split, names in VOC_LISTS.items():
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            save_label(inner / "SegmentationClass" / f"{name}.png", spread(ids), voc_palette())
    everything = {name for lists in (VOC_LISTS, SBD_LISTS) for names in lists.values() for name in names}
    for name in (*everything, "2012_004331"):  # JPEGImages also holds what has no segmentation
        save_image(inner / "JPEGImages" / f"{name}.jpg")
    return VOC(folder)


def sbd(folder: Path, shift: int = 3) -> Path:
    """SBD's folder; its labels are those of `spread(range(21))` moved by `shift` pixels."""
    inner = folder / "benchmark_RELEASE" / "dataset"
    (inner / "cls").mkdir(parents=True)
    for split, names in SBD_LISTS.items():
        (inner / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            segmentation = np.roll(spread(range(21)), shift).astype(np.uint8)
            boundaries = np.empty((20, 1), object)
            boundaries[:] = 0
            content = {"Segmentation": segmentation, "Boundaries": boundaries, "CategoriesPresent": [1]}
            scipy.io.savemat(inner / "cls" / f"{name}.mat", {"GTcls": content})
    return inner


_CAMVID = """
    Animal 64 128 64; Archway 192 0 128; Bicyclist 0 128 192; Bridge 0 128 64; Building 128 0 0;
    Car 64 0 128; CartLuggagePram 64 0 192; Child 192 128 64; Column_Pole 192 192 128;
    Fence 64 64 128; LaneMkgsDriv 128 0 192; LaneMkgsNonDriv 192 0 64; Misc_Text 128 128 64;
    MotorcycleScooter 192 0 192; OtherMoving 128 64 64; ParkingBlock 64 192 128;
    Pedestrian 64 64 0; Road 128 64 128; RoadShoulder 128 128 192; Sidewalk 0 0 192;
    SignSymbol 192 128 128; Sky 128 128 128; SUVPickupTruck 64 128 192; TrafficCone 0 0 64;
    TrafficLight 0 64 64; Train 192 64 128; Tree 128 128 0; Truck_Bus 192 128 192; Tunnel 64 0 64;
    VegetationMisc 192 192 0; Void 0 0 0; Wall 64 192 0
"""
CAMVID_TABLE = {
    entry.split()[0]: tuple(int(part) for part in entry.split()[1:]) for entry in _CAMVID.split(";")
}
"""Name and colour, in the order of Cambridge's label_colors.txt."""

CAMVID_NAMES = {
    "train": ("0001TP_006690", "0001TP_008520", "0006R0_f00930", "0016E5_00390", "0016E5_08640"),
    "val": ("0016E5_07959", "0016E5_08159"),
    "test": ("0001TP_008550", "0001TP_010380", "Seq05VD_f00000", "Seq05VD_f05100"),
}


def camvid_original(folder: Path) -> CamVidOriginal:
    (folder / "LabeledApproved_full").mkdir(parents=True)
    lines = [f"{' '.join(map(str, colour))}\t{name}\n" for name, colour in CAMVID_TABLE.items()]
    (folder / "label_colors.txt").write_text("".join(lines))
    for names in CAMVID_NAMES.values():
        for name in names:
            save_image(folder / "701_StillsRaw_full" / f"{name}.png")
            colours = np.array(list(CAMVID_TABLE.values()), np.uint8)[spread(range(32))]
            Image.fromarray(colours).save(folder / "LabeledApproved_full" / f"{name}_L.png")
    return CamVidOriginal(folder)


CLASSES_TOML = """
name = "tracks"
void = [255]

[[classes]]
name = "rail"
colour = [230, 150, 140]
ids = [1, 2]

[[classes]]
name = "sleeper"
colour = [100, 80, 60]
ids = [7]
"""


def own_folder(folder: Path) -> Folder:
    for split, names in {"train": ("a", "b", "line 4/a"), "val": ("c", "d")}.items():
        for name in names:
            save_image(folder / "images" / split / f"{name}.jpg")
            save_label(folder / "labels" / split / f"{name}.png", spread((1, 2, 7, 255)))
    (folder / "classes.toml").write_text(CLASSES_TOML)
    return Folder(folder)


class Layout(NamedTuple):
    """A data set on disk, and files of it that tests damage.

    Attributes:
      write: writes it, and gives the data set.
      name: of the data set.
      image: an image of train, from the folder on.
      label: its label image.
      labels: the folder in which all label images of train are.
      unknown: writes that label image with something of no class, and gives what the message says.
      twin: another file with the image's name.
    """

    write: Callable[[Path], DataSet]
    name: str
    image: str
    label: str
    labels: str
    unknown: Callable[[Path], str]
    twin: str


def _unknown_id(value: int) -> Callable[[Path], str]:
    def write(path: Path) -> str:
        save_label(path, spread((value,)))
        return f"{path}: {value} not in label space"

    return write


def _unknown_sample(path: Path) -> str:
    save_png16(path, np.stack([spread((23, 256, 4))] * 3, axis=-1))
    return f"{path}: 23, 256 not in label space"


def _unknown_colour(path: Path) -> str:
    Image.new("RGB", SIZE[::-1], (1, 2, 3)).save(path)
    return f"{path}: colours (1, 2, 3) are those of no class"


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            cityscapes,
            "cityscapes",
            "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png",
            "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png",
            "gtFine/train",
            _unknown_id(34),
            "leftImg8bit/train/zurich/aachen_000000_000019_leftImg8bit.png",
        ),
        Layout(
            gta5,
            "gta5",
            "images/00001.png",
            "labels/00001.png",
            "labels",
            _unknown_id(35),
            "images/00001.PNG",
        ),
        Layout(
            synthia,
            "synthia",
            "RAND_CITYSCAPES/RGB/0000000.png",
            "RAND_CITYSCAPES/GT/LABELS/0000000.png",
            "RAND_CITYSCAPES/GT/LABELS",
            _unknown_sample,
            "RAND_CITYSCAPES/RGB/0000000.PNG",
        ),
        Layout(
            cross_city,
            "cross_city",
            "Rio/Images/Test/pano_00002_2_180.jpg",
            "Rio/Labels/Test/pano_00002_2_180_eval.png",
            "Rio/Labels/Test",
            _unknown_id(200),
            "Rio/Images/Test/pano_00002_2_180.png",
        ),
        Layout(
            voc,
            "voc",
            "VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg",
            "VOCdevkit/VOC2012/SegmentationClass/2007_000032.png",
            "VOCdevkit/VOC2012/SegmentationClass",
            _unknown_id(21),
            "VOCdevkit/VOC2012/JPEGImages/2007_000032.JPG",
        ),
        Layout(
            camvid_original,
            "camvid_original",
            "701_StillsRaw_full/0001TP_006690.png",
            "LabeledApproved_full/0001TP_006690_L.png",
            "LabeledApproved_full",
            _unknown_colour,
            "701_StillsRaw_full/0001TP_006690.PNG",
        ),
        Layout(
            own_folder,
            "folder",
            "images/train/a.jpg",
            "labels/train/a.png",
            "labels/train",
            _unknown_id(3),
            "images/train/a.png",
        ),
    )
}
