"""Office-31 and the digits: what is read, what is said of what cannot be; labels of whole images in the pipeline."""

import gzip
import struct
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxseg.data import DataSource, Digits, Office31, batches, evaluation_batches, label_counts
from jaxseg.data.augment import ColorJitter, GaussianBlur, ScaleCropFlip
from jaxseg.errors import InputError

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"
NAMES = Office31().labels.names


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """Office-31's layout with two images a class, dslr alone."""
    for number, name in enumerate(NAMES):
        folder = tmp_path / "office" / "dslr" / "images" / name
        folder.mkdir(parents=True)
        for index in (1, 2):
            Image.new("RGB", (12, 10), (number, index, 0)).save(folder / f"frame_000{index}.png")
    return tmp_path / "office"


@pytest.mark.fast
def test_office31_reads_every_class(office: Path) -> None:
    data = Office31(office, domain="dslr")
    assert (data.name, data.task, data.labels.classes) == ("office31-dslr", "classification", 31)
    source = data.source("train")
    assert isinstance(source, DataSource)
    assert len(source) == 62
    for index, example in enumerate(source):
        assert example["image"].shape == (10, 12, 3)
        assert example["image"][0, 0].tolist() == [index // 2, 1 + index % 2, 0]
        assert (example["label"], example["label"].dtype) == (index // 2, np.int32)
        assert example["id"] == f"{NAMES[index // 2]}/frame_000{1 + index % 2}"


def test_office31_has_one_part_and_is_prepared_once(office: Path, cache: Path) -> None:
    data = Office31(office, domain="dslr")
    assert {len(data.ids(split)) for split in ("train", "val", "test")} == {62}
    assert {len(data.source(split)) for split in ("train", "val", "test")} == {62}
    assert len(list(cache.glob("office31-dslr/[!.]*"))) == 1
    assert Office31(office, domain="dslr", resize=(4, 6)).source("val")[0]["image"].shape == (4, 6, 3)
    with pytest.raises(InputError, match="'all' is not known"):
        data.source("all")


def test_class_names_are_the_sorted_folder_names() -> None:
    assert sorted(NAMES) == list(NAMES)
    assert len(set(Office31().labels.palette)) == 31


def test_what_is_wrong_with_an_office31_folder_is_named(office: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"office31-amazon: .* has no folder amazon/images"):
        Office31(office).source("train")
    with pytest.raises(InputError, match="no folder given"):
        Office31().source("train")
    images = office / "dslr" / "images"
    Image.new("RGB", (4, 4)).save(images / "mug" / "frame_0001.jpg")
    with pytest.raises(InputError, match=r"images of one name in .*mug: frame_0001.jpg, frame_0001.png"):
        Office31(office, domain="dslr").source("train")
    for file in (images / "mug").iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"no image \(.jpg, .png\) in .*mug"):
        Office31(office, domain="dslr").source("train")
    (images / "pen").rename(images / "pencil")
    with pytest.raises(InputError, match="has no folder pen;"):
        Office31(office, domain="dslr").source("train")
    (images / "pen").mkdir()
    with pytest.raises(InputError, match="has a folder that is no class, pencil;"):
        Office31(office, domain="dslr").source("train")


def digits(count: int, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, side, side), np.uint8), rng.integers(0, 10, count, np.uint8)


def write_idx(path: Path, array: np.ndarray) -> None:
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


TRAIN, TEST = digits(7, 28, 0), digits(3, 28, 1)


def write(folder: Path, layout: str) -> None:
    names = ("train_image", "train_label", "test_image", "test_label")
    arrays = dict(zip(names, (*TRAIN, *TEST), strict=True))
    if layout == "npz":
        np.savez(folder / "mnist10k.npz", **arrays)
    elif layout == "keras":
        keras = dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays.values(), strict=True))
        np.savez_compressed(folder / "mnist.npz", **keras)
    else:
        place, ending = {"idx": ("", ""), "idx.gz": ("mnist", ".gz")}[layout]
        (folder / place).mkdir(exist_ok=True)
        files = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        for file, array in zip(files, arrays.values(), strict=True):
            write_idx(folder / place / f"{file}-ubyte{ending}", array)


@pytest.mark.fast
@pytest.mark.parametrize("layout", ["npz", "keras", "idx", "idx.gz"])
def test_digits_are_read_from_every_layout(tmp_path: Path, layout: str) -> None:
    write(tmp_path, layout)
    data = Digits(tmp_path, domain="mnist")
    assert (data.name, data.task, data.labels.names[3]) == ("digits-mnist", "classification", "3")
    for split, (images, labels) in {"train": TRAIN, "test": TEST, "val": TEST}.items():
        source = data.source(split)
        assert len(source) == len(images)
        assert data.ids(split) == [example["id"] for example in source]
        for example, image, label in zip(source, images, labels, strict=True):
            np.testing.assert_array_equal(example["image"], np.repeat(image[..., None], 3, axis=-1))
            assert example["label"] == label


