"""What an item is: its rows at small scale, the recipes at the paper's scale, what the paper found, and its figure."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments._rows import Row

STREETS, DUSK, DIGITS = Path("configs/streets"), Path("configs/dusk"), Path("configs/digits")
CAMVID = "CamVid, --data.dir CAMVID --target.dir CAMVID"
NOTHING = "procedural streets, nothing to download"

Figure = Callable[[Mapping[str, Sequence[Path]], Path], Mapping[str, Any]]
"""`figure(runs, place)`: run folders by row, one a seed, and the folder for its pictures; returns data fit for JSON."""

Numbers = Mapping[str, Mapping[str, float]]
"""A paper's table: row, column, number in percent; what a cell leaves empty is not there."""


@dataclasses.dataclass(frozen=True)
class Item:
    """One table or figure.

    Attributes:
      name: `PAPER.ITEM`.
      title: what it shows.
      rows: at small scale; none for a figure that needs no training.
      data: what the small scale reads, in words.
      seeds: how many it is run with by default; 0 without rows.
      cost: of the small scale, in words.
      recipes: of the paper's scale: config files, or rows where options or a start belong to them.
      paper: all numbers of the paper's table, by its own row and column names.
      notes: what must be known to compare the two, slips of the paper among it.
      runs: folder of its runs, where items share rows; its own name by default.
      against: rows with which the others are compared class by class, to show who gains and who pays.
      figure: draws and computes what the item shows beside scores; called after the rows were run.
      paper_cost: of the paper's scale, in words; not measured unless it says so.
      unstated: what the paper leaves unstated that the item had to settle.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    data: str
    seeds: int
    cost: str
    recipes: tuple[Path | Row, ...] = ()
    paper: Numbers = dataclasses.field(default_factory=dict)
    notes: str = ""
    runs: str = ""
    against: tuple[str, ...] = ()
    figure: Figure | None = None
    paper_cost: str = ""
    unstated: str = ""

    @property
    def published(self) -> tuple[Row, ...]:
        """The recipes as rows.

        >>> Item("p.t", "", (), "", 0, "", recipes=(Path("configs/a/b_paper.py"),)).published[0].name
        'b_paper'
        """
        return tuple(
            Row(recipe.stem, recipe) if isinstance(recipe, Path) else recipe for recipe in self.recipes
        )


def named(row: Row) -> Row:
    """A row whose runs bear its own name where options set it apart from others of its config.

    Reports gather runs by the name of the experiment.

    >>> named(Row("longer", STREETS / "oracle.py", ("--steps", "100"))).options
    ('--steps', '100', '--name', 'streets-longer')
    """
    if row.config is None or not row.options:
        return row
    return dataclasses.replace(row, options=(*row.options, "--name", f"{row.config.parent.name}-{row.name}"))


def numbers(columns: str, rows: Mapping[str, str]) -> Numbers:
    """A table as printed: column names and, by row, numbers between blanks; a dash is an empty cell.

    Raises:
      ValueError: a row has another number of cells than there are columns.

    >>> numbers("car bus mIoU", {"CE": "89.3 - 57.0"})
    {'CE': {'car': 89.3, 'mIoU': 57.0}}
    """
    names = columns.split()
    found = {}
    for row, cells in rows.items():
        printed = zip(names, cells.split(), strict=True)
        found[row] = {name: float(cell) for name, cell in printed if cell != "-"}
    return found


def miou(values: Mapping[str, float]) -> Numbers:
    """A table of one column.

    >>> miou({"CE": 30.0})
    {'CE': {'mIoU': 30.0}}
    """
    return {row: {"mIoU": value} for row, value in values.items()}
