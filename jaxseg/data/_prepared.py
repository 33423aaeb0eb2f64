"""Prepared data sets: written once into the cache, read at random."""

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxseg.data._cache import prepared_once
from jaxseg.data._images import decode_image, decode_label
from jaxseg.data.recipe import Example, Recipe
from jaxseg.errors import InputError

INDEX = "index.json"


def prepare(name: str, recipe: Recipe) -> Path:
    """The folder of a prepared data set, prepared first where it is not there.

    Raises:
      InputError: an example is at fault (names its files), or the cache cannot be written.
    """
    # Loaded here: it takes longer than all else in this package, and is not needed to name a data set in a config.
    from jaxseg.data._builder import FORMAT_VERSION, Builder

    def write(partial: Path) -> None:
        with _Progress(name, recipe) as progress:
            made = Builder(name, recipe, partial).write(progress.step)
        for path in made.iterdir():
            path.rename(partial / path.name)
        made.rmdir()
        made.parent.rmdir()
        ids = {split: list(examples) for split, examples in recipe.splits.items()}
        (partial / INDEX).write_text(json.dumps(ids))

    return prepared_once(name, {"format": FORMAT_VERSION, "name": name, **recipe.ingredients}, write)


@dataclasses.dataclass(frozen=True, repr=False)
class PreparedSource:
    """One split of a prepared data set: `source[i]` reads and decodes example i. Threads may share it.

    Attributes:
      name: data set and split, `camvid/train`.
      split: what the records of it are called in the folder.
      folder: where the prepared data lies.
      ids: the id of each example, in order.
      places: the record of each example.
      records: what reads a record.
    """

    name: str
    split: str
    folder: Path
    ids: tuple[str, ...]
    places: Sequence[int]
    records: Sequence[Any]

    @classmethod
    def open(cls, folder: Path, split: str, name: str) -> "PreparedSource":
        """A whole split.

        Raises:
          InputError: the folder is damaged.
        """
        import tensorflow_datasets as tfds

        try:
            ids = tuple(json.loads((folder / INDEX).read_text())[split])
            encoded = tfds.decode.SkipDecoding()
            builder = tfds.builder_from_directory(folder)
            records = builder.as_data_source(split, decoders={"image": encoded, "label": encoded})
        except Exception as error:
            raise _damaged(name, folder, "cannot be opened", error) from error
        return cls(name, split, folder, ids, range(len(ids)), records)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Image uint8 [H, W, 3], label (uint8 [H, W] train ids, 255 void; or the class, int32) and id of an example.

        Raises:
          IndexError: there is no such example.
          InputError: its record is damaged.
        """
        return self._read(index, lambda record: {"image": decode_image(record["image"], "image")})

    def label(self, index: int) -> np.ndarray | np.int32:
        """The label of an example alone, without decoding its image.

        Raises:
          IndexError: there is no such example.
          InputError: its record is damaged.
        """
        return self._read(index, lambda _: {})["label"]

    def encoded(self, index: int) -> Example:
        """An example as it is stored.

        Raises:
          IndexError: there is no such example.
          InputError: its record is damaged.
        """
        return self._read(index, lambda record: {"encoded": Example(record["image"], record["label"])})[
            "encoded"
        ]

    def _read(self, index: int, more: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        name, place = self.ids[index], self.places[index]
        try:
            record = self.records[place]
            found = record["id"].decode()
            if found != name:
                raise ValueError(f"it is {found!r}")
            label = record["label"]
            label = decode_label(label, "label") if isinstance(label, bytes) else np.int32(label)
            return {**more(record), "label": label, "id": name}
        except Exception as error:
            raise _damaged(self.name, self.folder, f"{name!r} cannot be read", error) from error

    def __repr__(self) -> str:
        return f"PreparedSource({self.name!r}, {len(self)} images)"


def _damaged(name: str, folder: Path, what: str, error: Exception) -> InputError:
    return InputError(
        f"{name}: {what} from the prepared data ({' '.join(str(error).split())}); "
        f"delete {folder} and run again to prepare it anew"
    )


class _Progress:
    """Says on standard error what is being prepared; where that is a terminal, also how far it is."""

    def __init__(self, name: str, recipe: Recipe) -> None:
        self.total = sum(len(examples) for examples in recipe.splits.values())
        self.line = f"preparing {name}: {self.total} images"
        self.live = sys.stderr.isatty()
        self.done, self.shown = 0, time.monotonic()
        note = f" ({recipe.note})" if recipe.note else ""
        # With a note the line may be wider than a terminal, where it could not be written over.
        over = self.live and not note
        print(f"{self.line}{note}...", end="" if over else "\n", file=sys.stderr, flush=True)

    def __enter__(self) -> "_Progress":
        return self

    def step(self) -> None:
        """One more example is written."""
        self.done += 1
        if self.live and time.monotonic() > self.shown + 0.5:
            self.shown = time.monotonic()
            print(f"\r{self.line}, {100 * self.done // self.total}%", end="", file=sys.stderr, flush=True)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.live:
            print(f"\r{self.line}, done" if kind is None else "", file=sys.stderr, flush=True)
