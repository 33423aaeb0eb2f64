"""Run folders as plain dataclasses; what a folder lacks becomes a remark, what is no run an `InputError`."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxseg.errors import InputError
from jaxseg.labels import VOID, LabelSpace
from jaxseg.report._tasks import TASKS, Words

Record = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One file of `evaluations/`: the figures of one data split.

    Attributes:
      name: stem of the file, also the name of the folder under `pictures/`.
      on: what was evaluated, such as `streets-real/test`.
      step: training step of the checkpoint, or None.
      images: number of images, or None.
      protocol: how the figures were measured, in words.
      labels: the label space.
      mean_iou: mean over the classes that occur, 0..1, or None.
      pixel_accuracy: 0..1, or None.
      iou: class name to IoU, None for an absent class.
      group_mean_iou: importance group to the mean IoU of its classes.
      task: `segmentation`; or `classification`, which has the following figures and none of those above.
      accuracy: share of images that are right, 0..1, or None.
      mean_class_accuracy: 0..1, or None.
      class_accuracy: class name to the share of its images that are right, None for an absent class.
    """

    name: str
    on: str
    step: int | None
    images: int | None
    protocol: str
    labels: LabelSpace
    mean_iou: float | None
    pixel_accuracy: float | None
    iou: Mapping[str, float | None]
    group_mean_iou: Mapping[str, float | None]
    task: str = "segmentation"
    accuracy: float | None = None
    mean_class_accuracy: float | None = None
    class_accuracy: Mapping[str, float | None] = dataclasses.field(default_factory=dict)

    @property
    def words(self) -> Words:
        """What its figures are called."""
        return TASKS[self.task]

    @property
    def main(self) -> float | None:
        """The figure to compare by: mean IoU, or accuracy."""
        return self.accuracy if self.task == "classification" else self.mean_iou

    @property
    def of_classes(self) -> Mapping[str, float | None]:
        """The figure of each class: IoU, or accuracy."""
        return self.class_accuracy if self.task == "classification" else self.iou


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The three files of one evaluated picture; any may be missing."""

    image: Path | None
    truth: Path | None
    prediction: Path | None


@dataclasses.dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
      path: the folder.
      name: name of the experiment; runs of one name that differ in seed are its repetitions.
      seed: the seed, or None where the config has none.
      config_file: path of the config file, "" where unknown.
      arguments: what followed it on the command line.
      config: the resolved config, nested.
      versions: package to version.
      labels: the label space, or None where the config has none.
      train: training records of `metrics.jsonl` by rising step; steps repeated after a resume are there once.
      progress: evaluation records of `metrics.jsonl`, likewise.
      evaluations: name to figures.
      pictures: evaluation name to picture id to files.
      remarks: what is missing or damaged, in words.
    """

    path: Path
    name: str
    seed: int | None
    config_file: str
    arguments: tuple[str, ...]
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    labels: LabelSpace | None
    train: tuple[Record, ...]
    progress: tuple[Record, ...]
    evaluations: Mapping[str, Evaluation]
    pictures: Mapping[str, Mapping[str, Pictures]]
    remarks: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The runs of one name, by seed."""

    name: str
    runs: tuple[Run, ...]

    @property
    def seeds(self) -> tuple[int | None, ...]:
        """The seed of each run."""
        return tuple(run.seed for run in self.runs)


def read_run(path: Path | str) -> Run:
    """Reads a run folder.

    Args:
      path: the folder.

    Returns:
      The run; what is missing or damaged is told in its `remarks`.

    Raises:
      InputError: the folder does not exist, is no run folder, or its `config.json` is damaged.
    """
    path = Path(path)
    config = _config(path)
    remarks: list[str] = []
    labels = _labels(config.get("labels"), "config.json", remarks)
    train, progress = _metrics(path / "metrics.jsonl", remarks)
    seed = config.get("seed")
    return Run(
        path=path,
        name=str(config.get("name") or path.resolve().name),
        seed=seed if isinstance(seed, int) else None,
        config_file=str(config.get("config") or ""),
        arguments=tuple(str(word) for word in _list(config.get("arguments"))),
        config=_dict(config.get("resolved")),
        versions={str(key): str(value) for key, value in _dict(config.get("versions")).items()},
        labels=labels,
        train=train,
        progress=progress,
        evaluations=_evaluations(path / "evaluations", labels, remarks),
        pictures=_pictures(path / "pictures"),
        remarks=tuple(remarks),
    )


def read_runs(paths: Iterable[Path | str]) -> tuple[Run, ...]:
    """Reads run folders; a folder given twice is read once.

    Raises:
      InputError: one of them is no run, or none is given.
    """
    unique = {Path(path).resolve(): Path(path) for path in reversed(list(paths))}
    if not unique:
        raise InputError("no run folder is given; give at least one")
    return tuple(read_run(path) for path in reversed(unique.values()))


def group(runs: Sequence[Run]) -> tuple[tuple[Experiment, ...], tuple[str, ...]]:
    """Runs by experiment name, in order of first appearance, each experiment's runs by seed.

    A seed counts once: of two runs with one name and one seed the later is kept, for both would narrow the
    interval without telling anything new.

    Returns:
      The experiments, and remarks on runs that were left out.
    """
    members: dict[str, dict[int | None, Run]] = {}
    remarks = []
    for run in runs:
        seeds = members.setdefault(run.name, {})
        if run.seed in seeds:
            remarks.append(
                f"{seeds[run.seed].path} is left out: {run.path} is also {run.name} with seed {run.seed}."
            )
        seeds[run.seed] = run
    experiments = tuple(
        Experiment(name, tuple(sorted(seeds.values(), key=lambda run: (run.seed is None, run.seed or 0))))
        for name, seeds in members.items()
    )
    return experiments, tuple(remarks)


def number(value: object) -> float | None:
    """A finite number, or None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _config(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise InputError(f"{path}: there is no such folder; give the folder of a run")
    file = path / "config.json"
    if not file.is_file():
        inside = sorted(entry.parent.name for entry in path.glob("*/config.json")) if path.is_dir() else []
        hint = f"give the runs inside it: {', '.join(inside[:6])}" if inside else "give the folder of a run"
        raise InputError(f"{path}: this is no run folder, it has no config.json; {hint}")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: cannot be read as JSON ({error}); restore it or leave this run out"
        ) from error
    if not isinstance(config, dict):
        raise InputError(f"{file}: holds no JSON object; this is no config of a run")
    return config


