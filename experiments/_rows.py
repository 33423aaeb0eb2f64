"""Rows of a table: experiments that are run seed after seed; what is finished is kept, so the same command goes on."""

import dataclasses
import itertools
import json
import signal
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jaxseg.train import Experiment


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: a config and options, or earlier rows, one or several, scored together or once more with options.

    Attributes:
      name: of the row, and of its folder.
      config: config file; None where `together` says what the row is.
      options: options of the experiment, after the config; with `together` those of the scoring, such as a CRF's.
      after: row whose run of the same seed it starts from.
      together: rows whose runs of the same seed are scored as one; one row alone is scored once more.
      average: what is averaged of these.
    """

    name: str
    config: Path | None = None
    options: tuple[str, ...] = ()
    after: str | None = None
    together: tuple[str, ...] = ()
    average: Literal["logits", "probabilities"] = "logits"


class Interrupted(Exception):
    """A run was told to stop, and has saved its state.

    Attributes:
      status: exit status of the command.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def run_rows(
    rows: Sequence[Row],
    seeds: Sequence[int],
    out: Path,
    fields: Sequence[str],
    program: str,
    table: Sequence[Row] = (),
) -> list[Path]:
    """Trains and scores every row with every seed; what is trained and scored already is left as it is.

    Rows that are others scored together, or once more with options, are scored again. A run that diverges is given up,
    as in a sweep, and so are those that would start from it or be scored with it; the others go on.

    Args:
      rows: the rows; one that starts from another, or is of others, comes after these.
      seeds: the seeds.
      out: folder of the runs, `out/ROW/seedS`.
      fields: options for every experiment.
      program: the command, for help and messages.
      table: all rows of the table where these are some of them, for what an option of all means to each.

    Returns:
      The run folders, row after row, less those given up, of which `given_up_runs` tells.

    Raises:
      Interrupted: a signal came; the same command goes on.
    """
    from jaxseg.train import Diverged
    from jaxseg.train.progress import duration

    began = time.monotonic()
    targets = target_names(table or rows)
    folders: list[Path] = []
    for index, (seed, row) in enumerate(itertools.product(seeds, rows)):
        took = duration(time.monotonic() - began)
        print(f"[{index + 1}/{len(seeds) * len(rows)}] {row.name}, seed {seed}  ({took})", file=sys.stderr)
        needed = {name: out / name / f"seed{seed}" for name in (*row.together, row.after) if name}
        lost = [name for name, path in needed.items() if path not in folders]
        try:
            if lost:
                raise Diverged(f"it needs the run of {lost[0]}, which was given up")
            if row.together:
                folders.append(_score_together(row, seed, out))
            else:
                folders.append(_train_and_score(row, seed, out, fields, targets, program))
        except Diverged as error:
            print(f"{row.name}, seed {seed}: given up: {error}", file=sys.stderr)
    # By rows: the first of a table is what the others are compared with, whatever seeds it lost.
    return [path for row in rows for path in folders if path.parent == out / row.name]


def given_up_runs(rows: Sequence[Row], seeds: Sequence[int], out: Path, folders: Sequence[Path]) -> list[str]:
    """A line for each run of the rows that `run_rows` gave up."""
    from jaxseg.train.given_up import MARK

    lines = []
    for seed, row in itertools.product(seeds, rows):
        place = out / row.name / f"seed{seed}"
        if place not in folders:
            mark = place / MARK
            why = json.loads(mark.read_text())["message"] if mark.is_file() else "what it needs was given up"
            lines.append(f"{row.name}, seed {seed}: no run. {why}")
    return lines


def _train_and_score(
    row: Row, seed: int, out: Path, fields: Sequence[str], targets: Collection[str], program: str
) -> Path:
    from experiments.evaluate import evaluate_run, is_scored
    from jaxseg.train import Diverged, RunFolder, Stopped, load_config, train, with_arguments
    from jaxseg.train.given_up import give_up, given_up

    assert row.config is not None
    folder = RunFolder(out / row.name / f"seed{seed}")
    config = load_config(row.config)
    options = [*row.options, *with_fields(config, fields, targets), "--seed", str(seed)]
    if row.after is not None:
        options += ["--initialize", str(out / row.after / f"seed{seed}")]
    experiment = with_arguments(config, options, program)
    with folder.locked():
        why = given_up(folder, experiment)
        if why is not None:
            raise Diverged(why)
        folder.open(experiment, row.config, options)
        if is_scored(folder, experiment, "test"):
            return folder.path
        try:
            train(experiment, folder)
        except Stopped as stop:
            status = 128 + int(signal.Signals(stop.signal))
            raise Interrupted(f"{stop}; the same command goes on from there", status) from None
        except Diverged as error:
            give_up(folder, experiment, str(error))
            raise
        evaluate_run(folder, "test", quiet=True)
    return folder.path


