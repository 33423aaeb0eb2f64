"""Where prepared data lives, and how it gets there whole or not at all.

    $JAXSEG_CACHE/NAME/FINGERPRINT/        the prepared records of one data set, with one set of options
    $JAXSEG_CACHE/NAME/.FINGERPRINT.*.partial/   a preparation at work, or what a killed one left behind
    $JAXSEG_CACHE/NAME/.lock               held while preparing

A preparation writes into a temporary folder and renames it in one step, so a folder without the dot is complete. The
fingerprint is a hash of all that the records depend on: a changed file, option or label map is prepared anew. Of two
processes that prepare at once the second waits for the first; where the file system has no locks both work, and the
first to rename wins.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxseg.errors import InputError

DEFAULT_CACHE = "~/.cache/jaxseg"


def cache_folder() -> Path:
    """The folder of all prepared data: `$JAXSEG_CACHE`, or `~/.cache/jaxseg`."""
    return Path(os.environ.get("JAXSEG_CACHE") or DEFAULT_CACHE).expanduser()


def fingerprint(ingredients: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that differ when anything in `ingredients` (plain JSON) does.

    >>> fingerprint({"a": 1, "b": [2, 3]}) == fingerprint({"b": (2, 3), "a": 1})
    True
    >>> fingerprint({"a": 1}) == fingerprint({"a": 2})
    False
    """
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()[:16]


def prepared_once(name: str, ingredients: Mapping[str, Any], write: Callable[[Path], None]) -> Path:
    """The folder of prepared data, written first where it is not there.

    Args:
      name: of the data set, the name of its folder in the cache.
      ingredients: all that the prepared data depends on, as plain JSON.
      write: fills the empty folder that it is given.

    Returns:
      The complete folder.

    Raises:
      InputError: the cache cannot be written, or its disk is full; nothing is left behind.
    """
    parent = cache_folder() / name
    folder = parent / fingerprint(ingredients)
    if folder.is_dir():
        return folder
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with _lock(parent / ".lock", name) as alone:
            if folder.is_dir():
                return folder
            if alone:
                for leftover in parent.glob(".*.partial"):
                    shutil.rmtree(leftover, ignore_errors=True)
            _write(folder, write)
    except OSError as error:
        raise InputError(
            f"{name}: cannot write prepared data to {parent} ({_reason(error)}); free space there, or set JAXSEG_CACHE "
            "to a folder with room (nothing incomplete was kept)"
        ) from error
    return folder


def _write(folder: Path, write: Callable[[Path], None]) -> None:
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        write(partial)
        for path in (*partial.rglob("*"), partial):
            _flush(path)
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, and its folder is as good
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path, name: str) -> Iterator[bool]:
    """Holds the lock, waiting for it; false where the file system knows no locks."""
    with path.open("w") as handle:
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"waiting for another process that prepares {name}...", file=sys.stderr, flush=True)
                fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            yield False
        else:
            yield True


def _flush(path: Path) -> None:
    """Onto the disk, so that after a power cut too what has its final name is whole."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return " ".join(str(error.strerror or error).split())
