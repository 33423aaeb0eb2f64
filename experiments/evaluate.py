"""Score a run: `python -m experiments.evaluate RUN [--split test]`; or several together, `RUN --with RUN2 [RUN3 ...]`.

Scores the last checkpoint on every data set of the experiment (the target first), prints the figures, writes
`evaluations/*.json` and pictures into the run folder, and renews its report.

With `--with`, the mean of the runs' logits is scored, or of their probabilities, as the first run's experiment says.
What is found goes into a folder of its own, `runs/NAMES/seed<SEED>` unless `--out` names another, which tables and
reports take like a run's. The runs' own scores stay as they are. So they do where one run is scored under another
protocol and given a `--name`: `RUN --name ce-crf-5 --evaluation.crf.iterations 5`.
"""

import dataclasses
import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from PIL import Image

from experiments import _ensemble
from experiments._command import parse, run
from experiments.prepare import spread
from jaxseg.errors import InputError

if TYPE_CHECKING:
    from jaxseg.methods import Method
    from jaxseg.train import Experiment, RunFolder, Score
    from jaxseg.train._scores import Average


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Score a run's last checkpoint, or the mean of several runs.

    Options of the experiment may follow, such as --data.dir where the data set has moved, --evaluation.flip, or
    --evaluation.crf.iterations 5.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """Run folder that training wrote."""
    split: Literal["train", "val", "test"] = "test"
    """Which split to score."""
    pictures: int = 6
    """How many pictures to keep for the report, evenly spread over the split."""
    others: Annotated[tuple[Path, ...], tyro.conf.arg(name="with")] = ()
    """More run folders: the mean of all of them is scored."""
    average: Literal["logits", "probabilities"] | None = None
    """What --with averages: logits (the default), or probabilities at each network's own resolution."""
    out: Path | None = None
    """Folder of what --with or --name finds; runs/NAMES/seed<SEED> by default."""
    name: str | None = None
    """Name in tables of what --with scores, by default the names of the runs, as in advent+min-ent; or of one run
    that is scored apart from its own scores."""


def main(arguments: Sequence[str]) -> int:
    """Scores; returns the exit status."""
    own, fields = parse(Arguments, arguments, "experiments.evaluate")
    from jaxseg.train import RunFolder

    if own.others or (own.name is not None and own.average is None):
        evaluate_together(
            [RunFolder(path) for path in (own.run, *own.others)],
            own.split,
            fields,
            out=own.out,
            name=own.name,
            average=own.average or "logits",
            pictures=own.pictures,
        )
        return 0
    for option in ("average", "out", "name"):
        if getattr(own, option) is not None:
            raise InputError(
                f"{option}: it is about several runs; give --with and more run folders too"
                + ("" if option == "average" else ", or --name to score one apart")
            )
    evaluate_run(RunFolder(own.run), own.split, fields, pictures=own.pictures)
    return 0


def evaluate_run(
    folder: "RunFolder", split: str, fields: Sequence[str] = (), *, pictures: int = 6, quiet: bool = False
) -> dict[str, "Score"]:
    """Scores a run on one split of each of its data sets, and writes what was found into its folder."""
    from jaxseg.train import variables_of

    if "ensemble" in folder.record():
        raise InputError(
            f"run: {folder.path} is an ensemble; give the first of its runs, and --with the others"
        )
    experiment = _scored_as(folder, fields)
    step, variables = variables_of(folder)
    networks = [(experiment.method, variables)]
    return _scored(folder, experiment, networks, split, step=step, pictures=pictures, quiet=quiet)


def _scored_as(folder: "RunFolder", fields: Sequence[str]) -> "Experiment":
    """The experiment of a run, with options that say what it is scored on, and how."""
    from jaxseg.train.experiment import deciding, differences, resolved

    experiment = folder.experiment(fields)
    changed = deciding(differences(folder.record()["resolved"], resolved(experiment)))
    for line in changed:
        if line.split(".")[0].split(":")[0] not in ("data", "target", "evaluation"):
            raise InputError(
                f"options: {line} would change nothing of a run that is trained; only data, target and evaluation can "
                "be given for scoring"
            )
    folder.check_classes(experiment)
    return experiment


def is_scored(folder: "RunFolder", experiment: "Experiment", split: str) -> bool:
    """Whether a run has been scored after its last step, on all that it is scored on, and as its experiment says."""
    last, how = experiment.method.total_steps, experiment.evaluation
    wanted = {
        (f"{name}/{split}", last, how.described(data.task, data.label_size, data.label_canvas))
        for name, data in experiment.scored.items()
        if data.has(split)
    }
    found = [json.loads(path.read_text()) for path in folder.evaluations.glob(f"*-{split}.json")]
    return wanted <= {(record["on"], record["step"], record["protocol"]) for record in found}