def test_digits_can_be_resized(tmp_path: Path) -> None:
    write(tmp_path, "npz")
    image = Digits(tmp_path, domain="mnist", resize=(16, 16)).source("train")[0]["image"]
    expected = Image.fromarray(TRAIN[0][0]).resize((16, 16), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(image[..., 0], np.asarray(expected))


def test_what_is_wrong_with_digits_is_named(tmp_path: Path) -> None:
    usps = Digits(tmp_path, domain="usps")
    with pytest.raises(InputError, match=r"digits-usps: .* has neither usps.npz nor the four idx files"):
        usps.source("train")
    (tmp_path / "usps.npz").write_bytes(b"PK\x03\x04torn")
    with pytest.raises(InputError, match=r"usps.npz: not a readable npz file"):
        usps.source("train")
    images, labels = digits(4, 16, 0)
    np.savez(tmp_path / "usps.npz", images=images, labels=labels)
    with pytest.raises(InputError, match="holds the arrays images, labels"):
        usps.source("train")
    whole = {"train_image": images, "train_label": labels, "test_image": images, "test_label": labels}
    for changed, says in (
        ({"test_label": labels[:3]}, r"images of test in .* are uint8 \(4, 16, 16\), with 3 labels"),
        ({"train_image": images.astype(np.float32)}, r"images of train in .* are float32"),
        ({"train_label": labels.astype(np.float32)}, r"labels of train in .* are float32 \(4,\)"),
        ({"train_label": labels + np.uint8(10)}, r"usps.npz: train labels"),
    ):
        np.savez(tmp_path / "usps.npz", **{**whole, **changed})
        with pytest.raises(InputError, match=says) as failure:
            usps.source("train")
        assert "\n" not in str(failure.value)


@pytest.mark.parametrize("content", [b"", b"\0\0\x0d\x01\0\0\0\x02ab", b"\0\0\x08\x01\0\0\0\x05ab"])
def test_an_idx_file_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, "idx")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(InputError, match="train-labels-idx1-ubyte: not a readable idx file"):
        Digits(tmp_path, domain="mnist").source("train")


@pytest.mark.fast
def test_batches_of_whole_image_labels(tmp_path: Path) -> None:
    write(tmp_path, "npz")
    data = Digits(tmp_path, domain="mnist")
    batch = next(batches({"source": data.source("train"), "target": data.source("test")}, 7, seed=0))
    assert batch["source"]["label"].dtype == np.int32
    assert sorted(batch["source"]["label"].tolist()) == sorted(TRAIN[1].tolist())
    for image, label in zip(*batch["source"].values(), strict=True):
        where = (TRAIN[0] == image[..., 0]).all(axis=(1, 2))
        assert TRAIN[1][where].tolist() == [label]
    assert batch["target"]["image"].shape == (7, 28, 28, 3)
    parts = list(evaluation_batches(data.source("train"), 5))
    assert np.concatenate([part["label"] for part in parts]).tolist() == [*TRAIN[1].tolist(), 255, 255, 255]


def test_augmentation_leaves_the_classes_alone() -> None:
    image, label = np.zeros((3, 8, 8, 3), np.uint8), np.array([4, 5, 255], np.int32)
    for augmentation in (ScaleCropFlip(size=(4, 4)), ColorJitter(), GaussianBlur()):
        result, same = augmentation(jax.random.key(0), image, label)
        assert result.shape[0] == 3
        np.testing.assert_array_equal(same, label)


@pytest.mark.skipif(not (REAL / "office31").is_dir(), reason=f"Office-31 is not in {REAL}")
@pytest.mark.parametrize(("domain", "count"), [("amazon", 2817), ("dslr", 498), ("webcam", 795)])
def test_real_office31_has_the_counts_that_are_documented(domain: str, count: int) -> None:
    source = Office31(REAL / "office31", domain=domain).source("train")
    assert len(source) == count
    assert source[count - 1]["image"].shape == (128, 128, 3)
    folder = REAL / "office31" / domain / "images"
    files = [len(list((folder / name).iterdir())) for name in NAMES]
    assert label_counts(source).sum(axis=0)[:31].tolist() == files


@pytest.mark.slow
@pytest.mark.skipif(not (REAL / "digits").is_dir(), reason=f"the digits are not in {REAL}")
@pytest.mark.parametrize(
    ("domain", "file", "counts", "side"),
    [("usps", "usps", (7291, 2007), 16), ("mnist", "mnist10k", (8000, 2000), 28)],
)
def test_real_digits_have_the_counts_that_are_documented(
    domain: str, file: str, counts: tuple[int, int], side: int
) -> None:
    data = Digits(REAL / "digits", domain=domain)
    with np.load(REAL / "digits" / f"{file}.npz") as arrays:
        for split, count in zip(("train", "test"), counts, strict=True):
            source = data.source(split)
            assert len(source) == count
            labels = arrays[f"{split}_label"]
            assert label_counts(source).sum(axis=0)[:10].tolist() == np.bincount(labels).tolist()
            for index in (0, count // 2, count - 1):
                assert source[index]["image"].shape == (side, side, 3)
                np.testing.assert_array_equal(source[index]["image"][..., 1], arrays[f"{split}_image"][index])
