"""Score a run: `python -m experiments.evaluate RUN [--split test]`.

Scores the last checkpoint on every data set of the experiment (the target first), prints the figures, writes
`evaluations/*.json` and pictures into the run folder, and renews its report.
"""

import dataclasses
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from PIL import Image

from experiments._command import parse, run

if TYPE_CHECKING:
    from jaxseg.train import RunFolder, Score


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Score a run's last checkpoint.

    Options of the experiment may follow, such as --data.dir where the data set has moved, or --evaluation.flip True.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """Run folder that training wrote."""
    split: Literal["train", "val", "test"] = "test"
    """Which split to score."""
    pictures: int = 6
    """How many pictures to keep for the report, evenly spread over the split."""


def main(arguments: Sequence[str]) -> int:
    """Scores; returns the exit status."""
    own, fields = parse(Arguments, arguments, "experiments.evaluate")
    from jaxseg.train import RunFolder

    evaluate_run(RunFolder(own.run), own.split, fields, pictures=own.pictures)
    return 0


def evaluate_run(
    folder: "RunFolder", split: str, fields: Sequence[str] = (), *, pictures: int = 6, quiet: bool = False
) -> dict[str, "Score"]:
    """Scores a run on one split of each of its data sets, and writes what was found into its folder."""
    from jaxseg import report
    from jaxseg.train import evaluate, variables_of
    from jaxseg.train.run import write_json

    experiment = folder.experiment(fields)
    step, variables = variables_of(folder)
    found = {}
    for name, data_set in experiment.scored.items():
        if not data_set.has(split):
            print(f"{name} has no {split} split: not scored", file=sys.stderr)
            continue
        count = len(data_set.source(split))
        keep = {round(index * (count - 1) / max(pictures - 1, 1)) for index in range(min(pictures, count))}
        domain = experiment.domain_of(data_set)
        score = evaluate(
            experiment.method.network, variables, data_set, split, experiment.evaluation, keep, domain
        )
        score = dataclasses.replace(score, on=f"{name}/{split}")
        found[name] = score
        shown = f"{name}-{split}"
        write_json(folder.evaluations / f"{shown}.json", score.record(step))
        for picture in score.pictures:
            place = folder.pictures / shown
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture.image).save(place / f"{picture.name}.image.png")
            report.save_label_map(place / f"{picture.name}.truth.png", picture.truth, score.space)
            report.save_label_map(place / f"{picture.name}.prediction.png", picture.prediction, score.space)
        if not quiet:
            print(table(score, step))
    report.write([folder.path], folder.report)
    if not quiet:
        print(f"report: {folder.report}")
    return found


def table(score: "Score", step: int) -> str:
    """The figures of one evaluation as text."""
    record = score.record(step)
    titles = [name.replace("mean_iou", "mIoU").replace("_", " ") for name in score.figures]
    width = max(len(name) for name in (*score.of_classes, titles[0]))
    lines = [f"{score.on}: {score.images} images, step {step}; {record['protocol']}"]
    for name, value in score.of_classes.items():
        lines.append(f"  {name:<{width}}  {'absent' if value is None else f'{100 * value:6.2f}'}")
    for group, value in record.get("group_mean_iou", {}).items():
        if not math.isnan(value):
            lines.append(f"  {f'group {group}':<{width}}  {100 * value:6.2f}")
    main, second = score.figures.values()
    lines.append(f"  {titles[0]:<{width}}  {100 * main:6.2f}   {titles[1]} {100 * second:.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
