"""What the figures share: axes, saving, the lines that runs wrote, and runs that must be there."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxseg.errors import InputError

Runs = Mapping[str, Sequence[Path]]


def of_row(runs: Runs, row: str) -> Sequence[Path]:
    """The run folders of a row.

    Raises:
      InputError: it was not run.

    >>> of_row({}, "source")
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: rows: the figure is drawn from the row 'source'; let it run too
    """
    if not runs.get(row):
        raise InputError(f"rows: the figure is drawn from the row {row!r}; let it run too")
    return runs[row]


def common_seeds(runs: Runs, *rows: str) -> list[tuple[Path, ...]]:
    """The run folders of several rows, of one seed together; seeds that a row gave up are left out.

    Raises:
      InputError: a row was not run, or they have no seed in common.

    >>> runs = {"a": [Path("a/seed0"), Path("a/seed1")], "b": [Path("b/seed1")]}
    >>> [[path.as_posix() for path in paths] for paths in common_seeds(runs, "a", "b")]
    [['a/seed1', 'b/seed1']]
    """
    found = [{path.name: path for path in of_row(runs, row)} for row in rows]
    shared = [seed for seed in found[0] if all(seed in paths for paths in found)]
    if not shared:
        raise InputError(
            f"rows: the figure pairs the seeds of {' and '.join(rows)}, which have none in common"
        )
    return [tuple(paths[seed] for paths in found) for seed in shared]


def panels(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    """A figure and its axes [rows, columns], drawn without a display; `size` is of one of them, in inches."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    return plt.subplots(
        rows, columns, figsize=(columns * size[0], rows * size[1]), squeeze=False, layout="constrained"
    )


def save(figure: Any, path: Path) -> str:
    """Writes the figure and closes it; returns the file's name."""
    from matplotlib import pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path.name


def lines(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    """The lines of one kind in a run's metrics."""
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        found = json.loads(line)
        if found["kind"] == kind:
            yield found


def rounded(values: Any, digits: int = 5) -> Any:
    """An array as nested lists of rounded numbers, fit for JSON; what is not finite is null."""
    array = np.asarray(values, np.float64)
    if array.ndim:
        return [rounded(part, digits) for part in array]
    return round(float(array), digits) if np.isfinite(array) else None
