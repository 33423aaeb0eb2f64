"""`streets`: the procedural data set that comes with jaxseg, the 19 Cityscapes classes in five domains."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import PIL

from jaxseg.data._images import encode_png
from jaxseg.data._streets_scene import render
from jaxseg.data.dataset import SPLITS, DataSet
from jaxseg.data.recipe import Example, Recipe
from jaxseg.errors import InputError
from jaxseg.labels import CITYSCAPES, LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same drawing gives other examples."""

Domain = Literal["synthetic", "real", "crowded", "night", "rain"]


def _drawing() -> dict[str, str]:
    """Hashes of the files that draw, and the version of what fills their shapes: part of the fingerprint."""
    files = sorted(Path(__file__).parent.glob("_streets_*.py"))
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return {**hashes, "pillow": PIL.__version__}


def drawn(
    images: tuple[int, int, int], make: Callable[[str, int], Example], options: Mapping[str, Any]
) -> Recipe:
    """The recipe of a data set whose examples `make(split, index)` draws.

    Args:
      images: number of images of train, val and test.
      make: draws an example.
      options: what else the examples depend on, as plain JSON.

    Raises:
      InputError: a count below 1.
    """
    if len(images) != len(SPLITS) or min(images) < 1:
        raise InputError(f"images: {images}; give the number of train, val and test images, each at least 1")
    splits = {
        split: {f"{split}{index:05d}": functools.partial(make, split, index) for index in range(count)}
        for split, count in zip(SPLITS, images, strict=True)
    }
    return Recipe(ingredients={**options, "images": images, "drawing": _drawing()}, splits=splits)


def check_domain(domain: str) -> None:
    """Raises `InputError` unless there is such a domain.

    >>> check_domain("fog")
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: domain: 'fog' is not known; use synthetic, real, crowded, night or rain
    """
    known = get_args(Domain)
    if domain not in known:
        raise InputError(f"domain: {domain!r} is not known; use {', '.join(known[:-1])} or {known[-1]}")


@dataclasses.dataclass(frozen=True)
class Streets(DataSet):
    """Drawn street scenes, the same each time; rendered once, then read like any data set.

    Image i of a split is a function of (domain, split, i): asking for more images keeps those there were. On another
    machine another version of Pillow may fill the shapes otherwise, so that labels differ too, and another build of
    NumPy or SciPy may round the last bit of an image otherwise. Images are stored as PNG, not JPEG, so that the texture
    and noise which make the `real` domain what it is stay as drawn and no pixel depends on a JPEG library; and
    unpacked, which decodes twice as fast (noise does not pack anyway).

    Attributes:
      domain: `synthetic` (clean, saturated) or `real` (texture, noise, other light and layouts); harder than `real`:
        `crowded` (traffic, people and posts in each other's way, bent and narrow streets, other cameras), `night`
        (headlights, street lamps, lit windows) and `rain` (haze, wet ground that mirrors, streaks).
      size: height and width in pixels.
      images: number of images of train, val and test (ours).
    """

    domain: Domain = "synthetic"
    size: tuple[int, int] = (128, 256)
    images: tuple[int, int, int] = (512, 64, 128)

    @property
    def name(self) -> str:
        """`streets-` and the domain."""
        return f"streets-{self.domain}"

    @property
    def labels(self) -> LabelSpace:
        """The 19 Cityscapes classes."""
        return CITYSCAPES

    def recipe(self) -> Recipe:
        """What to draw.

        Raises:
          InputError: a count below 1. The renderer says what it thinks of the domain and the size.
        """
        options = {"version": VERSION, "domain": self.domain, "size": self.size}
        return drawn(self.images, self._example, options)

    def _example(self, split: str, index: int) -> Example:
        image, label = render(index, domain=self.domain, split=split, size=self.size)
        return Example(image=encode_png(image, level=0), label=encode_png(label))
