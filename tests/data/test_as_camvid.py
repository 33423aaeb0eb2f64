"""The classes of Cityscapes as those of CamVid."""

from typing import Any

import numpy as np
import pytest

from jaxseg.data import AsCamVid, Streets, _prepared, label_counts
from jaxseg.data.as_camvid import SHARED
from jaxseg.data.camvid_original import _TABLE
from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, CITYSCAPES, CITYSCAPES_13, LabelSpace
from tests.tiny import Blocks, Patches


class City(Blocks):
    """Three of Cityscapes' classes, in another order."""

    @property
    def labels(self) -> LabelSpace:
        return CITYSCAPES.subset("three", ["terrain", "car", "wall"])


def test_labels_are_those_of_camvid_and_void_stays_void() -> None:
    given, relabelled = City(), AsCamVid(City())
    names = {255: 255} | {index: CAMVID.index(name) for index, name in enumerate(("tree", "car", "building"))}
    for index, example in enumerate(given.source("train")):
        found = relabelled.source("train")[index]
        wanted = np.vectorize(names.get)(example["label"])
        np.testing.assert_array_equal(found["label"], wanted)
        assert found["label"].dtype == np.uint8
        np.testing.assert_array_equal(found["image"], example["image"])
    assert (relabelled.name, relabelled.labels) == ("blocks-0-as-camvid", CAMVID)
    assert len(relabelled.source("val")) == 12


def test_labels_are_counted_by_those_of_what_is_relabelled(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Streets(size=(32, 64), images=(3, 1, 1))
    source = AsCamVid(drawn).source("train")
    expected = [np.bincount(source[index]["label"].ravel(), minlength=256) for index in range(3)]
    monkeypatch.setattr(_prepared, "decode_image", None)  # no image is needed
    np.testing.assert_array_equal(label_counts(source), expected)
    assert (source.given.folder / "counts-train.npy").is_file()


def test_every_class_of_either_has_one_of_the_other_and_like_names_agree() -> None:
    assert tuple(SHARED) == CITYSCAPES.names
    assert set(SHARED.values()) == set(CAMVID.names)
    assert {name for name in SHARED if name in CAMVID.names} == {
        "road",
        "building",
        "fence",
        "pole",
        "sky",
        "car",
    }
    assert all(SHARED[name] == name for name in SHARED if name in CAMVID.names)
    # Where CamVid's own 31 classes have the name, the grouping of the 11 is the same.
    own = {name.lower(): of for name, _, of in _TABLE}
    for city, camvid in (("wall", "wall"), ("traffic light", "trafficlight"), ("train", "train")):
        assert SHARED[city] == own[camvid]
    assert SHARED["motorcycle"] == own["motorcyclescooter"]
    assert SHARED["truck"] == SHARED["bus"] == own["truck_bus"]


@pytest.mark.parametrize("given", [Blocks(), Patches()], ids=["names", "task"])
def test_other_classes_are_refused(given: Any) -> None:
    with pytest.raises(InputError, match="give one with Cityscapes' classes, such as Streets"):
        AsCamVid(given).source("train")


def test_subsets_of_the_classes_and_drawn_streets_are_taken() -> None:
    assert set(CITYSCAPES_13.names) < set(SHARED)
    assert AsCamVid(Streets()).labels.classes == 11
