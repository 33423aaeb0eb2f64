"""The table that no paper has: every loss of the five under one network, one schedule and one budget."""

from pathlib import Path

from experiments._rows import Row
from experiments.reproduce.items.item import NOTHING, Item, named

FOLDER = Path("configs/grand")
NAMES = (
    "ce",
    "bce",
    "focal",
    "ial",
    "linear",
    "square",
    "huber",
    "conservative",
    "loss1",
    "loss2",
    "loss3",
    "switched",
    "entropy",
    "max_squares",
    "max_squares_iw",
    "affinity",
    "ssim",
    "ssl",
    "rmi",
)
"""Those of `objectives` in configs/grand/common.py."""


def _rows(config: str) -> tuple[Row, ...]:
    return tuple(
        named(Row(name, FOLDER / f"{config}.py", ("--objective.labels.chosen", name))) for name in NAMES
    )


NOTES = (
    "No paper has this table. All train `compact` from random weights with the steps and the rate of cross "
    "entropy, which no loss was given the chance to change. Compositions are configs/grand/streets_composed.py. "
    "MetaPix has no loss of its own: it weighs that of others. The calibration error is that of the softmax, which "
    "the rows with sigmoid losses (bce, ssim, ssl, rmi) do not train as such."
)

ITEMS = (
    Item(
        name="grand.streets",
        title="Every loss of the five papers on labelled real streets: mIoU, group 4, boundary IoU, calibration",
        rows=_rows("streets"),
        data=NOTHING,
        seeds=3,
        cost="an hour on 2 CPU cores beside other work (57 runs of 300 steps)",
        notes=NOTES,
        against=("ce",),
    ),
    Item(
        name="grand.camvid",
        title="Every loss of the five papers on CamVid: mIoU, group 4, boundary IoU, calibration",
        rows=_rows("camvid"),
        data="CamVid, --data.dir CAMVID",
        seeds=3,
        cost="two hours on 2 CPU cores beside other work (57 runs of 400 steps)",
        notes=NOTES,
        against=("ce",),
    ),
)
