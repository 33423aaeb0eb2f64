"""The `streets` data set: what is drawn is what is stored, the same every time."""

from pathlib import Path

import numpy as np
import PIL
import pytest

from jaxseg.data import Streets, streets
from jaxseg.data._streets_scene import render
from jaxseg.errors import InputError

SIZE = (32, 64)


@pytest.mark.fast
@pytest.mark.parametrize("domain", ["synthetic", "real"])
def test_stores_what_is_drawn(domain: str) -> None:
    data = Streets(domain=domain, size=SIZE, images=(3, 1, 2))
    assert (data.name, data.labels.classes) == (f"streets-{domain}", 19)
    for split, count in (("train", 3), ("val", 1), ("test", 2)):
        source = data.source(split)
        assert len(source) == count
        for index, example in enumerate(source):
            image, label = render(index, domain=domain, split=split, size=SIZE)
            np.testing.assert_array_equal(example["image"], image)
            np.testing.assert_array_equal(example["label"], label)
            assert example["id"] == f"{split}{index:05d}"


def test_more_images_keep_those_there_were(cache: Path) -> None:
    few = Streets(size=SIZE, images=(2, 1, 1)).source("train")
    many = Streets(size=SIZE, images=(3, 1, 1)).source("train")
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one["image"], other["image"])
    assert len(list(cache.glob("streets-synthetic/[!.]*"))) == 2


def test_another_drawing_is_prepared_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Streets().recipe().ingredients
    (tmp_path / "_streets_scene.py").write_text("changed")
    monkeypatch.setattr(streets, "__file__", str(tmp_path / "streets.py"))
    assert Streets().recipe().ingredients != before


def test_another_rasteriser_prepares_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Streets().recipe().ingredients
    monkeypatch.setattr(PIL, "__version__", "0.0")
    assert Streets().recipe().ingredients != before


@pytest.mark.parametrize("images", [(0, 1, 1), (1, -2, 3)])
def test_bad_counts_are_named(images: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="images: "):
        Streets(images=images).source("train")


def test_a_size_that_cannot_be_drawn_is_named() -> None:
    with pytest.raises(InputError, match="size"):
        Streets(size=(4, 8), images=(1, 1, 1)).source("train")
