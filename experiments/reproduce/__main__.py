"""Run a table or a figure of a paper, small, or list them: `python -m experiments.reproduce maxsquare.gta5`.

Rows are trained seed after seed, scored at the last step on the test split, and gathered as a table, a page and a JSON
file, the paper's own numbers beside them; figures are drawn from them, or computed. Run again, the command goes on
where it was. `--scale paper` says what the published recipes lack on this machine, and gives the commands that run
them.
"""

import dataclasses
import difflib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from experiments._command import parse, run
from experiments._rows import Interrupted, Row, given_up_runs, record, run_rows
from experiments.reproduce._listing import found_in, listed, markdown
from experiments.reproduce.items import ITEMS, Item
from jaxseg.errors import InputError

PART = "part"
"""Folder, inside an item's, of what some of its rows or fewer seeds gave, so that the whole is not overwritten."""


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run a table or a figure of a paper.

    Options of the experiments may follow, such as --data.dir CAMVID --target.dir CAMVID.
    """

    item: Annotated[str, tyro.conf.Positional] = ""
    """Which one, PAPER.ITEM; --list names them. With --list also a paper, or a config file that is a row."""
    list: bool = False
    """Name the items, what they read, what they cost and what the paper has; of one paper with PAPER --list."""
    scale: Literal["small", "paper"] = "small"
    """Small runs on two cores, or the published recipes."""
    seeds: int | None = None
    """How many seeds; the item says how many by default, and what fewer give is kept in the folder `part`."""
    rows: tuple[str, ...] = ()
    """Only these rows, and those that they start from; what they give is kept apart, in the folder `part`."""
    out: Path = Path("runs/reproduce")
    """Folder of the runs; each item, or those that share rows, have their own in it."""


def main(arguments: Sequence[str]) -> int:
    """Runs or lists; returns the exit status."""
    own, fields = parse(Arguments, arguments, "experiments.reproduce")
    if own.list or not own.item:
        _refuse(fields, "a list takes no options of experiments")
        for option in ("scale", "seeds", "rows", "out"):
            if getattr(own, option) != getattr(Arguments(), option):
                raise InputError(f"{option}: it would change nothing of a list; leave it out")
        found = found_in(ITEMS, own.item)
        if not found:
            raise InputError(f"item: no table or figure is or has {own.item!r}; --list alone names them all")
        print("\n".join(map(listed, found)))
        return 0
    item = next((item for item in ITEMS if item.name == own.item), None)
    if item is None:
        near = difflib.get_close_matches(own.item, [item.name for item in ITEMS], n=1)
        hint = f"did you mean {near[0]}?" if near else "--list names them"
        raise InputError(f"item: {own.item!r} is not known; {hint}")
    if own.scale == "paper" and (item.rows or item.recipes):
        if not item.recipes:
            raise InputError(f"scale: {item.name} has no recipe of a paper; leave --scale out")
        from experiments.reproduce._paper_scale import commands

        if own.rows:
            raise InputError("rows: the paper's scale has its own; leave them out")
        print("\n".join(commands(item, fields, 1 if own.seeds is None else own.seeds)))
        return 0
    return _small(item, own, fields)


def _small(item: Item, own: Arguments, fields: Sequence[str]) -> int:
    from jaxseg import report
    from jaxseg.train.progress import duration
    from jaxseg.train.run import write_json
    from jaxseg.train.versions import versions

    rows, seeds = _chosen(item, own)
    if not rows:
        _refuse(fields, f"{item.name} trains nothing")
    whole = rows == list(item.rows) and seeds >= item.seeds
    began, place = time.monotonic(), own.out / item.name / ("" if whole else PART)
    try:
        runs = own.out / (item.runs or item.name)
        folders = run_rows(rows, range(seeds), runs, fields, "python -m experiments.reproduce", item.rows)
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return stop.status
    recorded, lost = record(rows, folders), given_up_runs(rows, range(seeds), runs, folders)
    found = {
        "item": item.name,
        "scale": "small",
        "title": item.title,
        "versions": versions(),
        "rows": recorded,
    }
    found |= {"paper": item.paper} if item.paper else {}
    found |= {"given_up": lost} if lost else {}
    write_json(place / "results.json", found)
    pages = [place / "results.json"]
    shown = [markdown(item.paper, "The paper's")] if item.paper else []
    if folders:
        told = ["\n\n".join(lost)] if lost else []
        shown = [
            report.summary_table(folders, style="markdown"),
            *told,
            *_who_pays(item, rows, recorded),
            *shown,
        ]
        print(report.summary_table(folders), *lost, sep="\n")
        pages.append(report.write(folders, place / "report.html", title=f"{item.name}: {item.title}"))
    (place / "results.md").write_text("\n".join(shown) + "\n")
    if item.figure is not None:  # at the end, so that a figure that cannot be drawn costs no table
        by_row = {row.name: [path for path in folders if path.parent.name == row.name] for row in rows}
        try:
            write_json(place / "results.json", found | {"figure": item.figure(by_row, place)})
        except InputError as error:
            if whole:
                raise
            print(f"no figure: {error}", file=sys.stderr)
    pages += sorted((*place.glob("*.png"), *place.glob("*.svg")))
    took = duration(time.monotonic() - began)
    print(f"\nreport and figures: {', '.join(map(str, pages))}   ({took} in all)")
    return 0


def _refuse(fields: Sequence[str], why: str) -> None:
    if fields:
        raise InputError(f"options: {' '.join(fields)} would change nothing: {why}; leave them out")


def _chosen(item: Item, own: Arguments) -> tuple[list[Row], int]:
    """The rows to run, those included that others start from, and with how many seeds."""
    seeds = item.seeds if own.seeds is None else own.seeds
    if not item.rows:
        if own.rows or own.seeds is not None:
            raise InputError(f"rows, seeds: {item.name} trains nothing; leave them out")
        return [], 0
    if seeds < 1:
        raise InputError(f"seeds: {seeds}; at least 1, and 2 or more for an interval")
    unknown = [name for name in own.rows if name not in {row.name for row in item.rows}]
    if unknown:
        raise InputError(
            f"rows: {item.name} has no {unknown[0]!r}, only {', '.join(r.name for r in item.rows)}"
        )
    wanted = set(own.rows) or {row.name for row in item.rows}
    for row in reversed(item.rows):
        if row.name in wanted:
            wanted |= {*row.together, *([row.after] if row.after else [])}
    return [row for row in item.rows if row.name in wanted], seeds


def _who_pays(item: Item, rows: Sequence[Row], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tables of the gains of single classes over the rows that the item names."""
    from experiments.reproduce._classes import who_pays
    from jaxseg.train import load_config

    config = next((row.config for row in rows if row.config is not None), None)
    if not item.against or config is None:
        return []
    space = load_config(config).data.labels
    return [text for name in item.against if (text := who_pays(found, name, space))]


if __name__ == "__main__":
    run(main)
