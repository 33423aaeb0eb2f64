"""How many pixels (or images) of each class an example holds: for class frequencies and rare-class sampling."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Integer
from numpy.typing import ArrayLike

from jaxseg.data._prepared import PreparedSource
from jaxseg.data.dataset import DataSource

IDS = 256


@runtime_checkable
class Counted(Protocol):
    """A source that knows how often each label id occurs in each of its examples."""

    def label_counts(self) -> Integer[np.ndarray, "N 256"]:
        """The counts, as `label_counts` gives them."""


def label_counts(source: DataSource, threads: int = 2) -> Integer[np.ndarray, "N 256"]:
    """Counts of each label id in each example: pixels of a label map; 1 for the class of an image.

    A prepared data set is counted once: the counts are kept beside its records. Of other sources each example is read.

    Args:
      source: N examples.
      threads: how many decode, each one example at a time.

    Returns:
      [N, 256] int64; column 255 counts void.

    Raises:
      InputError: a record is damaged.

    >>> label_counts([{"image": np.zeros((1, 2, 3), np.uint8), "label": np.array([[4, 255]], np.uint8)}])[0, [4, 255]]
    array([1, 1])
    """
    if isinstance(source, Counted):
        return source.label_counts()
    if not isinstance(source, PreparedSource):
        return _counted(lambda index: source[index]["label"], len(source), threads)
    whole = PreparedSource.open(source.folder, source.split, source.name)
    kept = source.folder / f"counts-{source.split}.npy"
    counts = _load(kept, len(whole))
    if counts is None:
        counts = _counted(whole.label, len(whole), threads)
        _save(kept, counts)
    return counts[list(source.places)]


def _counted(label: Callable[[int], ArrayLike], length: int, threads: int) -> np.ndarray:
    """The counts of so many labels; each thread holds one of them at a time."""

    def row(index: int) -> np.ndarray:
        return np.bincount(np.ravel(label(index)), minlength=IDS)

    counts = np.zeros((length, IDS), np.int64)
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        for index, found in enumerate(pool.map(row, range(length))):
            counts[index] = found
    return counts


def _load(path: Path, length: int) -> np.ndarray | None:
    try:
        counts = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return counts.astype(np.int64) if counts.shape == (length, IDS) else None


def _save(path: Path, counts: np.ndarray) -> None:
    """Beside the records, whole or not at all; a folder that cannot be written is counted anew each time."""
    with contextlib.suppress(OSError):
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=".counts.", suffix=".npy")
        try:
            with os.fdopen(descriptor, "wb") as file:
                np.save(file, counts.astype(np.uint32))
            os.replace(partial, path)
        except OSError:
            os.unlink(partial)
            raise
