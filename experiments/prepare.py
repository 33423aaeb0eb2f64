"""Prepare a data set and look at it: `python -m experiments.prepare camvid --data.dir FOLDER [--verify]`.

Writes the prepared records into the cache unless they are there, reads every one of them, and prints the classes, the
number of images and the share of pixels (or images) of each class in each split. The contact sheet `NAME.png` shows
some of them, to be looked at: labels that are shifted, swapped or empty show there first.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from PIL import Image

from experiments._command import parse, parse_all, run
from jaxseg import data
from jaxseg.data import SPLITS, DataSet, DataSource, label_counts
from jaxseg.errors import InputError
from jaxseg.labels import VOID

COLUMNS = 6
"""Classes beside each other on the sheet of a classification data set."""


def data_sets() -> dict[str, type[DataSet]]:
    """Every data set of `jaxseg.data` but those made of another one, by its name on the command line."""
    found = [value for name, value in vars(data).items() if name in data.__all__ and isinstance(value, type)]
    return {
        re.sub(r"[^a-z0-9]", "", kind.__name__.lower()): kind
        for kind in found
        if issubclass(kind, DataSet) and kind is not DataSet and _stands_alone(kind)
    }


def _stands_alone(kind: type[DataSet]) -> bool:
    """Whether it needs nothing to be made: what is given another data set needs that."""
    return all(
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        for field in dataclasses.fields(kind)
    )


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Prepare a data set, read all of it, and draw a contact sheet.

    Every field of the data set has an option too; `python -m experiments.prepare NAME --help` lists them.
    """

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(help=f"One of {', '.join(data_sets())}.")]
    out: Path = Path("prepared")
    """Folder for the contact sheet."""
    pictures: int = 6
    """Pictures on it; in classification, of each class."""
    verify: bool = False
    """Also make every example anew from the raw files, and compare it with its record."""


def main(arguments: Sequence[str]) -> int:
    """Prepares, reads and shows; returns the exit status."""
    wants_help = [word for word in arguments if word in ("-h", "--help")]
    given = [word for word in arguments if word not in wants_help]
    own, fields = parse(Arguments, given or ("--help",), "experiments.prepare")
    kinds = data_sets()
    if own.name not in kinds:
        raise InputError(f"data set: {own.name!r} is not known; use one of {', '.join(kinds)}")
    if own.pictures < 1:
        raise InputError(f"pictures: {own.pictures}; at least 1")
    kind = kinds[own.name]
    options = dataclasses.make_dataclass("Options", [("data", kind, kind())], frozen=True)
    options.__doc__ = f"Prepare {kind.__name__}."
    data_set = parse_all(options, [*fields, *wants_help], f"experiments.prepare {own.name}").data
    sources = splits(data_set)
    for line in described(data_set, sources):
        print(line)
    if own.verify:
        print(f"verified: {verify(data_set)} examples are what their raw files make")
    own.out.mkdir(parents=True, exist_ok=True)
    sheet = own.out / f"{data_set.name}.png"
    Image.fromarray(contact_sheet(data_set, next(iter(sources.values())), own.pictures)).save(sheet)
    print(f"sheet: {sheet}")
    return 0


def splits(data_set: DataSet) -> dict[str, DataSource]:
    """What a data set has, prepared: its splits, or the one part that all of them are.

    Raises:
      InputError: it has none, as `source` says of train; or what is there is unusable.
    """
    parts = [part for part in data_set.recipe().splits if part not in SPLITS or data_set.has(part)]
    return {part: data_set.source(part if part in SPLITS else SPLITS[0]) for part in parts or SPLITS[:1]}


def described(data_set: DataSet, sources: dict[str, DataSource]) -> Iterator[str]:
    """What is in a data set, line by line; reads and decodes every example.

    Raises:
      InputError: a record is damaged, or a label is no class of the data set.
    """
    space, unit = data_set.labels, "images" if data_set.task == "classification" else "pixels"
    yield f"{data_set.name}: {data_set.task}, {space.classes} classes of {space.name!r}"
    shares = {}
    for split, source in sources.items():
        sizes = check(data_set, split, source)
        counts = label_counts(source).sum(axis=0)
        known = counts[: space.classes]
        shares[split] = known / max(known.sum(), 1)
        low, high = (f"{width}x{height}" for height, width in (min(sizes), max(sizes)))
        shown = low if low == high else f"{low} to {high}"
        void = counts[VOID] / max(counts.sum(), 1)
        yield f"  {split:<5} {len(source):>6} images, {shown}, {100 * void:.2f}% of the {unit} void"
    width = max(len(name) for name in space.names)
    yield f"% of the labelled {unit}: {' ' * max(width - 20, 0)}" + "".join(
        f"{split:>8}" for split in sources
    )
    for number, name in enumerate(space.names):
        values = "".join(f"{100 * share[number]:8.2f}" for share in shares.values())
        yield f"  {number:>3} {name:<{max(width, 20)}} {values}"