def evaluate_together(
    folders: Sequence["RunFolder"],
    split: str,
    fields: Sequence[str] = (),
    *,
    out: Path | None = None,
    name: str | None = None,
    average: "Average" = "logits",
    pictures: int = 6,
    quiet: bool = False,
) -> dict[str, "Score"]:
    """Scores the mean of several runs on one split of each data set of the first, into a folder of the ensemble's own.

    Args:
      folders: of the runs; of one, to score it apart from its own scores.
      split: `"train"`, `"val"` or `"test"`.
      fields: options for the experiment of every run.
      out: the folder of the ensemble; None makes it of the runs' names and seeds.
      name: of the ensemble in tables; None makes it of the runs' names.
      average: what is averaged, `"logits"` or `"probabilities"`.
      pictures: how many to keep.
      quiet: print nothing.

    Raises:
      InputError: the runs do not go together, or there is something else in the folder.
    """
    from jaxseg.train import RunFolder, variables_of
    from jaxseg.train.versions import versions

    records = _ensemble.check_members(folders)
    experiments = [_scored_as(folder, fields) for folder in folders]
    found = [variables_of(folder) for folder in folders]
    name = name or _ensemble.name_of(records)
    members = [
        {"run": str(folder.path), "name": record["name"], "seed": record["seed"], "step": step}
        for folder, record, (step, _) in zip(folders, records, found, strict=True)
    ]
    facts = {"average": average, "members": members}
    record = {
        "name": name,
        "seed": _ensemble.seed_of(records),
        "ensemble": facts,
        "versions": versions(),
        "labels": records[0]["labels"],
    }
    place = _ensemble.opened(RunFolder(out or _ensemble.place_of(records, name)), record)
    networks = [(e.method, variables) for e, (_, variables) in zip(experiments, found, strict=True)]
    steps = {step for step, _ in found}
    return _scored(
        place,
        experiments[0],
        networks,
        split,
        step=steps.pop() if len(steps) == 1 else None,
        pictures=pictures,
        quiet=quiet,
        average=average,
        more={"ensemble": facts},
    )


def _scored(
    folder: "RunFolder",
    experiment: "Experiment",
    networks: Sequence[tuple["Method", Mapping[str, Any]]],
    split: str,
    *,
    step: int | None,
    pictures: int,
    quiet: bool,
    average: "Average" = "logits",
    more: Mapping[str, Any] | None = None,
) -> dict[str, "Score"]:
    """Scores methods' networks together on the data of an experiment, and writes what was found into a folder.

    A network sees a data set as the domain that it is in `experiment`, if its own method tells domains apart.
    """
    import jax

    from jaxseg import report
    from jaxseg.train import Member, evaluate_ensemble
    from jaxseg.train.run import write_json

    found = {}
    for name, data_set in experiment.scored.items():
        if not data_set.has(split):
            print(f"{name} has no {split} split: not scored", file=sys.stderr)
            continue
        count = len(data_set.source(split))
        keep = set(spread(count, pictures))
        members = [
            Member(
                method.network, variables, dataclasses.replace(experiment, method=method).domain_of(data_set)
            )
            for method, variables in networks
        ]
        score = evaluate_ensemble(
            members, data_set, split, experiment.evaluation, average, keep, experiment.threads
        )
        score = dataclasses.replace(score, on=f"{name}/{split}", space=experiment.space_of(data_set))
        found[name] = score
        if jax.process_index() != 0:
            continue
        shown = f"{name}-{split}"
        write_json(folder.evaluations / f"{shown}.json", {**score.record(step), **(more or {})})
        place = folder.pictures / shown
        shutil.rmtree(place, ignore_errors=True)  # of what was scored before
        for picture in score.pictures:
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture.image).save(place / f"{picture.name}.image.png")
            report.save_label_map(place / f"{picture.name}.truth.png", picture.truth, score.space)
            report.save_label_map(place / f"{picture.name}.prediction.png", picture.prediction, score.space)
        if not quiet:
            print(table(score, step))
    if jax.process_index() != 0:
        return found
    report.write([folder.path], folder.report)
    if not quiet:
        print(f"report: {folder.report}")
    return found


def table(score: "Score", step: int | None) -> str:
    """The figures of one evaluation as text."""
    record = score.record(step)
    titles = [title(name) for name in score.figures]
    width = max(len(name) for name in (*score.of_classes, titles[0]))
    at = "steps that differ" if step is None else f"step {step}"
    lines = [f"{score.on}: {score.images} images, {at}; {record['protocol']}"]
    for name, value in score.of_classes.items():
        lines.append(f"  {name:<{width}}  {'absent' if value is None else f'{100 * value:6.2f}'}")
    for group, value in record.get("group_mean_iou", {}).items():
        if not math.isnan(value):
            lines.append(f"  {f'group {group}':<{width}}  {100 * value:6.2f}")
    main, *others = score.figures.values()
    more = "".join(f"   {t} {100 * value:.2f}" for t, value in zip(titles[1:], others, strict=True))
    lines.append(f"  {titles[0]:<{width}}  {100 * main:6.2f}{more}")
    if score.calibration is not None:
        sure, error = 100 * score.calibration.mean, 100 * score.calibration.error
        lines.append(f"  mean probability {sure:.2f}   calibration error {error:.2f}")
    if score.boundary is not None and not math.isnan(score.boundary.mean):
        lines.append(f"  boundary IoU {100 * score.boundary.mean:.2f}")
    return "\n".join(lines)


def title(name: str) -> str:
    """The title of a figure, from its name in records.

    >>> title("mean_iou"), title("mean_iou_13"), title("mean_class_accuracy")
    ('mIoU', 'mIoU (13)', 'mean class accuracy')
    """
    main, _, subset = name.partition("mean_iou")
    if main:
        return name.replace("_", " ")
    return f"mIoU ({subset.removeprefix('_')})" if subset else "mIoU"


if __name__ == "__main__":
    run(main)
