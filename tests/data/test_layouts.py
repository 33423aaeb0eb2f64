"""What holds for every data set of images and label images: what it prepares, and what it says of what it cannot."""

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import numpy as np
import pytest
from PIL import Image

from jaxseg.data import DataSet, _cache
from jaxseg.errors import InputError
from tests.data.layouts import LAYOUTS, SIZE, Layout, save_image

EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))


def split_of(layout: Layout) -> str:
    return "test" if layout.name == "cross_city" else "train"


def said(data: DataSet, split: str = "train") -> str:
    """The one line that says why a data set cannot be used; checks that nothing was kept."""
    with pytest.raises(InputError) as failure:
        data.source(split)
    message = str(failure.value)
    assert "\n" not in message
    assert [path for path in _cache.cache_folder().glob("*/*") if path.name != ".lock"] == []
    return message


@EVERY
def test_prepares_images_as_shipped_with_labels_of_known_classes(layout: Layout, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    assert data.name == layout.name
    assert data.has(split_of(layout))
    source = data.source(split_of(layout))
    shipped = (tmp_path / "raw" / layout.image).read_bytes()
    assert shipped in [source.records[place]["image"] for place in source.places]
    for example in source:
        assert example["image"].shape == (*SIZE, 3)
        assert example["label"].shape == SIZE
        assert set(np.unique(example["label"])) <= {*range(data.labels.classes), 255}
        assert (example["label"] != 255).any()


@EVERY
def test_the_names_of_examples_are_known_before_any_is_prepared(layout: Layout, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    for split in ("train", "val", "test"):
        try:
            known = data.ids(split)
        except InputError as error:
            with pytest.raises(InputError, match=re.escape(str(error))):
                data.source(split)
            continue
        assert known == list(data.source(split).ids)


@EVERY
def test_two_preparations_are_byte_identical(
    layout: Layout, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = layout.write(tmp_path / "raw")
    data.source(split_of(layout))
    monkeypatch.setenv("JAXSEG_CACHE", str(cache.with_name("other")))
    data.source(split_of(layout))
    one, two = (
        {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (cache, cache.with_name("other"))
    )
    assert one == two
    assert len(one) > 3


@EVERY
def test_resize_is_bicubic_for_images_and_nearest_for_labels(layout: Layout, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    native = data.source(split_of(layout))[0]
    small = dataclasses.replace(data, resize=(4, 8)).source(split_of(layout))[0]
    expected = Image.fromarray(native["image"]).resize((8, 4), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(small["image"], np.asarray(expected))
    np.testing.assert_array_equal(small["label"], native["label"][1::2, 1::2])
    with pytest.raises(InputError, match="resize: "):
        dataclasses.replace(data, resize=(0, 8)).source(split_of(layout))


@EVERY
@pytest.mark.parametrize("what", ["image", "label"])
def test_truncated_file_is_named(layout: Layout, what: str, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    path = tmp_path / "raw" / getattr(layout, what)
    path.write_bytes(path.read_bytes()[:-30])
    if path.suffix == ".jpg":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert said(data, split_of(layout)).startswith(f"{path}: not a readable image (")


@EVERY
def test_unknown_ids_are_named(layout: Layout, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    expected = layout.unknown(tmp_path / "raw" / layout.label)
    assert said(data, split_of(layout)).startswith(expected)


@EVERY
def test_sizes_that_differ_are_refused(layout: Layout, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    image, label = (tmp_path / "raw" / name for name in (layout.image, layout.label))
    save_image(image, (4, 6))
    message = said(data, split_of(layout))
    assert message == f"{label}: 16x8 pixels, and its image {image} has 6x4; they must be of one size"


@EVERY
def test_missing_labels_are_all_named_at_once(layout: Layout, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    root = tmp_path / "raw"
    endings = {"cityscapes": "_labelIds.png"}.get(layout.name, ".png")
    gone = sorted(path for path in (root / layout.labels).rglob(f"*{endings}"))[:4]
    for path in gone:
        path.unlink()
    message = said(data, split_of(layout))
    count = f"{len(gone)} file is" if len(gone) == 1 else f"{len(gone)} files are"
    assert message.startswith(f"{layout.name}: {count} missing of ")
    for path in gone:
        assert any(str(path).endswith(part) for part in message.split(": ")[2].split("; ")[0].split(", "))


@EVERY
def test_two_images_of_one_name(layout: Layout, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    twin = tmp_path / "raw" / layout.twin
    if (tmp_path / "raw" / layout.image).exists() and twin.exists():
        pytest.skip("the file system does not tell upper from lower case")
    save_image(twin)
    message = said(data, split_of(layout))
    assert message.startswith(f"{layout.name}: two files of one name in ")
    for path in (layout.image, layout.twin):
        assert Path(path).name in message


@EVERY
def test_folder_not_given_or_not_there(layout: Layout, tmp_path: Path) -> None:
    kind = type(layout.write(tmp_path / "raw"))
    for data in (kind(), kind(tmp_path / "nowhere")):
        with pytest.raises(InputError, match=r"--data\.dir .*a folder with ") as failure:
            data.recipe()
        assert "\n" not in str(failure.value)
    assert "nowhere" in str(failure.value)


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Files cannot grow beyond `size` bytes, as on a full disk."""
    soft, hard = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, (soft, hard))


@EVERY
def test_a_full_disk_leaves_nothing(layout: Layout, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    with at_most(200):
        message = said(data, split_of(layout))
    assert "cannot write prepared data to" in message
    assert len(data.source(split_of(layout))) > 0


@pytest.mark.fast
@EVERY
def test_fingerprint_changes_with_a_file_alone(layout: Layout, tmp_path: Path) -> None:
    data = layout.write(tmp_path / "raw")
    before = data.recipe().ingredients
    assert _cache.fingerprint(data.recipe().ingredients) == _cache.fingerprint(before)
    path = tmp_path / "raw" / layout.label
    path.write_bytes(path.read_bytes() + b"\0")
    assert _cache.fingerprint(data.recipe().ingredients) != _cache.fingerprint(before)
