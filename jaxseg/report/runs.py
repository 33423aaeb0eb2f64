"""Run folders as plain dataclasses; what a folder lacks becomes a remark, what is no run an `InputError`."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace
from jaxseg.report._evaluations import Evaluation, as_dict, as_list, labels_of, number, read_evaluations

Record = Mapping[str, Any]


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
      ensemble: where the folder is that of several runs scored together: `average`, what of them was averaged, and
        `members`, one `run`, `name`, `seed` and `step` each. Empty for a run.
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
    ensemble: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def adapts(self) -> bool:
        """Whether it has a target beside its source."""
        return bool(as_dict(self.config.get("target")))


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
    labels = labels_of(config.get("labels"), "config.json", remarks)
    ensemble = as_dict(config.get("ensemble"))
    train, progress = ((), ()) if ensemble else _metrics(path / "metrics.jsonl", remarks)
    seed = config.get("seed")
    return Run(
        path=path,
        name=str(config.get("name") or path.resolve().name),
        seed=seed if isinstance(seed, int) else None,
        config_file=str(config.get("config") or ""),
        arguments=tuple(str(word) for word in as_list(config.get("arguments"))),
        config=as_dict(config.get("resolved")),
        versions={str(key): str(value) for key, value in as_dict(config.get("versions")).items()},
        labels=labels,
        train=train,
        progress=progress,
        evaluations=read_evaluations(path / "evaluations", labels, remarks),
        pictures=_pictures(path / "pictures"),
        remarks=tuple(remarks),
        ensemble=ensemble,
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