def target_names(rows: Sequence[Row]) -> set[str]:
    """The names of the data sets that are a target of any row."""
    from jaxseg.train import load_config

    configs = {row.config for row in rows if row.config is not None}
    return {target.name for config in configs if (target := load_config(config).target) is not None}


def with_fields(config: "Experiment", fields: Sequence[str], targets: Collection[str]) -> list[str]:
    """The options given for all rows, as those of one of them.

    An experiment without a target has no use for a target's options. Where its data are what the others call the
    target, as an oracle's are, those are the options of its data, and those of their data are not.

    Args:
      config: the experiment of the row.
      fields: options for all.
      targets: names of the data sets that are a target of any row.
    """
    if config.target is not None:
        return list(fields)
    dropped, swapped = "--target.", config.data.name in targets
    if swapped:
        dropped = "--data."
    kept, skipping = [], False
    for word in fields:
        if word.startswith("--"):
            skipping = word.startswith(dropped)
            word = word.replace("--target.", "--data.", 1) if swapped else word
        if not skipping:
            kept.append(word)
    return kept


def _score_together(row: Row, seed: int, out: Path) -> Path:
    from experiments.evaluate import evaluate_together
    from jaxseg.train import RunFolder

    folders = [RunFolder(out / name / f"seed{seed}") for name in row.together]
    place = out / row.name / f"seed{seed}"
    evaluate_together(folders, "test", row.options, out=place, name=row.name, average=row.average, quiet=True)
    return place


KEPT = (
    "mean_iou",
    "mean_iou_13",
    "mean_iou_16",
    "mean_boundary_iou",
    "pixel_accuracy",
    "accuracy",
    "mean_class_accuracy",
    "iou",
    "boundary_iou",
    "class_accuracy",
    "group_mean_iou",
    "step",
)
"""Figures of a score that a record keeps, beside the calibration error."""


def record(rows: Sequence[Row], folders: Sequence[Path]) -> list[dict[str, Any]]:
    """What the runs found, by row: every seed's figures, also while it trained, how long that took, its commit."""
    found = []
    for row in rows:
        seeds = {}
        for path in (path for path in folders if path.parent.name == row.name):
            seeds[path.name] = {
                "scores": {score["on"]: _kept(score) for score in _scores(path)},
                **_while_training(_lines(path / "metrics.jsonl")),
                "training_seconds": _seconds(_lines(path / "metrics.jsonl")),
                **_commit(path / "config.json"),
            }
        facts = {"config": str(row.config), "options": list(row.options), "starts_from": row.after}
        if row.together:
            facts = {"together": list(row.together), "average": row.average}
            facts |= {"options": list(row.options)} if row.options else {}
        found.append({"row": row.name, **facts, "seeds": seeds})
    return found


def _scores(path: Path) -> list[dict[str, Any]]:
    """The scores of a run, or of runs scored together, that of the target first where its config tells of it."""
    from jaxseg.train import RunFolder

    found = [json.loads(file.read_text()) for file in sorted((path / "evaluations").glob("*.json"))]
    if not (path / "config.json").is_file():
        return found
    config = json.loads((path / "config.json").read_text())
    run = Path(config["ensemble"]["members"][0]["run"]) if "ensemble" in config else path
    order = [f"{name}/test" for name in RunFolder(run).experiment().scored]
    return sorted(found, key=lambda score: order.index(score["on"]) if score["on"] in order else len(order))


def _kept(score: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: _rounded(score[key]) for key in KEPT if key in score}
    error = (score.get("calibration") or {}).get("error")
    return kept if error is None else {**kept, "calibration_error": _rounded(error)}


def _while_training(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The scores of a run on the way, and what each labelling of self-training labelled; only those that there are."""
    scored = [{"on": line["on"], **_kept(line)} for line in lines if line["kind"] == "evaluation"]
    labelled = {
        line["phase"]: {key: _rounded(line[key]) for key in ("share", "thresholds", "predicted", "labelled")}
        for line in lines
        if line["kind"] == "labelling"
    }
    return {name: value for name, value in (("while_training", scored), ("labellings", labelled)) if value}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


def _lines(metrics: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.is_file() else []


def _commit(config: Path) -> dict[str, str]:
    """The commit that a run was begun with, where it is known."""
    known = json.loads(config.read_text()) if config.is_file() else {}
    return {name: said for name, said in known.get("versions", {}).items() if name == "commit"}


def _seconds(lines: Sequence[Mapping[str, Any]]) -> float | None:
    """Wall time of the training loop, that of all processes where it was resumed: the last line's clock."""
    known = [float(line["seconds"]) for line in lines if line.get("kind") == "train" and "seconds" in line]
    return known[-1] if known else None
