"""Cityscapes with its fine labels: 2,975 train, 500 val and 1,525 test images of 2048x1024."""

import dataclasses
from pathlib import Path

from jaxseg.data._files import Tree, ZipTree, find
from jaxseg.data._pairs import (
    CITYSCAPES_SPACES,
    CityscapesClasses,
    PairedDataSet,
    folder_of,
    matched,
    recipe_of,
)
from jaxseg.data.recipe import Recipe
from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

FULL = {"train": 2975, "val": 500, "test": 1525}
"""Images of the full data set."""

_IMAGE, _LABEL = "_leftImg8bit.png", "_gtFine_labelIds.png"

_LAYOUT = (
    "a folder with leftImg8bit/{train,val,test}/CITY/*_leftImg8bit.png and gtFine/{train,val}/CITY/"
    "*_gtFine_labelIds.png, or with leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, both from "
    "cityscapes-dataset.com"
)


@dataclasses.dataclass(frozen=True)
class Cityscapes(PairedDataSet):
    """Cityscapes' street scenes from 50 cities, most of them German (Cordts et al., CVPR 2016).

    Reads `leftImg8bit/SPLIT/CITY/*_leftImg8bit.png` and `gtFine/SPLIT/CITY/*_gtFine_labelIds.png`, from folders or
    from the two zips as they are downloaded (a folder goes before its zip). Label images hold the 34 labelIds; the
    colour, instance and trainId images are not used. The test split's labels are withheld by the owners (their label
    images hold no class): its labels here are void everywhere, and scores on it come from their server. A folder
    without the test split will do.

    Attributes:
      dir: the folder that holds the two folders or zips.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them. Scores on resized labels are not comparable with those at native size.
      classes: 19, or the 16 that SYNTHIA has, or its 13, which are also those of the NTHU cities; the other classes
        become void.

    >>> Cityscapes(classes=13).labels.names[3:5], Cityscapes().name
    (('traffic light', 'traffic sign'), 'cityscapes')
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    classes: CityscapesClasses = 19

    @property
    def name(self) -> str:
        """`cityscapes`."""
        return "cityscapes"

    @property
    def labels(self) -> LabelSpace:
        """The 19, 16 or 13 classes."""
        return CITYSCAPES_SPACES[self.classes]

    def recipe(self) -> Recipe:
        """The pairs of image and label image of each split.

        Raises:
          InputError: a folder is missing, a zip cannot be read, images have no label image, or two images have one
            name.
        """
        folder = folder_of(self.name, self.dir, _LAYOUT)
        trees = {part: _tree(folder, part) for part in ("leftImg8bit", "gtFine")}
        needed = [("leftImg8bit", "train"), ("leftImg8bit", "val"), ("gtFine", "train"), ("gtFine", "val")]
        missing = []
        for part, split in needed:
            tree = trees[part]
            if tree is None:
                missing += [part] if part not in missing else []
            elif not tree.has(f"{part}/{split}"):
                missing.append(tree.place(f"{part}/{split}"))
        left, fine = trees["leftImg8bit"], trees["gtFine"]
        if missing or left is None or fine is None:
            raise InputError(
                f"{self.name}: {folder} has no {', '.join(missing)}; set --data.dir (a target's is --target.dir) to "
                f"{_LAYOUT}"
            )
        splits = [split for split in FULL if left.has(f"leftImg8bit/{split}")]
        images = {
            split: find(self.name, left, f"leftImg8bit/{split}", (_IMAGE,), deep="stem") for split in splits
        }
        labels = {
            split: find(self.name, fine, f"gtFine/{split}", (_LABEL,), deep="stem")
            for split in ("train", "val")
        }
        pairs = matched(
            self.name,
            images,
            lambda split, name: (
                images[split][name],
                None
                if split == "test"
                else labels[split].get(name, f"gtFine/{split}/{name.split('_')[0]}/{name}{_LABEL}"),
            ),
            f"{folder} must be {_LAYOUT}",
        )
        return recipe_of(pairs, self.labels, resize=self.resize, version=VERSION, expected=FULL)


def _tree(folder: Path, part: str) -> Tree | None:
    archive = folder / f"{part}_trainvaltest.zip"
    if (folder / part).is_dir():
        return Tree(folder)
    return ZipTree(archive) if archive.exists() else None
