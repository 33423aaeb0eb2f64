"""GTA5 ("Playing for Data"): 24,966 images from a computer game with the classes of Cityscapes, most 1914x1052."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from jaxseg.data import _images
from jaxseg.data._files import Tree, few, find
from jaxseg.data._pairs import (
    CITYSCAPES_SPACES,
    CityscapesClasses,
    PairedDataSet,
    folder_of,
    matched,
    recipe_of,
)
from jaxseg.data.dataset import SPLITS
from jaxseg.data.recipe import Recipe
from jaxseg.errors import InputError
from jaxseg.labels import CITYSCAPES, VOID, LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

ALL = {"train": 24966}
"""Images of the full data set, without a list of splits."""

FULL = {"train": 12403, "val": 6382, "test": 6181}
"""Images of the owners' splits."""

ODD = frozenset({15188, 17705, *range(20803, 20835), *range(20858, 20861)})
"""Frames that public loaders leave out, nearly all because image and label image are shipped in different sizes.

Their labels are brought to the size of the image (nearest pixel), which is what the papers' loaders do without
saying so when they resize image and label apart. Any other frame of two sizes is refused.
"""

_SITE = "download.visinf.tu-darmstadt.de/data/from_games"
_LAYOUT = f"a folder with images/NNNNN.png and labels/NNNNN.png, unpacked from the archives of {_SITE}"


@dataclasses.dataclass(frozen=True)
class GTA5(PairedDataSet):
    """Street scenes rendered by a computer game, labelled with Cityscapes' classes (Richter et al., ECCV 2016).

    Reads `images/NNNNN.png` and `labels/NNNNN.png`. Label images have a palette; their indices are Cityscapes'
    labelIds, and one more, 34 (license plate), is void. Images differ in size by some pixels and are kept as they are:
    batches need `resize`, or a batch of 1. Without `split_list` every image is in train, and there is no val and no
    test.

    Attributes:
      dir: the folder with `images` and `labels`.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them. The papers train at 720x1280.
      split_list: None; or `split.mat` of the owners, with trainIds, valIds and testIds (12,403, 6,382 and 6,181); or a
        folder with `train.txt` and, where wanted, `val.txt` and `test.txt`; or a text file that lists train alone. A
        line is a number or a file name. What is not in the working folder is looked for in `dir`.
      classes: 19, or the 16 or 13 of SYNTHIA's protocols; the other classes become void.

    >>> GTA5().labels.name, GTA5().labels.classes
    ('cityscapes', 19)
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    split_list: Path | None = None
    classes: CityscapesClasses = 19

    @property
    def name(self) -> str:
        """`gta5`."""
        return "gta5"

    @property
    def labels(self) -> LabelSpace:
        """The 19, 16 or 13 classes, those of Cityscapes."""
        return CITYSCAPES_SPACES[self.classes]

    def recipe(self) -> Recipe:
        """The pairs of image and label image of each split.

        Raises:
          InputError: a folder is missing, images have no label image, the list cannot be read or names images that are
            not there.
        """
        tree = Tree(folder_of(self.name, self.dir, _LAYOUT, ("images", "labels")))
        images = find(self.name, tree, "images", (".png",))
        labels = find(self.name, tree, "labels", (".png",))
        ids = {"train": list(images)} if self.split_list is None else _listed(self._list_beside(tree.root))
        pairs = matched(
            self.name,
            ids,
            lambda _, name: (
                images.get(name, f"images/{name}.png"),
                labels.get(name, f"labels/{name}.png"),
            ),
            f"{tree.root} must be {_LAYOUT}",
        )
        for found in pairs.values():
            for name in found:
                if name.isdecimal() and int(name) in ODD:
                    found[name] = dataclasses.replace(found[name], fit_label=True)
        owners = self.split_list is not None and self.split_list.suffix == ".mat"
        full = ALL if self.split_list is None else FULL if owners else {}
        space = dataclasses.replace(CITYSCAPES, name="gta5", ids={**CITYSCAPES.ids, 34: VOID})
        space = space.subset(f"gta5-{self.classes}", self.labels.names)
        return recipe_of(pairs, space, resize=self.resize, version=VERSION, expected=full)

    def _list_beside(self, folder: Path) -> Path:
        assert self.split_list is not None
        given = self.split_list.expanduser()
        found = given if given.exists() else folder / given
        if not found.exists():
            raise InputError(
                f"gta5: no split_list {given}, here or in {folder}; set it to split.mat (in read_mapping.zip of "
                f"{_SITE}), to a list of your own, or to None for all images in train"
            )
        return found


def _listed(path: Path) -> dict[str, list[str]]:
    """The ids of each split that a list names."""
    if path.is_dir():
        there = [split for split in SPLITS if (path / f"{split}.txt").is_file()]
        if "train" not in there:
            raise InputError(
                f"split_list: {path} holds no train.txt; give split.mat, a .txt or a folder of .txt"
            )
        found = {split: _lines(path / f"{split}.txt") for split in there}
    elif path.suffix == ".mat":
        found = _matlab(path)
    elif path.suffix == ".txt":
        found = {"train": _lines(path)}
    else:
        raise InputError(f"split_list: {path} is not split.mat, a .txt or a folder of .txt")
    everything = [name for names in found.values() for name in names]
    if len(set(everything)) < len(everything):
        twice = sorted({name for name in everything if everything.count(name) > 1})
        raise InputError(f"split_list: {path} lists {few(twice)} more than once; list an image once")
    return found


def _lines(path: Path) -> list[str]:
    try:
        lines = _images.read(path).decode("utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise InputError(f"split_list: {path} is not text") from error
    stems = [Path(line).stem for line in lines]
    return [f"{int(stem):05d}" if stem.isdecimal() else stem for stem in stems]


def _matlab(path: Path) -> dict[str, list[str]]:
    import io

    import scipy.io

    try:
        content: dict[str, Any] = scipy.io.loadmat(io.BytesIO(_images.read(path)))
        return {
            split: [f"{int(number):05d}" for number in np.ravel(content[f"{split}Ids"])] for split in SPLITS
        }
    except InputError:
        raise
    except Exception as error:  # scipy lets many types through
        raise InputError(
            f"split_list: {path} does not hold trainIds, valIds and testIds ({' '.join(str(error).split())}); "
            "give split.mat as the owners ship it"
        ) from error
