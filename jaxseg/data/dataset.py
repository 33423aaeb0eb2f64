"""What a data set is: a frozen dataclass that names its raw files, and hands out splits of prepared examples.

A new data set is a subclass with `name`, `labels` and `recipe`. `recipe` looks at the raw files, says of all that is
missing at once, and gives for each split what makes each example; everything else (writing them once, knowing when they
are stale, reading, batching) is shared.
"""

import dataclasses
from typing import Any, Protocol, runtime_checkable

from jaxseg.data._prepared import PreparedSource, prepare
from jaxseg.data.recipe import Recipe, Task
from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace

SPLITS = ("train", "val", "test")


@runtime_checkable
class DataSource(Protocol):
    """One split, read at random: `source[i]` is `{"image", "label", "id"}`.

    The image is uint8 [H, W, 3] RGB, the label uint8 [H, W] train ids with void 255 (for classification an int32
    scalar, the class of the image), the id a string that names the example. A list of such dicts is a source too.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Base class of the data sets: frozen dataclasses of simple fields, as configs and the command line show them."""

    @property
    def name(self) -> str:
        """Name in tables, run folders and the cache, such as `camvid`."""
        raise NotImplementedError(f"{type(self).__name__} does not define name")

    @property
    def labels(self) -> LabelSpace:
        """The classes of its labels."""
        raise NotImplementedError(f"{type(self).__name__} does not define labels")

    @property
    def task(self) -> Task:
        """`segmentation`, a label for each pixel; `classification`, one for each image."""
        return "segmentation"

    def recipe(self) -> Recipe:
        """What there is to prepare; looks at the raw files without reading them.

        Raises:
          InputError: raw files are missing or do not fit together; names them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define recipe")

    def has(self, split: str) -> bool:
        """Whether there is such a split; looks at the raw files of a data set that may come without one.

        Raises:
          InputError: unknown split, or raw files that are missing.
        """
        check_split(split)
        return True

    def labelled(self, split: str) -> bool:
        """Whether any example of a split may have a label; without label images all are void, as a target's may be."""
        try:
            return split not in self.recipe().unlabelled
        except NotImplementedError:
            return True

    def source(self, split: str) -> DataSource:
        """The examples of a split. The first call prepares the data set under `$JAXSEG_CACHE` and says so.

        Args:
          split: `"train"`, `"val"` or `"test"`.

        Raises:
          InputError: unknown split, a split that the data set has not, or raw data that is missing or unusable; names
            the files.
        """
        return self._prepared(split)

    @property
    def label_size(self) -> tuple[int, int] | None:
        """Height and width that preparation brings the labels to, field `resize`; None where they are as they came."""
        resize: tuple[int, int] | None = getattr(self, "resize", None)
        return resize

    @property
    def label_canvas(self) -> tuple[int, int] | None:
        """Height and width of the canvas on which preparation lays images, field `canvas`; None where there is none."""
        canvas: tuple[int, int] | None = getattr(self, "canvas", None)
        return canvas

    def ids(self, split: str) -> list[str]:
        """The id of each example that `source(split)` gives, in order; looks at the raw files and prepares nothing.

        Raises:
          InputError: as `source`, but of the raw files only those that are missing are told.
        """
        recipe, stored = self._found(split)
        return list(recipe.splits[stored])

    def _stored(self, split: str) -> str:
        """The recipe's name of what a split holds (splits may share records)."""
        return split

    def _found(self, split: str, stored: str | None = None) -> tuple[Recipe, str]:
        """The recipe, and its name of what a split holds."""
        check_split(split)
        recipe, stored = self.recipe(), stored or self._stored(split)
        if stored not in recipe.splits:
            raise InputError(f"{self.name}: it has no {split} split, only {' and '.join(recipe.splits)}")
        return recipe, stored

    def _prepared(self, split: str, stored: str | None = None) -> PreparedSource:
        """A split; `stored` is the recipe's name of what it is to hold, by default its own."""
        recipe, stored = self._found(split, stored)
        labels = {"name": self.labels.name, "ids": sorted(self.labels.ids.items())}
        ingredients = {"labels": labels, **recipe.ingredients}
        folder = prepare(self.name, dataclasses.replace(recipe, ingredients=ingredients, task=self.task))
        return PreparedSource.open(folder, stored, f"{self.name}/{split}")


def check_split(split: str) -> None:
    """Raises `InputError` unless the split is known.

    >>> check_split("valid")
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: split: 'valid' is not known; use train, val or test
    """
    if split not in SPLITS:
        raise InputError(f"split: {split!r} is not known; use train, val or test")
