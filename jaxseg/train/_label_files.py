"""The labels of a round on disk, and the target as a source of examples that carry them.

    pseudo_labels/<phase>/
      begun.json       what the labels are made of, as a fingerprint; written first
      thresholds.json  the thresholds, after the first pass
      00000.png        the label of example 0: train ids, 255 where there is none; or
      00000.zlib       its soft label, uint8 [C, H, W] in steps of 1/255, packed
      00000.json       its shape and its pixels by class, written before the label
      networks.msgpack the variables of the networks that label, where labels are recomputed and in no file
      manifest.json    the whole round: fingerprint, thresholds, shares; written last

Every file appears whole or not at all.
"""

import dataclasses
import json
import os
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import serialization
from jaxtyping import Integer, UInt8

from jaxseg.data import DataSource
from jaxseg.data._counts import IDS
from jaxseg.data._images import decode_label, encode_png
from jaxseg.errors import InputError
from jaxseg.labels import VOID
from jaxseg.train.run import write_json

PACKING = 1
"""How hard soft labels are packed, 1 to 9: nearly all of their bytes are 0, and they are read many times."""


@dataclasses.dataclass(frozen=True)
class LabelFiles:
    """The files of one round.

    Attributes:
      folder: where they lie.
      soft: whether the labels are soft.
      recomputed: whether each step makes its labels anew, so that there are none here.
    """

    folder: Path
    soft: bool
    recomputed: bool = False

    def begin(self, fingerprint: str) -> None:
        """Makes the folder ready for labels of this fingerprint; those of another one are deleted."""
        begun = self.folder / "begun.json"
        if not begun.is_file() or json.loads(begun.read_text()) != {"fingerprint": fingerprint}:
            shutil.rmtree(self.folder, ignore_errors=True)
            write_json(begun, {"fingerprint": fingerprint})

    def record(self, name: str) -> dict[str, Any] | None:
        """What a JSON file of the round holds, or None where there is none."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else None

    def keep(self, name: str, record: dict[str, Any]) -> None:
        """Writes a JSON file of the round."""
        write_json(self.folder / f"{name}.json", record)

    def has(self, index: int) -> bool:
        """Whether the label of an example is there, or where it is recomputed, what is counted of it."""
        return (self.folder / f"{index:05d}.json" if self.recomputed else self._path(index)).is_file()

    def write(
        self, index: int, label: UInt8[np.ndarray, "H W *C"] | None, counts: Integer[np.ndarray, "2 C"]
    ) -> None:
        """Writes how many pixels of an example are predicted and labelled as each class, and its label if given."""
        predicted, labelled = counts.tolist()
        record = {"predicted": predicted, "labelled": labelled}
        if label is None:
            self.keep(f"{index:05d}", record)
            return
        self.keep(f"{index:05d}", {"shape": list(label.shape), **record})
        packed = (
            zlib.compress(np.moveaxis(label, -1, 0).tobytes(), PACKING) if self.soft else encode_png(label)
        )
        _write_whole(self._path(index), packed)

    def keep_networks(self, variables: Sequence[Any]) -> None:
        """Writes the variables of the networks that label."""
        _write_whole(
            self._networks, serialization.msgpack_serialize([jax.device_get(one) for one in variables])
        )

    def networks(self) -> list[Any]:
        """The variables of the networks that label.

        Raises:
          InputError: they are not there, or damaged.
        """
        try:
            return serialization.msgpack_restore(self._networks.read_bytes())
        except (OSError, ValueError) as error:
            raise _lost(self._networks, "the networks that label", error) from error

    def counts(self, count: int) -> Integer[np.ndarray, "N 2 C"]:
        """How many pixels of each example are predicted, and how many labelled, as each class."""
        rows = []
        for index in range(count):
            record = self.record(f"{index:05d}") or {}
            rows.append([record["predicted"], record["labelled"]])
        return np.asarray(rows, np.int64)

    def read(self, index: int) -> UInt8[np.ndarray, "H W *C"]:
        """The label of an example.

        Raises:
          InputError: it is not there, or damaged.
        """
        path = self._path(index)
        try:
            packed = path.read_bytes()
            if not self.soft:
                return decode_label(packed, str(path))
            height, width, classes = (self.record(f"{index:05d}") or {})["shape"]
            whole = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(classes, height, width)
            return np.ascontiguousarray(np.moveaxis(whole, 0, -1))
        except (OSError, KeyError, ValueError, zlib.error, InputError) as error:
            raise _lost(path, "the pseudo-label", error) from error

    @property
    def _networks(self) -> Path:
        return self.folder / "networks.msgpack"

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:05d}.{'zlib' if self.soft else 'png'}"


def _write_whole(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    os.replace(partial, path)


def _lost(path: Path, what: str, error: Exception) -> InputError:
    return InputError(
        f"{path}: {what} cannot be read ({' '.join(str(error).split())}); the run cannot go on without the labels of "
        "its round: delete the run folder and train it again"
    )


@dataclasses.dataclass(frozen=True, repr=False)
class Labelled:
    """The target with the labels of a round in place of its own; with none where they are recomputed.

    Attributes:
      source: the target's examples; of these, only image and id are used.
      files: the labels.
    """

    source: DataSource
    files: LabelFiles

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = self.source[index]
        if self.files.recomputed:
            nothing = np.full(example["image"].shape[:2], VOID, np.uint8)
            return {"image": example["image"], "label": nothing, "id": example["id"]}
        name = "targets" if self.files.soft else "label"
        return {"image": example["image"], name: self.files.read(index), "id": example["id"]}

    def label_counts(self) -> Integer[np.ndarray, "N 256"]:
        """Pixels *predicted* as each class, whether or not they have a label."""
        predicted = self.files.counts(len(self.source))[:, 0]
        return np.pad(predicted, ((0, 0), (0, IDS - predicted.shape[1])))
