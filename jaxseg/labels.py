"""Label spaces: the classes of a data set, their colours, and the map from its raw label ids to train ids.

A train id is an index 0..C-1 into the classes; `VOID` marks a pixel without a label. All of it is NumPy.

The two SYNTHIA protocols. SYNTHIA shares 16 of the 19 Cityscapes classes, and results on it are quoted over
those 16 and over the 13 of them that are not wall, fence or pole. Some methods (MaxSquare, CBST, CRST) train
a network of 16 classes; others (FDA, DAFormer) train one of 19 and average over the 16. The figures differ:
with 19 classes the network may give pixels to terrain, truck and train, and pixels that are one of these
three count as false positives of the class predicted there; a network of 16 is measured on `CITYSCAPES_16`,
where they are void. `LabelSpace.indices_in` gives the classes to average over in either case, and a space's
`subsets` name the averages that evaluation quotes beside its own.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike

from jaxseg._ids import few, integers, ranges
from jaxseg.errors import InputError

VOID = 255
_UNKNOWN = 254  # marks, in the lookup table, ids the space does not know; hence at most 254 classes
_LOWEST, _HIGHEST = -(1 << 15), (1 << 16) - 1  # signed and unsigned 16-bit ids: the table stays small

Groups = tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class LabelSpace:
    """The classes of a data set.

    Args:
      name: short name, as it stands in run folders and messages.
      names: the name of each class in the order of the train ids: C of them, at most 254, all different.
      palette: RGB colour of each class, 0..255; void is black.
      ids: raw label id, -32768..65535, -> train id, or `VOID` for ids that are known and ignored. An id that
        is missing here is an error when met in a label image.
      groups: importance of each class, 1 (least) to 4 (most), for importance-aware and Wasserstein losses;
        None for a class in no group.
      printed_groups: the same, but None wherever the assignment is ours and not printed in Liu et al., AAAI
        2020, "Importance-Aware Semantic Segmentation in Self-Driving with Discrete Wasserstein Training".
      subsets: names of some of the classes, by a short word; their mean IoU is quoted beside that of all classes. It
        tells how results are averaged, not what the labels are: spaces that differ in it are equal.

    Raises:
      InputError: if the fields contradict each other.

    >>> CAMVID.classes, CAMVID.names[:3], CAMVID.palette[3]
    (11, ('sky', 'building', 'pole'), (128, 64, 128))
    >>> CAMVID.encode(np.array([[0, 10, 11]]))
    array([[  0,  10, 255]], dtype=uint8)
    """

    name: str
    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    ids: Mapping[int, int] = dataclasses.field(hash=False, repr=False)
    groups: Groups | None = None
    printed_groups: Groups | None = None
    subsets: Mapping[str, tuple[str, ...]] = dataclasses.field(
        default_factory=dict, compare=False, repr=False, kw_only=True
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", dict(self.ids))  # ours, so that nobody changes it later
        object.__setattr__(self, "subsets", dict(self.subsets))
        where = f"label space {self.name!r}"
        if not 0 < self.classes <= _UNKNOWN:
            raise InputError(f"{where}: {self.classes} classes; give 1 to {_UNKNOWN}")
        if len(set(self.names)) != self.classes:
            raise InputError(f"{where}: a class name occurs twice in {self.names}; names must differ")
        for field in ("palette", "groups", "printed_groups"):
            value = getattr(self, field)
            if value is not None and len(value) != self.classes:
                raise InputError(
                    f"{where}: {len(value)} entries in {field}; give {self.classes}, one a class"
                )
        if any(len(colour) != 3 or not all(0 <= c <= 255 for c in colour) for colour in self.palette):
            raise InputError(f"{where}: a palette entry is not three numbers 0..255; give RGB colours")
        for word, names in self.subsets.items():
            if not names or len(set(names) & set(self.names)) != len(names):
                raise InputError(f"{where}: subset {word!r} is {names}; give some of its classes, each once")
        for raw, train in self.ids.items():
            if not (_LOWEST <= raw <= _HIGHEST and (0 <= train < self.classes or train == VOID)):
                raise InputError(
                    f"{where}: ids maps {raw} to {train}; give a raw id {_LOWEST}..{_HIGHEST} and a train id "
                    f"0..{self.classes - 1} or {VOID} (void)"
                )
        if not self.ids:
            raise InputError(f"{where}: ids is empty; map at least one raw id to a train id")
        for ours, printed in zip(self.groups or (), self.printed_groups or (), strict=False):
            if printed not in (None, ours):
                raise InputError(f"{where}: group {ours} where {printed} is printed; make them agree")

    @property
    def classes(self) -> int:
        """Number of classes C, void not counted."""
        return len(self.names)

    @cached_property
    def _train_ids(self) -> np.ndarray:
        # Indexed directly by a raw id: negative ids count from the end, as NumPy indexes.
        table = np.full(max(*self.ids, -1) + 1 - min(*self.ids, 0), _UNKNOWN, np.uint8)
        for raw, train in self.ids.items():
            table[raw] = train
        return table

    @cached_property
    def _colours(self) -> np.ndarray:
        table = np.zeros((VOID + 1, 3), np.uint8)
        table[: self.classes] = self.palette
        return table

    def encode(self, raw_ids: ArrayLike, *, origin: str = "labels") -> UInt8[np.ndarray, "..."]:
        """Train ids of a label image.

        Args:
          raw_ids: [...] raw label ids, any integer type, negative ids too.
          origin: where the image comes from (a path, say), for the message.

        Returns:
          [...] train ids 0..C-1, and `VOID`.

        Raises:
          InputError: if the image is not of integers, or holds ids this space does not know; names them.

        >>> CITYSCAPES.encode(np.array([-1, 0, 7, 33], np.int16))
        array([255, 255,   0,  18], dtype=uint8)
        >>> CITYSCAPES.encode(np.array([7, 34, 255]), origin="frankfurt_1.png")
        Traceback (most recent call last):
        ...
        jaxseg.errors.InputError: frankfurt_1.png: 34, 255 not in label space 'cityscapes' (ids -1..33); ...
        """
        raw = integers(raw_ids, origin)
        if raw.size == 0:
            return np.zeros(raw.shape, np.uint8)
        if min(*self.ids, 0) <= int(raw.min()) and int(raw.max()) <= max(self.ids):
            encoded = np.asarray(np.take(self._train_ids, raw))
            if not (encoded == _UNKNOWN).any():
                return encoded
        unknown = [i for i in np.unique(raw).tolist() if i not in self.ids]
        raise InputError(
            f"{origin}: {few(unknown)} not in label space {self.name!r} (ids {ranges(self.ids)}); "
            "give its raw label ids, or add these to the `ids` of a class, or to void where they mean no label"
        )

    def colorize(self, train_ids: ArrayLike, *, origin: str = "train ids") -> UInt8[np.ndarray, "... 3"]:
        """Picture of a label image: the palette's colour of each train id, black where void.

        Args:
          train_ids: [...] train ids 0..C-1 or `VOID`, any integer type.
          origin: where they come from, for the message.

        Returns:
          [..., 3] RGB.

        Raises:
          InputError: if an id is neither a class nor `VOID`.

        >>> CAMVID.colorize(np.array([3, 255]))
        array([[128,  64, 128],
               [  0,   0,   0]], dtype=uint8)
        """
        ids = integers(train_ids, origin)
        known = (ids >= 0) & (ids < self.classes) | (ids == VOID)
        if not known.all():
            raise InputError(
                f"{origin}: {few(np.unique(ids[~known]).tolist())} not a train id of {self.name!r}; "
                f"give 0..{self.classes - 1}, or {VOID} for void"
            )
        return np.take(self._colours, ids, axis=0)

    def index(self, name: str) -> int:
        """Train id of the class of that name; `InputError` names the classes there are."""
        if name not in self.names:
            raise InputError(f"{name!r} is no class of {self.name!r}; give one of {', '.join(self.names)}")
        return self.names.index(name)

    def indices_in(self, other: "LabelSpace") -> tuple[int, ...]:
        """Train ids, in another space, of the classes of this one, matched by name.

        Given to `metrics.mean_iou`, they average the figures of a network of `other`'s classes over these.

        Raises:
          InputError: if a class is missing there.

        >>> CITYSCAPES_13.indices_in(CITYSCAPES)
        (0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18)
        >>> CITYSCAPES_13.indices_in(CITYSCAPES_16)
        (0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        """
        return tuple(other.index(name) for name in self.names)

    def subset(self, name: str, classes: Sequence[int | str]) -> "LabelSpace":
        """The space of some of these classes, renumbered in the given order; raw ids of the rest become void.

        It has no `subsets` of its own.

        Args:
          name: its name.
          classes: train ids or names of this space.

        Raises:
          InputError: if a class does not exist or is given twice.

        >>> CITYSCAPES.subset("flat", ["road", "sidewalk"]).encode(np.array([8, 7, 26]))
        array([  1,   0, 255], dtype=uint8)
        """
        chosen = [self.index(c) if isinstance(c, str) else c for c in classes]
        outside = [c for c in chosen if not 0 <= c < self.classes]
        if outside:
            raise InputError(f"{few(outside)} not a train id of {self.name!r}; give 0..{self.classes - 1}")
        renumbered = {old: new for new, old in enumerate(chosen)}
        return LabelSpace(
            name=name,
            names=tuple(self.names[c] for c in chosen),
            palette=tuple(self.palette[c] for c in chosen),
            ids={raw: renumbered.get(train, VOID) for raw, train in self.ids.items()},
            groups=self.groups and tuple(self.groups[c] for c in chosen),
            printed_groups=self.printed_groups and tuple(self.printed_groups[c] for c in chosen),
        )

    def description(self) -> dict[str, Any]:
        """What run folders keep of the space, fit for JSON: `name`, `names`, `palette`, `groups`.

        >>> CAMVID.description()["groups"]
        [1, 2, 2, 3, 3, 2, 3, 2, 4, 4, 4]
        """
        return {
            "name": self.name,
            "names": list(self.names),
            "palette": [list(colour) for colour in self.palette],
            "groups": self.groups and list(self.groups),
        }

    @classmethod
    def described(cls, facts: Mapping[str, Any]) -> "LabelSpace":
        """The space of a `description`, whose raw ids are its train ids; `KeyError` where one of its parts is missing.

        >>> LabelSpace.described(CAMVID.description()).names == CAMVID.names
        True
        """
        names = tuple(str(name) for name in facts["names"])
        palette = tuple((int(red), int(green), int(blue)) for red, green, blue in facts["palette"])
        ids = {**{index: index for index in range(len(names))}, VOID: VOID}
        groups = None if facts.get("groups") is None else tuple(facts["groups"])
        return cls(str(facts.get("name", "")), names, palette, ids, groups)


def _bit_palette(classes: int) -> tuple[tuple[int, int, int], ...]:
    """PASCAL VOC's colours: bits 0, 3, 6 of a class id head red, bits 1, 4, 7 green, bits 2, 5 blue."""

    def channel(c: int, first: int) -> int:
        return sum((c >> (first + 3 * i) & 1) << (7 - i) for i in range(3))

    return tuple((channel(c, 0), channel(c, 1), channel(c, 2)) for c in range(classes))


# Name, raw label id, colour, importance group, and whether that group is printed in the paper.
_CITYSCAPES = (
    ("road", 7, (128, 64, 128), 3, True),
    ("sidewalk", 8, (244, 35, 232), 3, True),
    ("building", 11, (70, 70, 70), 2, True),
    ("wall", 12, (102, 102, 156), 2, True),
    ("fence", 13, (190, 153, 153), 2, True),
    ("pole", 17, (153, 153, 153), 2, False),
    ("traffic light", 19, (250, 170, 30), 3, False),
    ("traffic sign", 20, (220, 220, 0), 3, False),
    ("vegetation", 21, (107, 142, 35), 2, True),
    ("terrain", 22, (152, 251, 152), 2, True),
    ("sky", 23, (70, 130, 180), 1, True),
    ("person", 24, (220, 20, 60), 4, True),
    ("rider", 25, (255, 0, 0), 4, True),
    ("car", 26, (0, 0, 142), 4, True),
    ("truck", 27, (0, 0, 70), 4, True),
    ("bus", 28, (0, 60, 100), 4, True),
    ("train", 31, (0, 80, 100), 3, True),
    ("motorcycle", 32, (0, 0, 230), 4, True),
    ("bicycle", 33, (119, 11, 32), 4, True),
)

CITYSCAPES = LabelSpace(
    name="cityscapes",
    names=tuple(row[0] for row in _CITYSCAPES),
    palette=tuple(row[2] for row in _CITYSCAPES),
    ids={**{raw: VOID for raw in range(-1, 34)}, **{row[1]: c for c, row in enumerate(_CITYSCAPES)}},
    groups=tuple(row[3] for row in _CITYSCAPES),
    printed_groups=tuple(row[3] if row[4] else None for row in _CITYSCAPES),
)
"""Cityscapes, 19 classes, from labelIds -1 (license plate) to 33.

Images of train ids are not labelIds: their 255 is refused. GTA5 has the same map and one id more:
`dataclasses.replace(CITYSCAPES, name="gta5", ids={**CITYSCAPES.ids, 34: VOID})`.

Groups. The Wasserstein paper prints, in its prose, group 4 {person, car, truck, bus, ...}, 3 {road, sidewalk,
train}, 2 {building, wall, fence, vegetation, terrain} and 1 {sky}; the headers of its Tables 1 and 3 complete
group 4 with rider, motorcycle and bicycle. Pole, traffic light and traffic sign are in no printed group.
Ours: light and sign in 3, where the paper's CamVid table has "Sign", and pole in 2, with the other standing
structures and as in `CAMVID`. `printed_groups` leaves these three out.
"""

CITYSCAPES_13 = CITYSCAPES.subset("cityscapes-13", [0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18])
"""The 13 classes of SYNTHIA's second average (no wall, fence or pole either), and of the NTHU cities."""

CITYSCAPES_16 = dataclasses.replace(
    CITYSCAPES.subset("cityscapes-16", [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18]),
    subsets={"13": CITYSCAPES_13.names},
)
"""The 16 Cityscapes classes that SYNTHIA has: no terrain, truck or train (they become void)."""

# Name, colour, importance group, and whether that group is printed in the paper. Raw and train ids agree.
_CAMVID = (
    ("sky", (128, 128, 128), 1, False),
    ("building", (128, 0, 0), 2, False),
    ("pole", (192, 192, 128), 2, False),
    ("road", (128, 64, 128), 3, True),
    ("pavement", (0, 0, 192), 3, True),
    ("tree", (128, 128, 0), 2, False),
    ("sign", (192, 128, 128), 3, True),
    ("fence", (64, 64, 128), 2, False),
    ("car", (64, 0, 128), 4, True),
    ("pedestrian", (64, 64, 0), 4, True),
    ("bicyclist", (0, 128, 192), 4, True),
)

CAMVID = LabelSpace(
    name="camvid",
    names=tuple(row[0] for row in _CAMVID),
    palette=tuple(row[1] for row in _CAMVID),
    ids={**{c: c for c in range(len(_CAMVID))}, 11: VOID},
    groups=tuple(row[2] for row in _CAMVID),
    printed_groups=tuple(row[2] if row[3] else None for row in _CAMVID),
)
"""CamVid, the 11 classes and their order of the SegNet tutorial's label images; id 11 there is void.

Colours are those of CamVid itself (the tutorial draws pavement as (60, 40, 222)).

Groups. The header of the Wasserstein paper's Table 2 prints group 3 {road, sidewalk (our pavement), sign} and
group 4 {car, pedestrian, bike}. Sky (1), building, pole, tree and fence (2) are ours, after Cityscapes'
groups. `printed_groups` leaves these five out.
"""

_VOC = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train"),
    "tvmonitor",
)

VOC = LabelSpace("voc", _VOC, _bit_palette(21), ids={**{c: c for c in range(21)}, 255: VOID})
"""PASCAL VOC, background and 20 classes; 255, the border of objects, is void. No importance groups."""
