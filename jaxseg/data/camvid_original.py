"""CamVid as Cambridge distributes it: 701 images of 960x720 and label images in 32 colours."""

import dataclasses
from pathlib import Path
from typing import Literal

from jaxseg.data._files import Tree, few, find
from jaxseg.data._pairs import PairedDataSet, folder_of, ids_of_colours, matched, recipe_of
from jaxseg.data.camvid import FULL
from jaxseg.data.recipe import Recipe
from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, VOID, LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

# Name and colour, as in label_colors.txt, and the class of the 11 that it belongs to; void is the last.
_TABLE: tuple[tuple[str, tuple[int, int, int], str | None], ...] = (
    ("Animal", (64, 128, 64), "pedestrian"),
    ("Archway", (192, 0, 128), "building"),
    ("Bicyclist", (0, 128, 192), "bicyclist"),
    ("Bridge", (0, 128, 64), "building"),
    ("Building", (128, 0, 0), "building"),
    ("Car", (64, 0, 128), "car"),
    ("CartLuggagePram", (64, 0, 192), "pedestrian"),
    ("Child", (192, 128, 64), "pedestrian"),
    ("Column_Pole", (192, 192, 128), "pole"),
    ("Fence", (64, 64, 128), "fence"),
    ("LaneMkgsDriv", (128, 0, 192), "road"),
    ("LaneMkgsNonDriv", (192, 0, 64), "road"),
    ("Misc_Text", (128, 128, 64), "sign"),
    ("MotorcycleScooter", (192, 0, 192), "bicyclist"),
    ("OtherMoving", (128, 64, 64), "car"),
    ("ParkingBlock", (64, 192, 128), "pavement"),
    ("Pedestrian", (64, 64, 0), "pedestrian"),
    ("Road", (128, 64, 128), "road"),
    ("RoadShoulder", (128, 128, 192), "pavement"),
    ("Sidewalk", (0, 0, 192), "pavement"),
    ("SignSymbol", (192, 128, 128), "sign"),
    ("Sky", (128, 128, 128), "sky"),
    ("SUVPickupTruck", (64, 128, 192), "car"),
    ("TrafficCone", (0, 0, 64), "pole"),
    ("TrafficLight", (0, 64, 64), "sign"),
    ("Train", (192, 64, 128), "car"),
    ("Tree", (128, 128, 0), "tree"),
    ("Truck_Bus", (192, 128, 192), "car"),
    ("Tunnel", (64, 0, 64), "building"),
    ("VegetationMisc", (192, 192, 0), "tree"),
    ("Wall", (64, 192, 0), "building"),
    ("Void", (0, 0, 0), None),
)

_VOID = len(_TABLE) - 1

CAMVID_32 = LabelSpace(
    name="camvid-32",
    names=tuple(row[0] for row in _TABLE[:_VOID]),
    palette=tuple(row[1] for row in _TABLE[:_VOID]),
    ids={**{raw: raw for raw in range(_VOID)}, _VOID: VOID},
)
"""CamVid's 31 classes, in the order of label_colors.txt, and Void, the 32nd colour. No importance groups."""

_LAYOUT = (
    "a folder with 701_StillsRaw_full/NAME.png and LabeledApproved_full/NAME_L.png, both from "
    "mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid"
)
_IMAGES, _LABELS = "701_StillsRaw_full", "LabeledApproved_full"


@dataclasses.dataclass(frozen=True)
class CamVidOriginal(PairedDataSet):
    """CamVid's driving scenes in the resolution and classes of its makers (Brostow et al. 2008, 2009).

    Reads `701_StillsRaw_full/NAME.png` and `LabeledApproved_full/NAME_L.png`, label images in the colours of
    `label_colors.txt`. The splits are those of the SegNet tutorial, which `CamVid` reads too: test is sequence Seq05VD
    and the second half of 0001TP, val frames 7959 to 8159 of 0016E5, train all else.

    Attributes:
      dir: the folder that holds both folders.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them.
      classes: 32, the 31 classes and Void; or 11, grouped as MathWorks' SegNet example prints it (pole holds traffic
        cone, pedestrian holds animal, child and pram, bicyclist motorcycle, car all other vehicles, and so on). Whether
        the tutorial's label images were made with this very grouping is not documented.
      stray: what becomes of a colour of no class: refuse the label image, or take the pixels as void.

    >>> CamVidOriginal().labels.classes, CamVidOriginal(classes=11).labels.names[:3]
    (31, ('sky', 'building', 'pole'))
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    classes: Literal[32, 11] = 32
    stray: Literal["refuse", "void"] = "refuse"

    @property
    def name(self) -> str:
        """`camvid_original`."""
        return "camvid_original"

    @property
    def labels(self) -> LabelSpace:
        """The 31 classes, or the 11."""
        return CAMVID_32 if self.classes == 32 else CAMVID

    def recipe(self) -> Recipe:
        """The pairs of image and label image of each split.

        Raises:
          InputError: a folder is missing, images have no label image, or an image is of no known sequence.
        """
        tree = Tree(folder_of(self.name, self.dir, _LAYOUT, (_IMAGES, _LABELS)))
        images = find(self.name, tree, _IMAGES, (".png",))
        labels = find(self.name, tree, _LABELS, ("_L.png",))
        ids: dict[str, list[str]] = {split: [] for split in FULL}
        strange = []
        for name in images:
            split = _split(name)
            if split is None:
                strange.append(f"{name}.png")
            else:
                ids[split].append(name)
        if strange:
            raise InputError(
                f"{self.name}: {few(strange)} in {tree.root / _IMAGES} belong to no sequence of CamVid (0001TP, "
                "0006R0, 0016E5, Seq05VD); remove them, or use Folder for your own images"
            )
        pairs = matched(
            self.name,
            {split: names for split, names in ids.items() if names},
            lambda _, name: (images[name], labels.get(name, f"{_LABELS}/{name}_L.png")),
            f"{tree.root} must be {_LAYOUT}",
            decode=ids_of_colours(
                {row[1]: raw for raw, row in enumerate(_TABLE)}, other=_VOID if self.stray == "void" else None
            ),
        )
        space = CAMVID_32
        if self.classes == 11:
            ids_11 = {raw: VOID if row[2] is None else CAMVID.index(row[2]) for raw, row in enumerate(_TABLE)}
            space = dataclasses.replace(CAMVID, ids=ids_11)
        return recipe_of(
            pairs, space, resize=self.resize, version=VERSION, expected=FULL, options={"stray": self.stray}
        )


def _split(name: str) -> str | None:
    """The split of a frame by its name, such as `0016E5_07959` or `Seq05VD_f00030`.

    >>> [_split(name) for name in ("0001TP_008520", "0001TP_008550", "0016E5_08159", "0016E5_08160", "other_1")]
    ['train', 'test', 'val', 'train', None]
    """
    sequence, _, frame = name.partition("_")
    digits = frame.removeprefix("f")
    if not digits.isdecimal():
        return None
    if sequence == "0001TP":
        return "train" if int(digits) <= 8520 else "test"
    if sequence == "0016E5":
        return "val" if 7959 <= int(digits) <= 8159 else "train"
    return {"0006R0": "train", "Seq05VD": "test"}.get(sequence)
