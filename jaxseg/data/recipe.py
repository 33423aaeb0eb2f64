"""What a data set says of its examples, so that shared code can prepare them."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

Task = Literal["segmentation", "classification"]


class Example(NamedTuple):
    """An example as it is stored.

    Attributes:
      image: encoded RGB image, as PNG or JPEG.
      label: PNG of uint8 train ids, 255 void, of the image's size; in classification the class of the image.
    """

    image: bytes
    label: bytes | int


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to prepare a data set.

    Attributes:
      ingredients: plain JSON that differs whenever the prepared records would: options, and the raw files' names, sizes
        and times of change.
      splits: for each split, in the order of the records, the id of each example and what makes it.
      task: what its labels are; filled in from the data set.
      note: what preparation says beside the number of images, such as a split that is smaller than the full data set's.
      unlabelled: splits without any label image, whose labels are void everywhere.
    """

    ingredients: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, Callable[[], Example]]]
    task: Task = "segmentation"
    note: str = ""
    unlabelled: tuple[str, ...] = ()
