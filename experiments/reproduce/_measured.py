"""What was measured of an item at small scale, from the committed files under `experiments/results`."""

import functools
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxseg.metrics import Interval, mean_and_interval

RESULTS = Path(__file__).resolve().parents[1] / "results"
FIGURES = {"mean_iou": "mIoU", "accuracy": "accuracy"}


@functools.cache
def committed(item: str) -> tuple[Mapping[str, Any], ...]:
    """The files of an item that hold runs, by their names."""
    files = sorted((RESULTS / item.split(".")[0]).glob("*.json"))
    found = [json.loads(file.read_text()) for file in files]
    return tuple(table for table in found if table.get("item") == item and table.get("rows"))


def lines(item: str) -> list[str]:
    """A line a row of what was measured of an item, on the data that it adapts to or is trained for.

    >>> lines("maxsquare.gta5")[0]
    'source             28.0 ± 3.6 % mIoU on streets-real/test, 3 seeds'
    """
    found = []
    for table in committed(item):
        width = max(len(row["row"]) for row in table["rows"]) + 2
        found += [f"{row['row']:{width}}{_words(row)}" for row in table["rows"]]
    return found


def header(config: Path, items: Sequence[str]) -> str | None:
    """What a config's docstring says was measured of it: in the first of the items that has it as a row as it is.

    >>> header(Path("configs/streets/fda.py"), ["maxsquare.gta5"])
    'Measured: 44.1 ± 2.6 % mIoU on streets-real/test, 3 seeds, 0.4 minutes a run (median) on 1 x cpu (maxsquare.gta5).'
    """
    for item in items:
        for table in committed(item):
            for row in table["rows"]:
                if row.get("config") == config.as_posix() and not row["options"]:
                    # Of the middle run: the clock of a resumed one may stand for its last part alone, others waited.
                    middle = statistics.median(run["training_seconds"] for run in row["seeds"].values()) / 60
                    took = f"{middle:.1f} minutes a run (median) on {table['versions']['devices']}"
                    return f"Measured: {_words(row)}, {took} ({item})."
    return None


def _words(row: Mapping[str, Any]) -> str:
    """Mean and interval of a row over its seeds, on the data that comes first."""
    data = next(iter(next(iter(row["seeds"].values()))["scores"]))
    scores = [run["scores"][data] for run in row["seeds"].values()]
    name = next(name for name in FIGURES if name in scores[0])
    found: Interval = mean_and_interval([100 * score[name] for score in scores])
    spread = f" ± {found.half_width:.1f}" if len(scores) > 1 else ""
    seeds = f"{len(scores)} seed{'s' if len(scores) > 1 else ''}"
    return f"{found.mean:.1f}{spread} % {FIGURES[name]} on {data}, {seeds}"
