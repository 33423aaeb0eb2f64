"""The demonstration: train on drawn streets, adapt to another look of them without labels, show what was gained.

For every seed: source-only training; then, from those parameters, a control in which only the batch statistics see the
target, maximum squares, and its image-wise weighted form; and an oracle that saw the target's labels. All are scored on
the same test images of the target domain, at the last step. The table and `runs/demo/report.html` give mean and 95%
interval over the seeds. Run again, it goes on where it was.
"""

import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments._command import parse, run
from experiments._rows import Interrupted, Row, given_up_runs, run_rows
from jaxseg.errors import InputError

CONFIGS = ("source", "batch_statistics", "max_squares", "max_squares_iw", "oracle")
ROWS = tuple(
    Row(
        name, Path("configs/streets") / f"{name}.py", after=None if name in ("source", "oracle") else "source"
    )
    for name in CONFIGS
)


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Train, adapt and compare on procedural street scenes."""

    seeds: int = 3
    """Runs of each experiment."""
    out: Path = Path("runs/demo")
    """Folder of the runs and the report."""


def main(arguments: Sequence[str]) -> int:
    """Runs the demonstration; returns the exit status."""
    own, fields = parse(Arguments, arguments, "experiments.demo")
    if own.seeds < 1:
        raise InputError(f"seeds: {own.seeds}; at least 1, and 2 or more for an interval")

    from jaxseg import report
    from jaxseg.train.progress import duration

    began = time.monotonic()
    try:
        folders = run_rows(ROWS, range(own.seeds), own.out, fields, "python -m experiments.demo")
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return stop.status
    print(report.summary_table(folders), *given_up_runs(ROWS, range(own.seeds), own.out, folders), sep="\n")
    page = report.write(
        folders, own.out / "report.html", title="jaxseg demo: adapting to another look of the street"
    )
    save_pictures(folders, own.out / "pictures.png")
    print(f"\nreport: {page}   ({duration(time.monotonic() - began)} in all)")
    return 0


def save_pictures(folders: Sequence[Path], file: Path) -> None:
    """Draws test images of the target, the truth, and what the runs of seed 0 say, as far as they were not given up."""
    from PIL import Image

    from jaxseg import report
    from jaxseg.labels import CITYSCAPES
    from jaxseg.train import RunFolder

    runs = [folder for folder in folders if folder.name == "seed0"]
    if not runs:
        return
    target = next(iter(RunFolder(runs[0]).experiment().scored))
    first, *others = (folder / "pictures" / f"{target}-test" for folder in runs)
    rows = []
    for image in sorted(first.glob("*.image.png"))[:4]:
        name = image.name.removesuffix(".image.png")
        files = [
            first / f"{name}.truth.png",
            *(place / f"{name}.prediction.png" for place in (first, *others)),
        ]
        maps = [CITYSCAPES.colorize(report.load_label_map(path)) for path in files]
        rows.append([np.asarray(Image.open(image).convert("RGB")), *maps])
    titles = ["target image", "truth", *(folder.parent.name.replace("_", " ") for folder in runs)]
    Image.fromarray(report.contact_sheet(rows, titles, space=CITYSCAPES)).save(file)


if __name__ == "__main__":
    run(main)