def _labels(facts: object, where: str, remarks: list[str]) -> LabelSpace | None:
    if not isinstance(facts, dict):
        remarks.append(f"{where} names no labels.")
        return None
    try:
        names = tuple(str(name) for name in facts["names"])
        palette = tuple((int(red), int(green), int(blue)) for red, green, blue in facts["palette"])
        ids = {**{index: index for index in range(len(names))}, VOID: VOID}
        groups = None if facts.get("groups") is None else tuple(facts["groups"])
        return LabelSpace(
            name=str(facts.get("name", "")), names=names, palette=palette, ids=ids, groups=groups
        )
    except (KeyError, TypeError, ValueError) as error:
        remarks.append(f"The labels in {where} cannot be used ({type(error).__name__}: {error}).")
        return None


def _metrics(file: Path, remarks: list[str]) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        remarks.append("metrics.jsonl is missing: no training curves.")
        return (), ()
    except OSError as error:
        remarks.append(f"metrics.jsonl cannot be read ({error.strerror}): no training curves.")
        return (), ()
    kept: dict[tuple[str, str], list[Record]] = {}
    damaged = []
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            earlier = kept.setdefault((record["kind"], str(record.get("on"))), [])
            # A resumed run goes back to its last checkpoint; what it logs then replaces what it had logged.
            while earlier and earlier[-1]["step"] >= record["step"]:
                earlier.pop()
            if number(record["step"]) is None:
                raise ValueError("step is no number")
            earlier.append(record)
        except (AttributeError, KeyError, TypeError, ValueError):
            damaged.append(place)
    train = tuple(record for (kind, _), records in kept.items() if kind == "train" for record in records)
    progress = tuple(
        record for (kind, _), records in kept.items() if kind == "evaluation" for record in records
    )
    if damaged:
        where = f"line {damaged[0]}" if len(damaged) == 1 else f"{len(damaged)} lines (first: {damaged[0]})"
        last = damaged == [len(lines)]
        remarks.append(f"metrics.jsonl: {where} {'is cut off' if last else 'cannot be read'} and left out.")
    if not train:
        remarks.append("metrics.jsonl holds no training steps.")
    return train, progress


def _evaluations(folder: Path, fallback: LabelSpace | None, remarks: list[str]) -> dict[str, Evaluation]:
    found: dict[str, Evaluation] = {}
    for file in sorted(folder.glob("*.json")):
        where = f"evaluations/{file.name}"
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            remarks.append(f"{where} cannot be read ({type(error).__name__}) and is left out.")
            continue
        if not isinstance(facts, dict):
            remarks.append(f"{where} holds no JSON object and is left out.")
            continue
        labels = _labels(facts["labels"], where, remarks) if facts.get("labels") else fallback
        if labels is None:
            remarks.append(f"{where} is left out: its labels are not known.")
            continue
        found[file.stem] = Evaluation(
            name=file.stem,
            on=str(facts.get("on") or file.stem),
            step=_whole(facts.get("step")),
            images=_whole(facts.get("images")),
            protocol=str(facts.get("protocol") or ""),
            labels=labels,
            mean_iou=number(facts.get("mean_iou")),
            pixel_accuracy=number(facts.get("pixel_accuracy")),
            iou=_numbers(facts.get("iou")),
            group_mean_iou=_numbers(facts.get("group_mean_iou")),
            task="classification" if facts.get("task") == "classification" else "segmentation",
            accuracy=number(facts.get("accuracy")),
            mean_class_accuracy=number(facts.get("mean_class_accuracy")),
            class_accuracy=_numbers(facts.get("class_accuracy")),
        )
    if not found:
        remarks.append("No evaluations yet.")
    return found


def _pictures(folder: Path) -> dict[str, dict[str, Pictures]]:
    found: dict[str, dict[str, Pictures]] = {}
    for place in sorted(entry for entry in folder.glob("*") if entry.is_dir()):
        files: dict[str, dict[str, Path]] = {}
        for file in sorted(place.glob("*.png")):
            identity, _, kind = file.stem.rpartition(".")
            if identity and kind in ("image", "truth", "prediction"):
                files.setdefault(identity, {})[kind] = file
        if files:
            found[place.name] = {
                identity: Pictures(kinds.get("image"), kinds.get("truth"), kinds.get("prediction"))
                for identity, kinds in files.items()
            }
    return found


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _numbers(value: object) -> dict[str, float | None]:
    return {str(key): number(inner) for key, inner in _dict(value).items()}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
