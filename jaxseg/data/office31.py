"""Office-31: 31 kinds of office objects in three domains, amazon (2817 images), dslr (498) and webcam (795)."""

import dataclasses
import functools
from pathlib import Path
from typing import Literal

from jaxseg.data import _images
from jaxseg.data._classes import class_space
from jaxseg.data._files import Tree, few
from jaxseg.data._pairs import check_resize, folder_of
from jaxseg.data.dataset import DataSet
from jaxseg.data.recipe import Example, Recipe, Task
from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

ENDINGS = (".jpg", ".jpeg", ".png")

OFFICE31 = class_space(
    "office31",
    [
        "back_pack",
        "bike",
        "bike_helmet",
        "bookcase",
        "bottle",
        "calculator",
        "desk_chair",
        "desk_lamp",
        "desktop_computer",
        "file_cabinet",
        "headphones",
        "keyboard",
        "laptop_computer",
        "letter_tray",
        "mobile_phone",
        "monitor",
        "mouse",
        "mug",
        "paper_notebook",
        "pen",
        "phone",
        "printer",
        "projector",
        "punchers",
        "ring_binder",
        "ruler",
        "scissors",
        "speaker",
        "stapler",
        "tape_dispenser",
        "trash_can",
    ],
)
"""The 31 classes, in the order of their folders' names."""

_LAYOUT = "a folder with {amazon,dslr,webcam}/images/CLASS/NAME.jpg, as Office-31 is distributed"


@dataclasses.dataclass(frozen=True)
class Office31(DataSet):
    """Office-31 (Saenko et al., ECCV 2010), one of its domains: each image has one class.

    Reads `{amazon,dslr,webcam}/images/CLASS/NAME.jpg`. The data set has no splits, and unsupervised adaptation uses
    all labelled images of the source and all unlabelled ones of the target, on which it is also scored: here `train`,
    `val` and `test` are therefore all images of the domain. A score on `val` or `test` of the domain whose labels were
    trained on is a training score.

    Attributes:
      dir: the folder of Office-31.
      domain: which of its three domains.
      resize: height and width to which images are brought at preparation (bicubic); None keeps the files' own sizes,
        which in the original distribution differ from image to image.
    """

    dir: Path | None = None
    domain: Literal["amazon", "dslr", "webcam"] = "amazon"
    resize: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """`office31-amazon`, `office31-dslr` or `office31-webcam`."""
        return f"office31-{self.domain}"

    @property
    def labels(self) -> LabelSpace:
        """The 31 classes."""
        return OFFICE31

    @property
    def task(self) -> Task:
        """`classification`."""
        return "classification"

    def recipe(self) -> Recipe:
        """All images of the domain, sorted by class and name, as one part: `whole` (TFDS keeps `all` to itself).

        Raises:
          InputError: the folder is not given or not there, a class is missing or unknown, or has no image or two of
            one name.
        """
        check_resize(self.resize)
        folder = self._folder()
        files = {
            f"{name}/{path.stem}": (path, number)
            for number, name in enumerate(OFFICE31.names)
            for path in _pictures(self.name, folder / name)
        }
        tree = Tree(folder)
        return Recipe(
            ingredients={
                "version": VERSION,
                "resize": self.resize,
                "files": [tree.fact(f"{path.parent.name}/{path.name}") for path, _ in files.values()],
            },
            splits={"whole": {name: functools.partial(self._example, *file) for name, file in files.items()}},
        )

    def _stored(self, split: str) -> str:
        """All images of the domain, whichever the split."""
        return "whole"

    def _folder(self) -> Path:
        inside = f"{self.domain}/images"
        folder = folder_of(self.name, self.dir, _LAYOUT, (inside,)) / inside
        there = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
        for what, names in (
            ("has no folder", sorted(set(OFFICE31.names) - there)),
            ("has a folder that is no class,", sorted(there - set(OFFICE31.names))),
        ):
            if names:
                raise InputError(f"{self.name}: {folder} {what} {few(names)}; it must be {_LAYOUT}")
        return folder

    def _example(self, path: Path, number: int) -> Example:
        encoded = _images.read(path)
        image = _images.decode_image(encoded, str(path))
        if self.resize is not None and self.resize != image.shape[:2]:
            encoded = _images.encode_png(_images.resize(image, self.resize))
        return Example(image=encoded, label=number)


def _pictures(name: str, folder: Path) -> list[Path]:
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    ]
    if not found:
        raise InputError(f"{name}: no image (.jpg, .png) in {folder}; it must be {_LAYOUT}")
    stems = [path.stem for path in found]
    twice = [path.name for path in found if stems.count(path.stem) > 1]
    if twice:
        raise InputError(f"{name}: images of one name in {folder}: {few(twice)}; keep one of each name")
    return found
