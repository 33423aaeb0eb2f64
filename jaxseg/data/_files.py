"""The raw files of a data set, in a folder or in a zip, listed in one order and read under one name."""

import os
import threading
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from jaxseg.data import _images
from jaxseg.errors import InputError


class File(NamedTuple):
    """A file of a tree.

    Attributes:
      tree: where it lies.
      name: its path there, with `/`.
    """

    tree: "Tree"
    name: str

    def __str__(self) -> str:
        return self.tree.place(self.name)

    def read(self) -> bytes:
        """Its bytes; `InputError` where it cannot be read."""
        return self.tree.read(self.name)


class Tree:
    """A folder, as files by their path in it. Hidden files do not count."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, name: str) -> str:
        """How messages name a file."""
        return str(self.root / name)

    def has(self, folder: str) -> bool:
        """Whether there is such a folder."""
        place = self.root / folder
        try:
            return place.is_dir()
        except OSError as error:
            raise InputError(f"{place}: cannot be looked at ({error.strerror or error})") from error

    def names(self, folder: str, *, deep: bool = False) -> list[str]:
        """Sorted paths of the files in a folder of the tree, and with `deep` of those below it."""

        def fail(error: OSError) -> None:
            raise InputError(f"{error.filename}: cannot be listed ({error.strerror})") from error

        found = []
        for place, below, files in os.walk(self.root / folder, onerror=fail, followlinks=True):
            below[:] = [name for name in below if deep and not name.startswith(".")]
            where = Path(place).relative_to(self.root).as_posix()
            found += [f"{where}/{name}" for name in files if not name.startswith(".")]
        return sorted(found)

    def read(self, name: str) -> bytes:
        """The bytes of a file; `InputError` where it cannot be read."""
        return _images.read(self.root / name)

    def fact(self, name: str) -> tuple[str, int, int]:
        """Name, size and time of change of what holds a file's bytes; where they are the same, so are the bytes."""
        try:
            # Without pathlib, which would take as long again, and there are many files.
            stat = os.stat(f"{self.root}/{name}")
        except OSError as error:
            raise InputError(f"{self.place(name)}: cannot be read ({error.strerror or error})") from error
        return name, stat.st_size, stat.st_mtime_ns


class ZipTree(Tree):
    """A zip, as files by their path in it.

    Raises:
      InputError: it is no zip, or is cut short.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        try:
            self._zip = zipfile.ZipFile(root)
        except (OSError, zipfile.BadZipFile) as error:
            raise self._unreadable(str(root), error) from error
        self._lock = threading.Lock()
        members = [info.filename for info in self._zip.infolist() if not info.is_dir()]
        self._members = sorted(name for name in members if not Path(name).name.startswith("."))

    def place(self, name: str) -> str:
        return f"{self.root}: {name}"

    def has(self, folder: str) -> bool:
        return any(name.startswith(f"{folder}/") for name in self._members)

    def names(self, folder: str, *, deep: bool = False) -> list[str]:
        start = f"{folder}/"
        found = [name for name in self._members if name.startswith(start)]
        return found if deep else [name for name in found if "/" not in name[len(start) :]]

    def read(self, name: str) -> bytes:
        try:
            with self._lock:
                return self._zip.read(name)
        except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise self._unreadable(self.place(name), error) from error

    def fact(self, name: str) -> tuple[str, int, int]:
        stat = self.root.stat()
        return self.root.name, stat.st_size, stat.st_mtime_ns

    def _unreadable(self, place: str, error: Exception) -> InputError:
        reason = " ".join(str(error).split())
        return InputError(f"{place}: not a readable zip ({reason}); download {self.root.name} again")


def find(name: str, tree: Tree, folder: str, endings: tuple[str, ...], *, deep: str = "") -> dict[str, File]:
    """The files of a folder whose name ends in one of `endings`, by what stands before it.

    Args:
      name: of the data set, for messages.
      tree: where the folder lies.
      folder: its path there.
      endings: such as `(".png", "_labelIds.png")`, lower case; names may be in either.
      deep: `""` looks in the folder alone; `"stem"` looks below it too and knows a file by the last part of its path,
        `"path"` by all of its path from the folder on, with `__` for `/`, as ids also name files.

    Returns:
      Files by id, sorted by it.

    Raises:
      InputError: two files have one id; names them all.
    """
    found: dict[str, File] = {}
    twice = []
    for path in tree.names(folder, deep=bool(deep)):
        ending = next((ending for ending in endings if path.lower().endswith(ending.lower())), None)
        if ending is None:
            continue
        start = len(folder) + 1 if deep == "path" else path.rfind("/") + 1
        identity = path[start : len(path) - len(ending)].replace("/", "__")
        if identity in found:
            twice.append(f"{found[identity].name} and {path}")
        found[identity] = File(tree, path)
    told = {file.name: file.name.encode(errors="backslashreplace").decode() for file in found.values()}
    unnamed = [shown for given, shown in told.items() if shown != given]
    if unnamed:
        raise InputError(
            f"{name}: {few(unnamed)} in {tree.root}: names that are not UTF-8; rename these files"
        )
    if twice:
        raise InputError(
            f"{name}: two files of one name in {tree.root}: {few(twice)}; remove one of each (their examples could "
            "not be told apart)"
        )
    return {identity: found[identity] for identity in sorted(found)}


def few(names: tuple[str, ...] | list[str], shown: int = 5) -> str:
    """The first names of a list, and how many more there are.

    >>> few(["a", "b", "c"], shown=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
