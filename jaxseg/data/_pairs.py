"""What the data sets of images and label images share: their folders, their pairs, and the recipe made of these."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxseg.data import _images
from jaxseg.data._files import File, few
from jaxseg.data.dataset import DataSet
from jaxseg.data.recipe import Example, Recipe
from jaxseg.errors import InputError
from jaxseg.labels import CITYSCAPES, CITYSCAPES_13, CITYSCAPES_16, VOID, LabelSpace

IMAGES = (".png", ".jpg", ".jpeg")
"""Endings of images."""

GREY = 128
"""What a canvas holds beyond its image: the least grey that is not below the middle of 0 to 255."""

CityscapesClasses = Literal[19, 16, 13]
CITYSCAPES_SPACES = {19: CITYSCAPES, 16: CITYSCAPES_16, 13: CITYSCAPES_13}
"""What street data sets are reduced to: all 19 classes, the 16 that SYNTHIA has, or its 13 without the rarer ones."""

Decode = Callable[[bytes, str], np.ndarray]
"""Raw ids [H, W] of a label file: its bytes, and its name for messages."""


@dataclasses.dataclass(frozen=True)
class PairedDataSet(DataSet):
    """Base class of the data sets of images and label images, which may come without a split."""

    def has(self, split: str) -> bool:
        return super().has(split) and split in self.recipe().splits


@dataclasses.dataclass(frozen=True)
class Pair:
    """The raw files of an example.

    Attributes:
      image: the image.
      label: its label image; None where there is none, and all of the label becomes void.
      decode: what reads the label image.
      fit_label: bring a label of another size to the image's (nearest pixel) instead of refusing it.
      upright: refuse an image that its camera says is to be turned (EXIF 2 to 8), for its label may be of either view.
    """

    image: File
    label: File | None
    decode: Decode = _images.decode_label
    fit_label: bool = False
    upright: bool = False


def folder_of(name: str, given: Path | None, layout: str, inside: Iterable[str] = ()) -> Path:
    """The folder of a data set.

    Args:
      name: of the data set, for messages.
      given: its folder, as in the config.
      layout: what the folder holds, for messages.
      inside: folders that must be in it.

    Raises:
      InputError: it is not given or not there, or folders in it are missing; names them all.
    """
    advice = f"set --data.dir (a target's is --target.dir) to {layout}"
    if given is None:
        raise InputError(f"{name}: no folder given; {advice}")
    folder = given.expanduser()
    if not folder.is_dir():
        raise InputError(f"{name}: {folder} is not a folder; {advice}")
    missing = [part for part in inside if not (folder / part).is_dir()]
    if missing:
        raise InputError(f"{name}: {folder} has no folder {few(missing)}; {advice}")
    return folder


def check_resize(resize: tuple[int, int] | None, name: str = "resize") -> None:
    """Raises `InputError`, which calls it `name`, unless it is None, or height and width.

    >>> check_resize((0, 32))
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: resize: (0, 32); give height and width, each at least 1
    """
    if resize is not None and min(resize) < 1:
        raise InputError(f"{name}: {resize}; give height and width, each at least 1")


def matched(
    name: str,
    ids: Mapping[str, Iterable[str]],
    pair: Callable[[str, str], tuple[File | str, File | str | None]],
    advice: str,
    **options: Any,
) -> dict[str, dict[str, Pair]]:
    """The pairs of each split, in the order of their ids.

    Args:
      name: of the data set, for messages.
      ids: the examples of each split.
      pair: gives the image and the label of an example: the file, or its path where it is missing; a label may be None.
      advice: what to do about missing files.
      options: of every pair.

    Raises:
      InputError: a split is empty, or files are missing; names those of all splits at once.
    """
    found: dict[str, dict[str, Pair]] = {}
    missing: list[str] = []
    for split, names in ids.items():
        found[split] = {}
        for identity in sorted(names):
            image, label = pair(split, identity)
            missing += [file for file in (image, label) if isinstance(file, str)]
            if isinstance(image, File) and not isinstance(label, str):
                found[split][identity] = Pair(image, label, **options)
    if missing:
        total = sum(len(list(names)) for names in ids.values())
        verb = "file is" if len(missing) == 1 else "files are"
        raise InputError(f"{name}: {len(missing)} {verb} missing of {total} pairs: {few(missing)}; {advice}")
    empty = [split for split, pairs in found.items() if not pairs]
    if empty:
        raise InputError(f"{name}: no images in split {few(empty)}; {advice}")
    return found


def recipe_of(
    pairs: Mapping[str, Mapping[str, Pair]],
    labels: LabelSpace,
    *,
    resize: tuple[int, int] | None,
    version: int,
    canvas: tuple[int, int] | None = None,
    expected: Mapping[str, int] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Recipe:
    """The recipe of a data set of pairs.

    Args:
      pairs: by split and id.
      labels: the space that maps the raw ids of the label images.
      resize: height and width of the prepared examples; None keeps each one's own.
      version: raised when the same raw files give other examples.
      canvas: height and width of the grey, void canvas into whose corner each example is laid; None has none.
      expected: how many examples the splits of the full data set have; a difference is noted, and is no error.
      options: what else the examples depend on, as plain JSON.

    Raises:
      InputError: `resize` or `canvas` is not positive, or both are given.
    """
    check_resize(resize)
    check_resize(canvas, "canvas")
    if canvas is not None and resize is not None:
        raise InputError(f"canvas: {canvas} beside resize {resize}; give one of them")
    bare = tuple(
        split for split, found in pairs.items() if all(pair.label is None for pair in found.values())
    )
    files = {file: None for split in pairs.values() for pair in split.values() for file in _files(pair)}
    return Recipe(
        ingredients={
            "version": version,
            "resize": resize,
            "encoding": sorted(labels.ids.items()),
            "options": {**({} if canvas is None else {"canvas": canvas}), **(options or {})},
            "files": list(dict.fromkeys(file.tree.fact(file.name) for file in files)),
            "ids": {split: list(found) for split, found in pairs.items()},
        },
        splits={
            split: {
                name: functools.partial(_example, pair, labels, resize, canvas)
                for name, pair in found.items()
            }
            for split, found in pairs.items()
        },
        note=_note(pairs, expected or {}, bare),
        unlabelled=bare,
    )


def _files(pair: Pair) -> tuple[File, ...]:
    return (pair.image,) if pair.label is None else (pair.image, pair.label)


def _note(pairs: Mapping[str, Mapping[str, Pair]], expected: Mapping[str, int], bare: tuple[str, ...]) -> str:
    here = {split: len(pairs.get(split, ())) for split in expected}
    differ = [
        f"{split} {here[split]}, not {count}" for split, count in expected.items() if here[split] != count
    ]
    parts = ["differs from the full data set: " + "; ".join(differ)] if differ else []
    if bare:
        parts.append(f"{' and '.join(bare)} without labels: all void")
    return "; ".join(parts)


def _example(
    pair: Pair, labels: LabelSpace, resize: tuple[int, int] | None, canvas: tuple[int, int] | None
) -> Example:
    encoded = pair.image.read()
    image = _images.decode_image(encoded, str(pair.image))
    if pair.upright and (orientation := _images.orientation(encoded, str(pair.image))) != 1:
        advice = (
            "and drop the mark"
            if pair.label is None
            else "drop the mark, and see that its label lies over that"
        )
        raise InputError(
            f"{pair.image}: its camera turned it (EXIF orientation {orientation}); turn its pixels as viewers show it, "
            f"{advice}"
        )
    if pair.label is None:
        label = np.full(image.shape[:2], VOID, np.uint8)
    else:
        raw = pair.decode(pair.label.read(), str(pair.label))
        label = labels.encode(raw, origin=str(pair.label))
        if label.shape != image.shape[:2]:
            if not pair.fit_label:
                sizes = [f"{width}x{height}" for height, width in (image.shape[:2], label.shape)]
                raise InputError(
                    f"{pair.label}: {sizes[1]} pixels, and its image {pair.image} has {sizes[0]}; they must be of one "
                    "size"
                )
            label = _images.resize(label, (image.shape[0], image.shape[1]), label=True)
    if resize is not None and resize != label.shape:
        encoded = _images.encode_png(_images.resize(image, resize))
        label = _images.resize(label, resize, label=True)
    if canvas is not None:
        height, width = image.shape[0], image.shape[1]
        widths = [(0, canvas[0] - height), (0, canvas[1] - width)]
        if min(widths)[1] < 0:
            raise InputError(
                f"{pair.image}: {width}x{height} pixels are more than the canvas of {canvas[1]}x{canvas[0]}; make "
                "--data.canvas larger"
            )
        encoded = _images.encode_png(np.pad(image, [*widths, (0, 0)], constant_values=GREY))
        label = np.pad(label, widths, constant_values=VOID)
    return Example(image=encoded, label=_images.encode_png(label))


def ids_of_colours(colours: Mapping[tuple[int, int, int], int], *, other: int | None = None) -> Decode:
    """A decoder of label images that are drawn in colours.

    Args:
      colours: raw id of each RGB colour.
      other: raw id of every other colour; None refuses these.

    Returns:
      Function of a label file that gives its raw ids [H, W], and raises `InputError` that names unknown colours.

    >>> decode = ids_of_colours({(0, 0, 0): 0, (255, 0, 0): 7})
    >>> decode(_images.encode_png(np.array([[[255, 0, 0], [0, 0, 0]]], np.uint8)), "a.png")
    array([[7, 0]], dtype=uint16)
    """
    packed = {(red << 16) + (green << 8) + blue: raw for (red, green, blue), raw in colours.items()}
    keys = np.array(sorted(packed), np.int32)
    values = np.array([packed[int(key)] for key in keys], np.uint16)

    def decode(encoded: bytes, origin: str) -> np.ndarray:
        pixels = _images.decode_image(encoded, origin).astype(np.int32)
        codes = (pixels[..., 0] << 16) + (pixels[..., 1] << 8) + pixels[..., 2]
        places = np.minimum(np.searchsorted(keys, codes), len(keys) - 1)
        known = keys[places] == codes
        if other is None and not known.all():
            strange = [str((c >> 16, c >> 8 & 255, c & 255)) for c in np.unique(codes[~known]).tolist()]
            raise InputError(f"{origin}: colours {few(strange)} are those of no class")
        return np.where(known, values[places], np.uint16(other or 0))

    return decode
