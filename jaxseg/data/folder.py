"""The user's own images and label images, with the classes in a small TOML file."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxseg.data import _images
from jaxseg.data._files import File, Tree, few, find
from jaxseg.data._pairs import IMAGES, Decode, PairedDataSet, folder_of, ids_of_colours, matched, recipe_of
from jaxseg.data.dataset import SPLITS
from jaxseg.data.recipe import Recipe
from jaxseg.errors import InputError
from jaxseg.labels import VOID, LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same raw files give other examples."""

CLASSES = "classes.toml"

OTHER_IMAGES = (".tif", ".tiff", ".bmp", ".webp", ".gif", ".ppm", ".heic")
"""Endings of images that are not read, and not left out in silence."""

_LAYOUT = "a folder with images/{train,val,test}/NAME.png (or .jpg), labels/{train,val,test}/NAME.png and classes.toml"


@dataclasses.dataclass(frozen=True)
class Folder(PairedDataSet):
    """Any images and label images, `images/SPLIT/NAME.png` (or `.jpg`) and `labels/SPLIT/NAME.png`, folders below too.

    Splits are `train`, `val` and `test`; those that have no images folder are not there, and those that have no labels
    folder get labels that are void everywhere, as a target without labels does. `classes.toml` says what the label
    images hold:

        name = "tracks"            # of the label space; the folder's name where it is left out
        labels = "ids"             # grey levels or palette indices (the default), or "colours": RGB
        void = [255]               # ids, or colours such as [0, 0, 0], that count as no label

        [[classes]]                # in the order of the train ids
        name = "rail"
        colour = [230, 150, 140]   # for pictures, and to find the class in RGB label images
        ids = [1, 2]               # its ids in the label images; its place, from 0, where it is left out

    Every id or colour that is met must be in the file.

    Attributes:
      dir: the folder.
      resize: height and width to which images (bicubic) and labels (nearest) are brought at preparation; None keeps
        them.
      classes: the TOML file; None takes `classes.toml` of the folder. Two folders that are source and target share one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     path = Path(place, "classes.toml")
    ...     _ = path.write_text("[[classes]]\\nname = 'rail'\\ncolour = [230, 150, 140]")
    ...     Folder(classes=path).labels.names
    ('rail',)
    """

    dir: Path | None = None
    resize: tuple[int, int] | None = None
    classes: Path | None = None

    @property
    def name(self) -> str:
        """`folder`."""
        return "folder"

    @property
    def labels(self) -> LabelSpace:
        """The classes of the TOML file; `InputError` where it is missing or wrong."""
        return self._read()[0]

    def recipe(self) -> Recipe:
        """The pairs of image and label image of each split.

        Raises:
          InputError: there are no images, images have no label image, two images have one name, or the TOML file is
            wrong.
        """
        tree = Tree(folder_of(self.name, self.dir, _LAYOUT, ("images",)))
        space, decode = self._read()
        splits = [split for split in SPLITS if tree.has(f"images/{split}")]
        if not splits:
            raise InputError(
                f"{self.name}: {tree.root}/images has no folder train, val or test; it must be {_LAYOUT}"
            )
        _nothing_beside(tree, splits)
        images = {split: find(self.name, tree, f"images/{split}", IMAGES, deep="path") for split in splits}
        labels = {
            split: find(self.name, tree, f"labels/{split}", (".png",), deep="path")
            for split in splits
            if tree.has(f"labels/{split}")
        }
        alone = [
            file.name for split in labels for name, file in labels[split].items() if name not in images[split]
        ]
        if alone:
            raise InputError(
                f"{self.name}: {len(alone)} label image{'s have' if len(alone) > 1 else ' has'} no image: {few(alone)} "
                f"in {tree.root}; add the image ({', '.join(IMAGES)}), or move the label away"
            )

        def pair(split: str, name: str) -> tuple[File, File | str | None]:
            image = images[split][name]
            missing = Path("labels", *Path(image.name).parts[1:]).with_suffix(".png").as_posix()
            return image, labels[split].get(name, missing) if split in labels else None

        pairs = matched(
            self.name, images, pair, f"{tree.root} must be {_LAYOUT}", decode=decode, upright=True
        )
        return recipe_of(
            pairs, space, resize=self.resize, version=VERSION, options={"classes": self._content()}
        )

    def _file(self) -> Path:
        if self.classes is not None:
            return self.classes.expanduser()
        return folder_of(self.name, self.dir, _LAYOUT) / CLASSES

    def _content(self) -> dict[str, Any]:
        path = self._file()
        try:
            return tomllib.loads(_images.read(path).decode("utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not TOML ({' '.join(str(error).split())})") from error

    def _read(self) -> tuple[LabelSpace, Decode]:
        """The label space, and what reads a label image."""
        path = self._file()
        content = self._content()
        try:
            return _space(content, path.parent.name)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def _nothing_beside(tree: Tree, splits: Sequence[str]) -> None:
    """Raises `InputError` where pictures beside those that are read would be left out without a word."""
    for kind in filter(tree.has, ("images", "labels")):
        paths = [path for path in tree.names(kind, deep=True) if path.lower().endswith(IMAGES + OTHER_IMAGES)]
        beside = sorted({path.split("/")[1] for path in paths} - set(SPLITS))
        if beside:
            raise InputError(
                f"folder: {tree.root / kind} holds {few(beside)} beside {', '.join(splits)}; its folders are "
                f"{', '.join(SPLITS)}, so rename or move what is no split"
            )
        odd = [path for path in paths if path.lower().endswith(OTHER_IMAGES)]
        if odd:
            raise InputError(
                f"folder: {few(odd)} in {tree.root}; images end in {', '.join(IMAGES)} and labels in .png, so convert "
                "these"
            )


def _space(content: Mapping[str, Any], otherwise: str) -> tuple[LabelSpace, Decode]:
    _known(content, ("name", "labels", "void", "classes"), "the file")
    kind = content.get("labels", "ids")
    if kind not in ("ids", "colours"):
        raise InputError(f'labels: {kind!r}; it is "ids" or "colours"')
    entries = content.get("classes")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise InputError("it lists no classes; give a [[classes]] table with name and colour for each")
    names, palette, raw = [], [], []
    for place, entry in enumerate(entries):
        _known(entry, ("name", "colour", "ids"), f"class {place}")
        if not isinstance(entry.get("name"), str):
            raise InputError(f'class {place} has no name; give name = "..."')
        names.append(entry["name"])
        palette.append(_colour(entry.get("colour"), f"colour of {entry['name']!r}"))
        if kind == "colours" and "ids" in entry:
            raise InputError(f"ids of {entry['name']!r}: label images are read by colour; leave ids out")
        raw.append(_ids(entry["ids"], f"ids of {entry['name']!r}") if "ids" in entry else [place])
    void = content.get("void", [])
    if not isinstance(void, list):
        raise InputError(f"void: {void!r}; give a list of {kind}")
    name = content.get("name", otherwise)
    if not isinstance(name, str):
        raise InputError(f'name: {name}; give name = "..."')
    if kind == "ids":
        pairs = [(value, train) for train, values in enumerate(raw) for value in values]
        pairs += [(value, VOID) for value in _ids(void, "void", empty=True)]
        _once([str(value) for value, _ in pairs])
        return LabelSpace(name, tuple(names), tuple(palette), dict(pairs)), _images.decode_label
    nothing = [_colour(value, "void") for value in void]
    _once([str(colour) for colour in (*palette, *nothing)])
    ids = {**{place: place for place in range(len(names))}, **{len(names): VOID for _ in nothing[:1]}}
    colours = {colour: min(place, len(names)) for place, colour in enumerate((*palette, *nothing))}
    return LabelSpace(name, tuple(names), tuple(palette), ids), ids_of_colours(colours)


def _known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    strange = sorted(set(table) - set(keys))
    if strange:
        raise InputError(f"{where} has {few(strange)}; known are {', '.join(keys)}")


def _colour(value: Any, where: str) -> tuple[int, int, int]:
    if not isinstance(value, list) or len(value) != 3 or not all(_whole(part, 255) for part in value):
        raise InputError(f"{where}: {value!r}; give three numbers 0..255, such as [128, 64, 128]")
    return value[0], value[1], value[2]


def _ids(value: Any, where: str, *, empty: bool = False) -> list[int]:
    if not isinstance(value, list) or not (value or empty) or not all(_whole(part, 255) for part in value):
        raise InputError(f"{where}: {value!r}; give a list of numbers 0..255")
    return value


def _whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _once(values: list[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise InputError(f"{few(twice)} stands for more than one class; give each once")