def check(data_set: DataSet, split: str, source: DataSource) -> set[tuple[int, int]]:
    """Reads every example of a split; returns the heights and widths that occur.

    Raises:
      InputError: a record is damaged, a label is no class of the data set, or is not of its image's size.
    """
    sizes, ids = set(), set()
    for index in range(len(source)):
        example = source[index]
        image, label = example["image"], np.asarray(example["label"])
        where = f"{data_set.name}/{split}: {example['id']!r}"
        outside = np.unique(label[(label >= data_set.labels.classes) & (label != VOID)])
        if len(outside):
            raise InputError(
                f"{where} has the label {outside[0]}, and there are {data_set.labels.classes} classes"
            )
        if data_set.task == "segmentation" and label.shape != image.shape[:2]:
            raise InputError(f"{where} has a label of {label.shape} and an image of {image.shape[:2]}")
        if example["id"] in ids:
            raise InputError(f"{where} is there twice")
        ids.add(example["id"])
        sizes.add(image.shape[:2])
    return sizes


def verify(data_set: DataSet) -> int:
    """Makes every example anew from the raw files and compares it with its record, byte by byte; returns how many.

    Raises:
      InputError: one differs, or one is missing.
    """
    checked = 0
    for stored, recipe in data_set.recipe().splits.items():
        split = stored if stored in SPLITS else SPLITS[0]
        source: Any = data_set._prepared(split, stored)
        if list(source.ids) != list(recipe):
            raise InputError(
                f"{data_set.name}: the prepared {stored} has other examples; delete {source.folder}"
            )
        for index, make in enumerate(recipe.values()):
            if source.encoded(index) != make():
                raise InputError(
                    f"{data_set.name}: the prepared {source.ids[index]!r} is not what the raw files make; "
                    f"delete {source.folder} and prepare anew"
                )
            checked += 1
    return checked


def contact_sheet(data_set: DataSet, source: DataSource, pictures: int) -> np.ndarray:
    """Pictures of a data set on one sheet, [H, W, 3] uint8.

    Segmentation: image, label and both together, spread over the split. Classification: a column a class.
    """
    from jaxseg import report

    if data_set.task == "segmentation":
        examples = [source[index] for index in spread(len(source), pictures)]
        rows = []
        for example in examples:
            image, label = example["image"], example["label"]
            rows.append(
                [image, data_set.labels.colorize(label), report.overlay(image, label, data_set.labels)]
            )
        return report.contact_sheet(rows, ["image", "label", "overlay"], space=data_set.labels)
    classes = label_counts(source).argmax(axis=1)
    strips = []
    for first in range(0, data_set.labels.classes, COLUMNS):
        numbers = range(first, min(first + COLUMNS, data_set.labels.classes))
        columns = []
        for number in numbers:
            chosen = np.flatnonzero(classes == number)
            shown = [source[int(chosen[index])]["image"] for index in spread(len(chosen), pictures)]
            blank = np.full((8, 8, 3), 255, np.uint8)
            columns.append([*shown, *[blank] * (pictures - len(shown))])
        titles = [data_set.labels.names[number] for number in numbers]
        strips.append(report.contact_sheet(list(zip(*columns, strict=True)), titles, cell=160))
    wide = max(strip.shape[1] for strip in strips)
    filled = [np.pad(s, ((0, 8), (0, wide - s.shape[1]), (0, 0)), constant_values=255) for s in strips]
    return np.concatenate(filled)


def spread(count: int, wanted: int) -> list[int]:
    """Numbers below `count`, as many as wanted or there are, evenly spread.

    >>> spread(10, 3), spread(2, 5), spread(0, 4)
    ([0, 4, 9], [0, 1], [])
    """
    shown = min(count, wanted)
    return [round(k * (count - 1) / max(shown - 1, 1)) for k in range(shown)]


if __name__ == "__main__":
    run(main)
