"""Handwritten digits, USPS and MNIST: read from npz files, or from MNIST's original idx files."""

import dataclasses
import functools
import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from jaxseg.data import _images
from jaxseg.data._classes import class_space
from jaxseg.data._files import Tree
from jaxseg.data._pairs import check_resize, folder_of
from jaxseg.data.dataset import DataSet
from jaxseg.data.recipe import Example, Recipe, Task
from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

DIGITS = class_space("digits", tuple("0123456789"))
"""The ten digits."""

PARTS = ("train", "test")
NPZ = {"usps": ("usps.npz",), "mnist": ("mnist.npz", "mnist10k.npz")}
_KEYS = ("{part}_{what}", "{short}_{part}")  # `train_image`, and `x_train` of Keras' file
_IDX = {
    "train_image": "train-images-idx3-ubyte",
    "train_label": "train-labels-idx1-ubyte",
    "test_image": "t10k-images-idx3-ubyte",
    "test_label": "t10k-labels-idx1-ubyte",
}

_LAYOUT = (
    "a folder with DOMAIN.npz (uint8 arrays train_image, train_label, test_image, test_label), or with the idx files "
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (.gz or not)"
)

Arrays = dict[str, Callable[[], np.ndarray]]  # `train_image`: what reads it


@dataclasses.dataclass(frozen=True)
class Digits(DataSet):
    """USPS (16x16) or MNIST (28x28): grey images of one digit, given out as RGB.

    Of the domain's files the first of these is taken: `usps.npz`; `mnist.npz` (also with Keras' names of the arrays:
    `x_train`, `y_train`, ...), `mnist10k.npz`; the four idx files, gzipped or not, in `dir/DOMAIN`, and for MNIST also
    in `dir` itself. Neither domain has a third part: `val` is `test`, so nothing may be chosen by its score.

    Attributes:
      dir: the folder of the files.
      domain: `usps` or `mnist`.
      resize: height and width to which images are brought at preparation (bicubic); None keeps 16x16 or 28x28.
    """

    dir: Path | None = None
    domain: Literal["usps", "mnist"] = "usps"
    resize: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """`digits-usps` or `digits-mnist`."""
        return f"digits-{self.domain}"

    @property
    def labels(self) -> LabelSpace:
        """The ten digits."""
        return DIGITS

    @property
    def task(self) -> Task:
        """`classification`."""
        return "classification"

    def recipe(self) -> Recipe:
        """The images of `train` and `test`, in the order of the file.

        Raises:
          InputError: the folder or its files are missing, or the arrays in them do not fit together.
        """
        check_resize(self.resize)
        files, arrays = self._files()
        splits = {}
        for part in PARTS:
            labels = arrays[f"{part}_label"]()
            if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or not len(labels):
                raise InputError(
                    f"{self.name}: labels of {part} in {files[0]} are {labels.dtype} {labels.shape}; "
                    "give a list of integers"
                )
            images = functools.cache(functools.partial(self._images, files[0], part, arrays, len(labels)))
            splits[part] = {
                f"{part}{index:05d}": functools.partial(self._example, images, index, number)
                for index, number in enumerate(
                    DIGITS.encode(labels, origin=f"{files[0]}: {part} labels").tolist()
                )
            }
        return Recipe(
            ingredients={
                "version": VERSION,
                "resize": self.resize,
                "files": [Tree(path.parent).fact(path.name) for path in files],
            },
            splits=splits,
        )

    def _stored(self, split: str) -> str:
        """The images of `train` or `test`; `val` is `test`."""
        return "test" if split == "val" else split

    def _files(self) -> tuple[list[Path], Arrays]:
        folder = folder_of(self.name, self.dir, _LAYOUT)
        for name in NPZ[self.domain]:
            if (folder / name).is_file():
                return [folder / name], _npz(folder / name)
        places = [folder / self.domain, *([folder] if self.domain == "mnist" else [])]
        for place in places:
            found = {
                name: path
                for name, file in _IDX.items()
                for path in (place / f"{file}.gz", place / file)
                if path.is_file()
            }
            if len(found) == len(_IDX):
                return list(found.values()), {n: functools.partial(_idx, p) for n, p in found.items()}
        raise InputError(
            f"{self.name}: {folder} has neither {' nor '.join(NPZ[self.domain])} nor the four idx files "
            f"(looked in {', '.join(map(str, places))}); it must be {_LAYOUT}"
        )

    def _images(self, file: Path, part: str, arrays: Arrays, count: int) -> np.ndarray:
        images = arrays[f"{part}_image"]()
        if images.ndim != 3 or images.dtype != np.uint8 or len(images) != count:
            raise InputError(
                f"{self.name}: images of {part} in {file} are {images.dtype} {images.shape}, with {count} labels; "
                "give uint8 [N, H, W], one label each"
            )
        return images

    def _example(self, images: Callable[[], np.ndarray], index: int, number: int) -> Example:
        image = np.ascontiguousarray(images()[index])
        if self.resize is not None and self.resize != image.shape:
            image = _images.resize(image, self.resize)
        return Example(image=_images.encode_png(image), label=number)


def _npz(path: Path) -> Arrays:
    """What reads each array of an npz file, under the names of ours or of Keras."""
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            there = set(file.files)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable npz file ({error}); replace it") from error
    for template in _KEYS:
        names = {
            f"{part}_{what}": template.format(part=part, what=what, short={"image": "x", "label": "y"}[what])
            for part in PARTS
            for what in ("image", "label")
        }
        if there >= set(names.values()):
            return {name: functools.partial(_array, path, key) for name, key in names.items()}
    raise InputError(f"{path}: holds the arrays {', '.join(sorted(there)) or 'none'}; it must be {_LAYOUT}")


def _array(path: Path, key: str) -> np.ndarray:
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            return np.asarray(file[key])
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: {key} cannot be read ({error}); replace the file") from error


def _idx(path: Path) -> np.ndarray:
    """An idx file of unsigned bytes: two zeros, type 8, rank, the sizes (big-endian 32-bit), the bytes."""
    content = _images.read(path)
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        zeros, kind, rank = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{rank}I", content, 4)
        if zeros or kind != 8:
            raise ValueError("no idx file of unsigned bytes")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise InputError(f"{path}: not a readable idx file ({error}); replace it") from error
