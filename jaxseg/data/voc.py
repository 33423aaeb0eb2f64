"""PASCAL VOC 2012 segmentation: 1,464 train (10,582 with the labels of SBD), 1,449 val and 1,456 test images."""

import dataclasses
import io
from pathlib import Path

import numpy as np

from jaxseg.data import _images
from jaxseg.data._files import File, Tree, few, find
from jaxseg.data._pairs import PairedDataSet, folder_of, matched, recipe_of
from jaxseg.data.recipe import Recipe
from jaxseg.errors import InputError
from jaxseg.labels import VOC as SPACE
from jaxseg.labels import LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

FULL = {"train": 1464, "val": 1449}
TRAIN_AUG = 10582
TEST = 1456

_LISTS = "ImageSets/Segmentation"

_LAYOUT = (
    "a folder with JPEGImages/NAME.jpg, SegmentationClass/NAME.png and ImageSets/Segmentation/{train,val}.txt, the "
    "VOCdevkit/VOC2012 of host.robots.ox.ac.uk/pascal/VOC/voc2012"
)
_SBD_LAYOUT = (
    "a folder with cls/NAME.mat, train.txt and val.txt, the benchmark_RELEASE/dataset of the Semantic Boundaries "
    "Dataset (Hariharan et al., ICCV 2011)"
)


@dataclasses.dataclass(frozen=True)
class VOC(PairedDataSet):
    """PASCAL VOC 2012's 20 kinds of object and the background (Everingham et al.), with SBD's labels where wanted.

    Reads `JPEGImages/NAME.jpg`, `SegmentationClass/NAME.png` (palette; the index is the class, 255 the border of
    objects, void) and the lists of `ImageSets/Segmentation`. With `sbd`, train is `trainaug`: the train list and all
    images of SBD's two lists, less the val list. An image of the train list keeps VOC's own label, which marks borders;
    SBD's have none. Images differ in size, up to 500 pixels a side: training batches need `canvas` or `resize`, or one
    image each. Where the test list and images are there, the test labels, which the owners withhold, are void.

    Attributes:
      dir: the folder `VOC2012`, or one that holds `VOCdevkit/VOC2012` or `VOC2012`.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them. Scores on resized labels are not comparable with those at native size.
      canvas: height and width of the canvas into whose upper left corner each image is laid, the rest being grey and
        void, as DeepLab's code does for crops and scores of 513x513; None for none. Pixels keep their size, so scores
        are those of native labels, of a network that sees the grey too; but Boundary IoU takes 2% of the canvas's
        diagonal for the width of an edge, which is more than 2% of the image's.
      sbd: None; or the folder `benchmark_RELEASE/dataset` of SBD (or one above it), for `trainaug`.

    >>> VOC().labels.classes, VOC().labels.names[0]
    (21, 'background')
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    sbd: Path | None = None
    canvas: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """`voc`."""
        return "voc"

    @property
    def labels(self) -> LabelSpace:
        """Background and the 20 classes."""
        return SPACE

    def recipe(self) -> Recipe:
        """The pairs of image and label of each split.

        Raises:
          InputError: a folder or list is missing, or listed images or labels are; names them all.
        """
        given = self.dir and _inner(self.dir, ("VOCdevkit/VOC2012", "VOC2012"))
        folder = folder_of(self.name, given, _LAYOUT, ("JPEGImages", "SegmentationClass", _LISTS))
        tree = Tree(folder)
        lists = [f"{_LISTS}/{split}.txt" for split in ("train", "val")]
        missing = [name for name in lists if not (folder / name).is_file()]
        if missing:
            raise InputError(f"{self.name}: {folder} has no {' and '.join(missing)}; it must be {_LAYOUT}")
        ids = {split: _lines(folder / _LISTS / f"{split}.txt") for split in ("train", "val")}
        images = find(self.name, tree, "JPEGImages", (".jpg",))
        labels = find(self.name, tree, "SegmentationClass", (".png",))
        boundaries: dict[str, File] = {}
        full, advice = dict(FULL), f"{folder} must be {_LAYOUT}"
        if self.sbd is not None:
            more, boundaries = self._sbd(self.sbd)
            ids["train"] = sorted((more | set(ids["train"])) - set(ids["val"]))
            full["train"] = TRAIN_AUG
            advice += f", and sbd {_SBD_LAYOUT}"
        own = set(_lines(folder / lists[0]))
        test = _lines(folder / _LISTS / "test.txt") if (folder / _LISTS / "test.txt").is_file() else []
        if any(name in images for name in test):
            ids["test"] = test
            full["test"] = TEST

        def pair(split: str, name: str) -> tuple[File | str, File | str | None]:
            image = images.get(name, f"JPEGImages/{name}.jpg")
            if split == "test":
                return image, None
            if split == "train" and name not in own:
                return image, boundaries.get(name, f"cls/{name}.mat")
            return image, labels.get(name, f"SegmentationClass/{name}.png")

        pairs = matched(self.name, ids, pair, advice, decode=decode)
        return recipe_of(pairs, SPACE, resize=self.resize, version=VERSION, canvas=self.canvas, expected=full)

    def _sbd(self, sbd: Path) -> tuple[set[str], dict[str, File]]:
        """The images that SBD lists, and its label files."""
        given = _inner(sbd, ("benchmark_RELEASE/dataset", "dataset"))
        missing = [] if (given / "cls").is_dir() else ["cls"]
        missing += [name for name in ("train.txt", "val.txt") if not (given / name).is_file()]
        if missing:
            raise InputError(f"sbd: {given} has no {', '.join(missing)}; give {_SBD_LAYOUT}")
        listed = {name for split in ("train", "val") for name in _lines(given / f"{split}.txt")}
        return listed, find(self.name, Tree(given), "cls", (".mat",))


def decode(encoded: bytes, origin: str) -> np.ndarray:
    """[H, W] ids of a palette PNG, or of `GTcls.Segmentation` in a MATLAB file of SBD.

    Args:
      encoded: bytes of the label file.
      origin: its name, for the message; what ends in `.mat` is a MATLAB file.

    Raises:
      InputError: the file cannot be read, or does not hold labels.
    """
    if not origin.lower().endswith(".mat"):
        return _images.decode_label(encoded, origin)
    import scipy.io

    try:
        ids = np.asarray(scipy.io.loadmat(io.BytesIO(encoded))["GTcls"]["Segmentation"][0, 0])
    except Exception as error:  # scipy lets many types through
        raise InputError(
            f"{origin}: no GTcls.Segmentation can be read ({' '.join(str(error).split())}); replace the file"
        ) from error
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise InputError(
            f"{origin}: GTcls.Segmentation is {ids.dtype} {ids.shape}, and not ids [H, W]; replace the file"
        )
    return ids


def _inner(given: Path, parts: tuple[str, ...]) -> Path:
    folder = given.expanduser()
    return next((folder / part for part in parts if (folder / part).is_dir()), folder)


def _lines(path: Path) -> list[str]:
    names = _images.read(path).decode(errors="replace").split()
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InputError(f"{path}: lists {few(twice)} more than once; list an image once")
    return names
