"""SYNTHIA-RAND-CITYSCAPES: 9,400 rendered street scenes of 1280x760 with 16 of the classes of Cityscapes."""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from jaxseg.data import _images
from jaxseg.data._files import Tree, find
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
from jaxseg.labels import CITYSCAPES, CITYSCAPES_13, CITYSCAPES_16, VOID, LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

TRAIN = 9000
"""Images 0 .. TRAIN - 1 are for training in MaxSquare's lists, the other 400 for validation."""

LANE_MARKING = 22

_TRUECOLOUR = 2  # colour type of a PNG, in its header after the bit depth

# Class of Cityscapes of each id, in the order of the ids; None is void.
_CLASSES = (
    *(
        None,
        "sky",
        "building",
        "road",
        "sidewalk",
        "fence",
        "vegetation",
        "pole",
        "car",
        "traffic sign",
        "person",
    ),
    *(
        "bicycle",
        "motorcycle",
        None,
        None,
        "traffic light",
        "terrain",
        "rider",
        "truck",
        "bus",
        "train",
        "wall",
    ),
    None,
)

_LAYOUT = (
    "a folder with RGB/NNNNNNN.png and GT/LABELS/NNNNNNN.png, the RAND_CITYSCAPES of SYNTHIA-RAND-CITYSCAPES "
    "(CVPR16) from synthia-dataset.net"
)


@dataclasses.dataclass(frozen=True)
class Synthia(PairedDataSet):
    """Rendered street scenes from random places of a synthetic city (Ros et al., CVPR 2016), ids of Cityscapes' set.

    Reads `RGB/NNNNNNN.png` and `GT/LABELS/NNNNNNN.png`, the label images PNGs of three 16-bit channels of which the
    first holds the class. Ids 13 (parking slot), 14 (road work) and 0 are void. Terrain, truck and train have ids but
    no pixels. There is no test split.

    Attributes:
      dir: the folder with `RGB` and `GT`, or the one that holds `RAND_CITYSCAPES`.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them.
      classes: 16, as in MaxSquare, CBST and CRST; 13; or the 19 of Cityscapes, of which three are never met, as in FDA
        and DAFormer. `jaxseg.labels` says how the figures of these protocols differ.
      lane_marking: what becomes of id 22: `"ignore"` makes it void (MaxSquare, FDA, DAFormer, CBST), `"road"` road
        (CRST). The figure of road depends on it.
      all_train: put every image into train, and have no val; else train is 0..8999 and val the rest.

    >>> Synthia().labels.classes, Synthia(classes=13).labels.name
    (16, 'cityscapes-13')
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    classes: CityscapesClasses = 16
    lane_marking: Literal["ignore", "road"] = "ignore"
    all_train: bool = False

    @property
    def name(self) -> str:
        """`synthia`."""
        return "synthia"

    @property
    def labels(self) -> LabelSpace:
        """The 19, 16 or 13 classes, those of Cityscapes; of 19, also averaged over the 16 and the 13."""
        space = CITYSCAPES_SPACES[self.classes]
        if space.classes < 19:
            return space
        return dataclasses.replace(space, subsets={"16": CITYSCAPES_16.names, "13": CITYSCAPES_13.names})

    def recipe(self) -> Recipe:
        """The pairs of image and label image of each split.

        Raises:
          InputError: a folder is missing, images have no label image, or an image is not named by its number.
        """
        given = self.dir
        if given is not None and (given.expanduser() / "RAND_CITYSCAPES").is_dir():
            given = given / "RAND_CITYSCAPES"
        tree = Tree(folder_of(self.name, given, _LAYOUT, ("RGB", "GT/LABELS")))
        images = find(self.name, tree, "RGB", (".png",))
        labels = find(self.name, tree, "GT/LABELS", (".png",))
        strange = [name for name in images if not name.isdecimal()]
        if strange:
            raise InputError(
                f"{self.name}: {tree.root}/RGB/{strange[0]}.png is not named by a number; remove it, or use Folder for "
                "your own images"
            )
        if self.all_train:
            ids, full = {"train": list(images)}, {"train": 9400}
        else:
            ids = {"train": [name for name in images if int(name) < TRAIN]}
            ids["val"] = [name for name in images if int(name) >= TRAIN]
            ids = {split: names for split, names in ids.items() if names or split == "train"}
            full = {"train": TRAIN, "val": 400}
        pairs = matched(
            self.name,
            ids,
            lambda _, name: (images[name], labels.get(name, f"GT/LABELS/{name}.png")),
            f"{tree.root} must be {_LAYOUT}",
            decode=first_channel,
        )
        return recipe_of(pairs, self._raw(), resize=self.resize, version=VERSION, expected=full)

    def _raw(self) -> LabelSpace:
        ids = {raw: VOID if name is None else CITYSCAPES.index(name) for raw, name in enumerate(_CLASSES)}
        if self.lane_marking == "road":
            ids[LANE_MARKING] = CITYSCAPES.index("road")
        space = dataclasses.replace(CITYSCAPES, name="synthia", ids=ids)
        return space.subset(f"synthia-{self.classes}", self.labels.names)


def first_channel(encoded: bytes, origin: str) -> np.ndarray:
    """[H, W] ids in the first channel of a PNG of 16-bit colour, or in the only one of a grey PNG.

    Pillow keeps the high byte of each 16-bit sample, which in these images is always 0. Told that the samples have
    the other byte order, it keeps the low one.

    Args:
      encoded: bytes of the label image.
      origin: where they come from, for the message.

    Raises:
      InputError: the bytes are no image, or one of 8-bit colours.
    """
    picture = _images.opened(encoded, origin)
    if picture.format == "PNG" and encoded[24:26] == bytes((16, _TRUECOLOUR)):
        low = _images.undecoded(encoded)
        low.tile = [part._replace(args="RGB;16L") for part in low.tile]
        both = [np.asarray(part).astype(np.int32)[..., 0] for part in (picture, low)]
        return (both[0] << 8) + both[1]
    if picture.mode.startswith("I"):
        return np.asarray(picture).astype(np.int32)
    return _images.decode_label(encoded, origin)
