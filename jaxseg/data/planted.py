"""Noise that is known: a data set with the labels of some images, and of a region in each of the others, corrupted."""

import dataclasses
import functools
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from jaxseg.data._sampling import entropy_of
from jaxseg.data.dataset import DataSet, DataSource
from jaxseg.data.recipe import Recipe, Task
from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace

KINDS = ("classes", "pixels")


@dataclasses.dataclass(frozen=True)
class Planted(DataSet):
    """A data set whose training labels are corrupted where it is known, so that what finds noise can be scored.

    A share of the training images is corrupted whole; of each of the others a rectangle is, somewhere in it. Which, and
    how, is a function of the seed, the number of images and the image's index. Val and test stay clean. Every training
    example also has `"planted"`, bool [H, W], true where its label was changed. Void pixels stay void.

    Attributes:
      clean: the data set; labels are one a pixel.
      whole: share of the training images that is corrupted whole, rounded to images.
      region: height and width of the rectangle in the others, as a share of the image's; 0 leaves them clean.
      kind: `"classes"`, every class of an image is taken for another one, drawn for the image; or `"pixels"`, every
        pixel for one of the other classes, on its own.
      seed: of the corruption.

    Source: ours.
    """

    clean: DataSet
    whole: float = 0.5
    region: float = 0.5
    kind: str = "classes"
    seed: int = 0

    @property
    def name(self) -> str:
        """The data set's, and `-planted`."""
        return f"{self.clean.name}-planted"

    @property
    def labels(self) -> LabelSpace:
        """Those of the data set."""
        return self.clean.labels

    @property
    def task(self) -> Task:
        """That of the data set."""
        return self.clean.task

    def recipe(self) -> Recipe:
        return self.clean.recipe()

    def has(self, split: str) -> bool:
        return self.clean.has(split)

    @property
    def label_size(self) -> tuple[int, int] | None:
        return self.clean.label_size

    @property
    def label_canvas(self) -> tuple[int, int] | None:
        return self.clean.label_canvas

    def ids(self, split: str) -> list[str]:
        return self.clean.ids(split)

    def source(self, split: str) -> DataSource:
        """The examples of a split; those of `train` corrupted.

        Raises:
          InputError: a field is out of range, labels are classes of whole images, or as the data set itself.
        """
        self._check()
        given = self.clean.source(split)
        return _Corrupted(given, self) if split == "train" else given

    def _check(self) -> None:
        for field in ("whole", "region"):
            if not 0.0 <= getattr(self, field) <= 1.0:
                raise InputError(f"{field}: {getattr(self, field)}; it is a share, from 0 to 1")
        if self.kind not in KINDS:
            raise InputError(f"kind: {self.kind!r} is not known; use 'classes' or 'pixels'")
        if self.task != "segmentation":
            raise InputError(
                f"clean: {self.clean.name} has one label an image; labels are planted in segmentation"
            )
        if self.labels.classes < 2:
            raise InputError(f"clean: {self.clean.name} has one class, which cannot be taken for another")


class _Corrupted:
    """The training examples."""

    def __init__(self, given: DataSource, options: Planted) -> None:
        self.given, self.options = given, options
        self.entropy = entropy_of(options.seed, "planted")
        self.wholly = functools.cache(self._wholly)

    def __len__(self) -> int:
        return len(self.given)

    def __getitem__(self, index: int, /) -> dict[str, Any]:
        example = self.given[index]
        words = np.random.Philox(np.random.SeedSequence(self.entropy, spawn_key=(1, index)))
        where = self._where(index, example["label"].shape, words)
        wrong = corrupted(example["label"], self.options.labels.classes, self.options.kind, words)
        known = where & (example["label"] < self.options.labels.classes)
        return {**example, "label": np.where(known, wrong, example["label"]), "planted": known}

    def _wholly(self) -> frozenset[int]:
        """The images that are corrupted whole."""
        words = np.random.Philox(np.random.SeedSequence(self.entropy, spawn_key=(0,)))
        order = np.argsort(words.random_raw(len(self.given)), kind="stable")
        return frozenset(order[: round(self.options.whole * len(order))].tolist())

    def _where(self, index: int, shape: tuple[int, int], words: np.random.Philox) -> Bool[np.ndarray, "H W"]:
        where = np.zeros(shape, bool)
        sides = [round(self.options.region * side) for side in shape]
        top, left = (
            int(word % np.uint64(side - inner + 1))
            for word, side, inner in zip(words.random_raw(2), shape, sides, strict=True)
        )
        if index in self.wholly():
            where[:] = True
        else:
            where[top : top + sides[0], left : left + sides[1]] = True
        return where


def corrupted(
    label: UInt8[np.ndarray, "H W"], classes: int, kind: str, words: np.random.Philox
) -> UInt8[np.ndarray, "H W"]:
    """Labels none of which is right; void ones mean nothing.

    Args:
      label: [H, W] train ids.
      classes: C, at least 2.
      kind: `"classes"` or `"pixels"`, see `Planted`.
      words: where random numbers come from.

    >>> wrong = corrupted(np.array([[0, 1, 1]], np.uint8), 3, "classes", np.random.Philox(0))
    >>> wrong[0, 1] == wrong[0, 2], bool((wrong != [[0, 1, 1]]).all())
    (np.True_, True)
    """
    if kind == "classes":
        cycle = np.argsort(words.random_raw(classes), kind="stable")
        other = np.empty(classes, np.uint8)
        other[cycle] = np.roll(cycle, -1)
        return other[np.minimum(label, classes - 1)]
    shift = words.random_raw(label.size).reshape(label.shape) % np.uint64(classes - 1)
    return ((label.astype(np.uint64) + np.uint64(1) + shift) % np.uint64(classes)).astype(np.uint8)
