"""The classes of Cityscapes as those of CamVid: the same street scenes, in the words of the other data set."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Integer

from jaxseg.data._counts import label_counts
from jaxseg.data.dataset import DataSet, DataSource
from jaxseg.data.recipe import Recipe
from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, VOID, LabelSpace

SHARED = {
    "road": "road",
    "sidewalk": "pavement",
    "building": "building",
    "wall": "building",
    "fence": "fence",
    "pole": "pole",
    "traffic light": "sign",
    "traffic sign": "sign",
    "vegetation": "tree",
    "terrain": "tree",
    "sky": "sky",
    "person": "pedestrian",
    "rider": "bicyclist",
    "car": "car",
    "truck": "car",
    "bus": "car",
    "train": "car",
    "motorcycle": "bicyclist",
    "bicycle": "bicyclist",
}
"""CamVid's class of each of Cityscapes', after the grouping by which `CamVidOriginal(classes=11)` makes 11 of CamVid's
31: walls are building, lights are sign, all vehicles of four wheels and more are car, what grows is tree."""


@dataclasses.dataclass(frozen=True)
class AsCamVid(DataSet):
    """A data set of Cityscapes' classes, or some of them, with the labels of CamVid's 11.

    Two of them mean other things in the two: Cityscapes' terrain is grass and soil, CamVid's tree what grows; and a
    rider is the person alone, where CamVid's bicyclist is the bicycle too.

    Attributes:
      given: the data set, labels one a pixel.

    Source: ours.
    """

    given: DataSet

    @property
    def name(self) -> str:
        """The data set's, and `-as-camvid`."""
        return f"{self.given.name}-as-camvid"

    @property
    def labels(self) -> LabelSpace:
        """CamVid's 11 classes."""
        return CAMVID

    def recipe(self) -> Recipe:
        return self.given.recipe()

    def has(self, split: str) -> bool:
        return self.given.has(split)

    @property
    def label_size(self) -> tuple[int, int] | None:
        return self.given.label_size

    @property
    def label_canvas(self) -> tuple[int, int] | None:
        return self.given.label_canvas

    def ids(self, split: str) -> list[str]:
        return self.given.ids(split)

    def source(self, split: str) -> DataSource:
        """The examples of a split, relabelled.

        Raises:
          InputError: labels are of whole images, or of classes that are not Cityscapes'; or as the data set itself.
        """
        strange = [name for name in self.given.labels.names if name not in SHARED]
        if self.given.task != "segmentation" or strange:
            wrong = f"the class {strange[0]!r}" if strange else "one label an image"
            raise InputError(
                f"given: {self.given.name} has {wrong}; give one with Cityscapes' classes, such as Streets"
            )
        return _Relabelled(self.given.source(split), self.given.labels)


class _Relabelled:
    """Examples of another label space."""

    def __init__(self, given: DataSource, space: LabelSpace) -> None:
        self.given = given
        self.table = np.full(VOID + 1, VOID, np.uint8)
        self.table[: space.classes] = [CAMVID.index(SHARED[name]) for name in space.names]

    def __len__(self) -> int:
        return len(self.given)

    def __getitem__(self, index: int, /) -> dict[str, Any]:
        example = self.given[index]
        return {**example, "label": self.table[example["label"]]}

    def label_counts(self) -> Integer[np.ndarray, "N 256"]:
        """Those of what is relabelled, put together as its classes are."""
        given = label_counts(self.given)
        counts = np.zeros_like(given)
        np.add.at(counts.T, self.table, given.T)
        return counts
