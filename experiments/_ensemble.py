"""The folder of an ensemble: what a report reads of it, as it reads a run's, and what keeps it from overwriting one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxseg.errors import InputError

if TYPE_CHECKING:
    from jaxseg.train import RunFolder


def name_of(records: Sequence[Mapping[str, Any]]) -> str:
    """The name of an ensemble of runs, from their names.

    >>> name_of([{"name": "advent"}, {"name": "min-ent"}]), name_of([{"name": "advent"}] * 3)
    ('advent+min-ent', 'advent-of-3')
    """
    names = list(dict.fromkeys(str(record["name"]) for record in records))
    return "+".join(names) if len(names) > 1 else f"{names[0]}-of-{len(records)}"


def seed_of(records: Sequence[Mapping[str, Any]]) -> int | None:
    """The seed that all runs share, or None: an ensemble over seeds is no run of any one of them."""
    seeds = {record["seed"] for record in records}
    return seeds.pop() if len(seeds) == 1 else None


def place_of(records: Sequence[Mapping[str, Any]], name: str) -> Path:
    """Where an ensemble is kept unless told otherwise.

    >>> str(place_of([{"seed": 1}, {"seed": 1}], "a+b")), str(place_of([{"seed": 0}, {"seed": 2}], "a-of-2"))
    ('runs/a+b/seed1', 'runs/a-of-2/seeds-0-2')
    """
    seeds = list(dict.fromkeys(record["seed"] for record in records))
    folder = f"seed{seeds[0]}" if len(seeds) == 1 else f"seeds-{'-'.join(map(str, seeds))}"
    return Path("runs") / name / folder


def check_members(folders: Sequence["RunFolder"]) -> list[dict[str, Any]]:
    """What the config of each run holds.

    Raises:
      InputError: a run is given twice, is itself an ensemble, or has other classes than the first.
    """
    records = [folder.record() for folder in folders]
    seen: set[Path] = set()
    for folder, record in zip(folders, records, strict=True):
        if folder.path.resolve() in seen:
            raise InputError(f"with: {folder.path} is given twice; give different runs")
        seen.add(folder.path.resolve())
        if "ensemble" in record:
            raise InputError(f"with: {folder.path} is an ensemble; give the runs that it is made of")
        first, own = records[0]["labels"], record["labels"]
        if own["names"] != first["names"]:
            raise InputError(
                f"with: {folder.path} scores the {len(own['names'])} classes of {own['name']} and "
                f"{folders[0].path} the {len(first['names'])} of {first['name']}; give runs of the same classes"
            )
    return records


def opened(folder: "RunFolder", record: Mapping[str, Any]) -> "RunFolder":
    """Writes the config of an ensemble into its folder, and makes that where it is new.

    Raises:
      InputError: there is something else in the folder: a run, or another ensemble.
    """
    from jaxseg.train.run import write_json

    if folder.config.is_file():
        if _identity(folder.record()) != _identity(record):
            held = "another ensemble" if "ensemble" in folder.record() else "a run"
            raise InputError(f"out: {folder.path} holds {held}; give --out another folder")
    elif folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise InputError(f"out: {folder.path} is not empty and no ensemble; give --out another folder")
    write_json(folder.config, record)
    return folder


def _identity(record: Mapping[str, Any]) -> str:
    """What makes two ensembles the same: name, average and runs, at whatever step these are."""
    ensemble = record.get("ensemble")
    if ensemble is None:
        return ""
    runs = [str(Path(member["run"]).resolve()) for member in ensemble["members"]]
    return json.dumps([record["name"], ensemble["average"], runs])
