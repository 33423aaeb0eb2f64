"""The NTHU cross-city data set: Rome, Rio, Tokyo and Taipei, each 3,200 unlabelled and 100 labelled images."""

import dataclasses
from pathlib import Path
from typing import Literal

from jaxseg.data._files import File, Tree, find
from jaxseg.data._pairs import IMAGES, PairedDataSet, folder_of, matched, recipe_of
from jaxseg.data.recipe import Recipe
from jaxseg.errors import InputError
from jaxseg.labels import CITYSCAPES_13, LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

City = Literal["Rome", "Rio", "Tokyo", "Taipei"]

FULL = {"train": 3200, "test": 100}
"""Images of each city in the full data set."""

_LAYOUT = (
    "a folder with CITY/Images/{Train,Test}/NAME.jpg (or .png) and CITY/Labels/Test/NAME_eval.png for Rome, Rio, "
    "Tokyo and Taipei, as in NTHU_Datasets of yihsinchen.github.io/segmentation_adaptation"
)


@dataclasses.dataclass(frozen=True)
class CrossCity(PairedDataSet):
    """Street views of four cities far from those of Cityscapes, 13 classes (Chen et al., ICCV 2017).

    Reads `CITY/Images/{Train,Test}/NAME.jpg` (or `.png`) and `CITY/Labels/Test/NAME_eval.png`, which hold Cityscapes'
    labelIds. The train images have no labels: theirs are void everywhere, so that they serve as a target and not as
    a source. The labelled images are the test split; `val` is the same images, since there are no others and the
    papers report on these. A paper's source is `Cityscapes(classes=13)`, and its figures are one city each.

    Attributes:
      dir: the folder of the cities.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them.
      cities: which to read; an example's id begins with its city.

    >>> CrossCity(cities=("Rome",)).labels.classes
    13
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    cities: tuple[City, ...] = ("Rome", "Rio", "Tokyo", "Taipei")

    @property
    def name(self) -> str:
        """`cross_city`."""
        return "cross_city"

    @property
    def labels(self) -> LabelSpace:
        """The 13 classes, those of Cityscapes."""
        return CITYSCAPES_13

    def recipe(self) -> Recipe:
        """The images of both splits, those of test with their label images.

        Raises:
          InputError: no city is given, a folder is missing, test images have no label image, or two images have one
            name.
        """
        if not self.cities or len(set(self.cities)) < len(self.cities):
            raise InputError(
                f"cities: {self.cities}; give each of Rome, Rio, Tokyo, Taipei once at most, and one at least"
            )
        inside = ("Images/Train", "Images/Test", "Labels/Test")
        folder = folder_of(
            self.name, self.dir, _LAYOUT, [f"{city}/{part}" for city in self.cities for part in inside]
        )
        tree = Tree(folder)
        images: dict[str, dict[str, File]] = {"train": {}, "test": {}}
        labels: dict[str, File] = {}
        for city in self.cities:
            for split, part in (("train", "Train"), ("test", "Test")):
                found = find(self.name, tree, f"{city}/Images/{part}", IMAGES)
                images[split].update({f"{city}_{name}": file for name, file in found.items()})
            found = find(self.name, tree, f"{city}/Labels/Test", ("_eval.png",))
            labels.update({f"{city}_{name}": file for name, file in found.items()})

        def pair(split: str, name: str) -> tuple[File, File | str | None]:
            city, _, stem = name.partition("_")
            missing = f"{city}/Labels/Test/{stem}_eval.png"
            return images[split][name], None if split == "train" else labels.get(name, missing)

        pairs = matched(self.name, images, pair, f"{folder} must be {_LAYOUT}")
        full = {split: count * len(self.cities) for split, count in FULL.items()}
        return recipe_of(pairs, CITYSCAPES_13, resize=self.resize, version=VERSION, expected=full)

    def has(self, split: str) -> bool:
        return super().has(self._stored(split))

    def _stored(self, split: str) -> str:
        """`"val"` gives the test split."""
        return "test" if split == "val" else split
