"""GTA5 ("Playing for Data"): 24,966 images from a computer game with the classes of Cityscapes, most 1914x1052."""

import dataclasses
from collections import Counter
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

ODD = frozenset({15188, 17705, *range(20801, 20861)})
"""Frames that public loaders leave out, 15188, 17705 and 20801 to 20860: of many, image and label differ in size.

Where they do, the label is brought to the size of the image (nearest pixel), which is what the papers' loaders do
without saying so when they resize image and label apart. Any other frame of two sizes is refused.
"""

_TEXT = (".txt", ".lst")
"""Endings of lists, the first before the second where a folder has both."""

_SITE = "download.visinf.tu-darmstadt.de/data/from_games"
_LAYOUT = f"a folder with images/NNNNN.png and labels/NNNNN.png, unpacked from the archives of {_SITE}"


@dataclasses.dataclass(frozen=True)
class GTA5(PairedDataSet):
    """Street scenes rendered by a computer game, labelled with Cityscapes' classes (Richter et al., ECCV 2016).

    Reads `images/NNNNN.png` and `labels/NNNNN.png`. Label images have a palette; their indices are Cityscapes'
    labelIds, and one more, 34 (license plate), is void. Images differ in size by some pixels and are kept as they are:
    training batches need `resize`, or one image each. Without `split_list` every image is in train, and there is no val
    and no test.

    Attributes:
      dir: the folder with `images` and `labels`.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them. The papers train at 720x1280.
      split_list: None; or `split.mat` of the owners, with trainIds, valIds and testIds (12,403, 6,382 and 6,181); or a
        folder with `train.txt` and, where wanted, `val.txt` and `test.txt`; or a text file that lists train alone. A
        line is a number or a file name, or an image and its label, `images/00001.png labels/00001.png`; `.lst` will do
        for `.txt`. What is not in the working folder is looked for in `dir`.
      classes: 19, or the 16 or 13 of SYNTHIA's protocols; the other classes become void.
      skip: numbers of frames to leave out of every split; none by default. Public loaders leave out 15188, 17705 and
        20801 to 20860.

    >>> GTA5().labels.name, GTA5().labels.classes
    ('cityscapes', 19)
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    split_list: Path | None = None
    classes: CityscapesClasses = 19
    skip: tuple[int, ...] = ()

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
        skipped = {f"{number:05d}" for number in self.skip}
        ids = {split: [name for name in names if name not in skipped] for split, names in ids.items()}
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
        files = [path / f"{split}{ending}" for split in SPLITS for ending in reversed(_TEXT)]
        there = {file.stem: file for file in files if file.is_file()}
        if "train" not in there:
            raise InputError(
                f"split_list: {path} holds no train.txt; give split.mat, a .txt or a folder of .txt"
            )
        found = {split: _lines(file) for split, file in there.items()}
    elif path.suffix == ".mat":
        found = _matlab(path)
    elif path.suffix in _TEXT:
        found = {"train": _lines(path)}
    else:
        raise InputError(f"split_list: {path} is not split.mat, a .txt or a folder of .txt")
    counts = Counter(name for names in found.values() for name in names)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise InputError(f"split_list: {path} lists {few(twice)} more than once; list an image once")
    return found


def _lines(path: Path) -> list[str]:
    """The ids of a text file; of a line that names an image and its label, the image's."""
    try:
        lines = [line.split() for line in _images.read(path).decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(f"split_list: {path} is not text") from error
    images = [Path(name) for words in lines for name in words[:1] + [n for n in words[1:] if not _label(n)]]
    return [f"{int(image.stem):05d}" if image.stem.isdecimal() else image.stem for image in images]


def _label(name: str) -> bool:
    return Path(name).parent.name == "labels"


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
