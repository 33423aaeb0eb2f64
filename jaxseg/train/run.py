"""A run folder.

config.py        the config file as it was when the run began
config.json      its arguments, every resolved field, versions, the label space
images.json      how many images of each data set it is trained on, and which
metrics.jsonl    one line a logged step or evaluation
checkpoints/     Orbax
pseudo_labels/   of self-training, one folder a round
evaluations/     one JSON a scored data set
pictures/        of scored images, one folder a data set; and what a method drew, one file a step
report.html
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace
from jaxseg.train._lock import locked
from jaxseg.train.arguments import load_config, with_arguments
from jaxseg.train.checkpoint import complete_steps
from jaxseg.train.experiment import Experiment, deciding, differences, first_difference, resolved
from jaxseg.train.versions import versions


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that a reader finds the old file or the new one, never half of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all; what was there stays until the new one is complete."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; what was there stays until the new one is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


class RunFolder:
    """The folder of one run.

    Attributes:
      trackers: are given every line of the metrics too, see `jaxseg.train.trackers`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.images = path / "images.json"
        self.metrics = path / "metrics.jsonl"
        self.checkpoints = path / "checkpoints"
        self.pseudo_labels = path / "pseudo_labels"
        self.evaluations = path / "evaluations"
        self.pictures = path / "pictures"
        self.report = path / "report.html"
        self.trackers: list[Callable[[Mapping[str, Any]], None]] = []
        self._locked = False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps every other trainer out of the folder while open, and may be opened again inside; makes the folder.

        The system gives the lock back when the process ends, however it ends. Of the processes of one run, the first
        holds it.

        Raises:
          InputError: another run of this folder is going on.
        """
        if self._locked or jax.process_index() != 0:
            yield
            return
        with locked(self.path / ".lock"):
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    def open(self, experiment: Experiment, source: Path, arguments: Sequence[str]) -> None:
        """Creates the folder, or checks that the run in it is this experiment. A run without a checkpoint is replaced.

        Of several processes, the first does so.

        Raises:
          InputError: it holds a run of another config, and the fields that differ are named; or checkpoints and no
            config.
        """
        if jax.process_index() != 0:
            return
        fields = resolved(experiment)
        if complete_steps(self.checkpoints):
            if not self.config.is_file():
                raise InputError(
                    f"resume: {self.path} holds checkpoints and no {self.config.name}, so that nothing tells what was "
                    "trained; put that file back, take another folder, or delete this one to start again"
                )
            changed = deciding(differences(self.record()["resolved"], fields))
            if changed:
                raise InputError(
                    f"resume: {self.path} was started with another config ({'; '.join(changed[:5])}"
                    f"{f'; and {len(changed) - 5} more' if len(changed) > 5 else ''}); "
                    "take another folder (--run, or --out of a sweep or table), or delete this one to start again"
                )
            self.check_classes(experiment)
            return
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / "config.py", source.read_text())
        record = {
            "name": experiment.name,
            "seed": experiment.seed,
            "config": str(source),
            "arguments": list(arguments),
            "resolved": fields,
            "versions": versions(),
            "labels": experiment.data.labels.description(),
        }
        write_json(self.config, record)

    def record(self) -> dict[str, Any]:
        """What `config.json` holds.

        Raises:
          InputError: the folder is no run folder.
        """
        if not self.config.is_file():
            raise InputError(
                f"run: {self.path} is no run folder (it has no config.json); give one that training wrote"
            )
        record: dict[str, Any] = json.loads(self.config.read_text())
        return record

    def experiment(self, arguments: Sequence[str] = ()) -> Experiment:
        """The experiment of this run, rebuilt from its config file and arguments, then `arguments`.

        Raises:
          InputError: defaults have changed since, so that it would not be the same experiment.
        """
        record = self.record()
        built = with_arguments(load_config(self.path / "config.py"), record["arguments"])
        changed = deciding(differences(record["resolved"], resolved(built)))
        if changed:
            raise InputError(
                f"run: the code no longer builds the experiment of {self.path} ({'; '.join(changed[:3])}); "
                "use the version of jaxseg and configs that made it"
            )
        return with_arguments(built, arguments)

    def labels(self) -> LabelSpace:
        """The classes that the run was trained on, as `config.json` keeps them; its data need not be there."""
        return LabelSpace.described(self.record()["labels"])

    def check_classes(self, experiment: Experiment, otherwise: str = "train anew in another folder") -> None:
        """Raises `InputError` where the data of an experiment have other classes than the run was trained on.

        The message tells what else can be done.
        """
        trained = self.labels().names
        for domain, data_set in experiment.scored.items():
            names = data_set.labels.names
            if names != trained:
                raise InputError(
                    f"run: {self.path} was trained on other classes than {domain} has: "
                    f"{first_difference(trained, names)}; give it data of its classes in their order, or "
                    f"{otherwise}"
                )

    def log(self, line: Mapping[str, Any]) -> None:
        """Appends one line to the metrics, and gives it to the trackers; of several processes, the first does so."""
        if jax.process_index() != 0:
            return
        try:
            with self.metrics.open("a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.metrics)) from None
        for tracker in self.trackers:
            tracker(line)

    def keep_images(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes down which images a run is about to be trained on; of several processes, the first does so."""
        if jax.process_index() == 0:
            write_json(self.images, found)

    def check_images(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Raises `InputError` where a run that goes on would go on with other images than it began with."""
        if not self.images.is_file():
            return
        for domain, begun in json.loads(self.images.read_text()).items():
            now = found.get(domain, begun)
            if now != begun:
                counts = f"{begun['images']} images of {begun['data']}, now there are {now['images']}"
                others = f"other images of {begun['data']} than there are now, {now['images']} as before"
                raise InputError(
                    f"resume: {self.path} was trained on {counts if now['images'] != begun['images'] else others}; put "
                    "the data back as they were, or train anew in another folder"
                )

    def trained_seconds(self) -> float:
        """Wall time that the training loop has behind it, as its last line in the metrics says; 0 without one."""
        lines = self._whole_lines() if self.metrics.exists() else []
        known = [line["seconds"] for _, line in lines if line["kind"] == "train" and "seconds" in line]
        return float(known[-1]) if known else 0.0

    def scored_at(self, step: int) -> tuple[str, ...]:
        """Of which data sets the metrics hold scores of a step, on the split `val`."""
        if not self.metrics.exists():
            return ()
        lines = self._whole_lines()
        found = (line["on"] for _, line in lines if line["kind"] == "evaluation" and line["step"] == step)
        return tuple(name.removesuffix("/val") for name in found)

    def forget_after(self, step: int) -> None:
        """Drops metrics of steps after `step`, which a resumed run is about to take again."""
        if jax.process_index() != 0 or not self.metrics.exists():
            return
        kept = [f"{text}\n" for text, line in self._whole_lines() if line["step"] <= step]
        write_text(self.metrics, "".join(kept))

    def _whole_lines(self) -> list[tuple[str, dict[str, Any]]]:
        """The lines of the metrics, as they are and read, but for what the end of a process cut."""
        whole = []
        for line in self.metrics.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                whole.append((line, json.loads(line)))
        return whole
