"""What a MetaPix run has learned: `python -m experiments.weight_maps RUN --images 0 5 9`.

Writes into RUN's `pictures/` (or `--out`): `weights.png`, a sheet of source images, their labels and weight maps,
bright where high (the paper's Fig. 3), and where noise was planted that, too; `weights.svg`, a histogram of the weights
of each class; and, if the run logged them (`--class-weights`), `weights_over_training.svg`, the mean weight of every
class in the course of training.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from PIL import Image

from experiments._command import parse_all, run
from jaxseg.errors import InputError


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Draw source images beside the weights of their pixels."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run folder that training with MetaPix wrote."""
    images: tuple[int, ...] = (0, 1, 2, 3)
    """Places of source images in the split, for the sheet."""
    count: int = 64
    """Images, from the first on, whose pixels the histograms count."""
    split: str = "train"
    """Split of the source data."""
    range: tuple[float, float] = (0.0, 1.0)
    """Weights that are black and white."""
    out: Path | None = None
    """Folder for the pictures; by default the run's `pictures`."""


def main(arguments: Sequence[str]) -> int:
    """Draws; returns the exit status."""
    own = parse_all(Arguments, arguments, "experiments.weight_maps")
    if not own.images or own.count < 1:
        raise InputError("images, count: name at least one image, and count at least one")

    from experiments._weights import SourceWeights
    from jaxseg import report
    from jaxseg.report._files import write_whole
    from jaxseg.report._svg import standalone

    learned = SourceWeights(own.run)
    space = learned.experiment.data.labels
    out = own.out or own.run / "pictures"
    out.mkdir(parents=True, exist_ok=True)

    rows = []
    for example, weights in learned.of(own.images, own.split):
        row = [example["image"], report.overlay(example["image"], example["label"], space, alpha=1.0)]
        row.append(report.weight_map(weights, *own.range))
        if "planted" in example:
            row.append(report.weight_map(example["planted"].astype(np.float64)))
        rows.append(row)
    titles = ["image", "label", f"weight, {own.range[0]:.2g} to {own.range[1]:.2g}", "planted"][
        : len(rows[0])
    ]
    Image.fromarray(report.contact_sheet(rows, titles, space=space)).save(out / "weights.png")

    counts = np.zeros((space.classes, 20), np.int64)
    size = len(learned.experiment.data.source(own.split))
    for example, weights in learned.of(range(min(own.count, size)), own.split):
        counts += report.weight_counts(weights, example["label"], space.classes)
    write_whole(out / "weights.svg", standalone(report.weight_histograms(counts, space, prefix="weights")))
    print(f"weights of step {learned.step}: {out}/weights.png, weights.svg")

    lines = means(own.run / "metrics.jsonl")
    if lines:
        write_whole(
            out / "weights_over_training.svg",
            standalone(report.weight_courses(lines, space, prefix="course")),
        )
        print(f"over training: {out}/weights_over_training.svg")
    return 0


def means(file: Path) -> dict[int, list[tuple[int, float]]]:
    """Step and mean weight, by class, of every logged step that had pixels of it; empty where none was logged."""
    found: dict[int, list[tuple[int, float]]] = {}
    if not file.is_file():
        return found
    for text in file.read_text().splitlines():
        try:
            line: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError:  # the last line of a run that was killed while it wrote
            continue
        for name, mean in line.get("class_weights", {}).items():
            if line["class_shares"][name] > 0:
                found.setdefault(int(name), []).append((int(line["step"]), float(mean)))
    return found


if __name__ == "__main__":
    run(main)
