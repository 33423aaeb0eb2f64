"""What a data set says of its examples, so that shared code can prepare them."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Example(NamedTuple):
    """An example as it is stored.

    Attributes:
      image: encoded RGB image, as PNG or JPEG.
      label: PNG of uint8 train ids, 255 void, of the image's size.
    """

    image: bytes
    label: bytes


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to prepare a data set.

    Attributes:
      ingredients: plain JSON that differs whenever the prepared records would: options, and the raw files' names, sizes
        and times of change.
      splits: for each split, in the order of the records, the id of each example and what makes it.
    """

    ingredients: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, Callable[[], Example]]]
