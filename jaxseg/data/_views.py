"""Views of a source of examples: some of them, or all of them without their labels."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Integer

from jaxseg.data._counts import label_counts
from jaxseg.data._prepared import PreparedSource
from jaxseg.data._sampling import entropy_of
from jaxseg.data.dataset import DataSource
from jaxseg.labels import VOID


@dataclasses.dataclass(frozen=True, repr=False)
class Selected:
    """Some examples of a source, in a given order."""

    source: DataSource
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Any:
        return self.source[self.places[index]]


@dataclasses.dataclass(frozen=True, repr=False)
class Unlabelled:
    """A source whose labels are void."""

    source: DataSource

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = self.source[index]
        return {**example, "label": np.full(example["image"].shape[:2], VOID, np.uint8)}


@dataclasses.dataclass(frozen=True, repr=False)
class Shown:
    """A source whose rare-class sampling leaves out a class that no image shows enough of, instead of failing.

    It is for images that are known in the middle of a run only, or are drawn.

    Attributes:
      source: the examples.
      pixels: an image shows a class if it has more pixels of it than this, `RareClasses.pixels`.
    """

    source: DataSource
    pixels: int

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Any:
        return self.source[index]

    def label_counts(self) -> Integer[np.ndarray, "N 256"]:
        """Those of the source, 0 for the classes that are left out."""
        counts = label_counts(self.source)
        return np.where(counts.max(axis=0) > self.pixels, counts, 0)


def selected(source: DataSource, places: Sequence[int]) -> DataSource:
    """The examples at `places`, in that order; of a prepared data set, one that is counted and read as the whole is.

    >>> [example["id"] for example in selected([{"id": "a"}, {"id": "b"}, {"id": "c"}], [2, 0])]
    ['c', 'a']
    """
    if isinstance(source, PreparedSource):
        ids = tuple(source.ids[place] for place in places)
        return dataclasses.replace(source, ids=ids, places=[source.places[place] for place in places])
    return Selected(source, places)


def random_share(count: int, share: float | int, seed: int, draw: str) -> list[int]:
    """The indices of a share of `count` examples, at least one, in rising order.

    They are the first floor(share count) of an order drawn from `seed` and the name `draw`: of two shares by one name,
    the smaller is part of the larger.

    >>> small, large = (random_share(20, share, seed=0, draw="a") for share in (0.2, 0.4))
    >>> len(small), len(large), set(small) <= set(large)
    (4, 8, True)
    """
    words = np.random.Philox(np.random.SeedSequence(entropy_of(seed, f"subset/{draw}"))).random_raw(count)
    order = np.argsort(words, kind="stable")
    return sorted(int(place) for place in order[: max(int(share * count), 1)])


def ids_of(source: DataSource) -> list[str]:
    """The names of the examples, in order."""
    if isinstance(source, PreparedSource):
        return list(source.ids)
    return [str(source[index]["id"]) for index in range(len(source))]
