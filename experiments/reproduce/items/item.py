"""What a table is: its rows at small scale, the recipes at the paper's scale, and what the paper found."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from experiments._rows import Row

STREETS, DUSK, DIGITS = Path("configs/streets"), Path("configs/dusk"), Path("configs/digits")
CAMVID = "CamVid, --data.dir CAMVID --target.dir CAMVID"
NOTHING = "procedural streets, nothing to download"


@dataclasses.dataclass(frozen=True)
class Item:
    """One table.

    Attributes:
      name: `PAPER.ITEM`.
      title: what it shows.
      rows: at small scale.
      data: what the small scale reads, in words.
      seeds: how many it is run with by default.
      cost: of the small scale, in words.
      recipes: config files of the papers' scale.
      paper: the paper's figures, percent, by its own row names.
      notes: what must be known to compare the two.
      runs: folder of its runs, where tables share rows; its own name by default.
      against: rows with which the others are compared class by class, to show who gains and who pays.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    data: str
    seeds: int
    cost: str
    recipes: tuple[Path, ...] = ()
    paper: Mapping[str, float] = dataclasses.field(default_factory=dict)
    notes: str = ""
    runs: str = ""
    against: tuple[str, ...] = ()
