"""A run folder, and how a config file plus command-line arguments become an experiment.

config.py        the config file as it was when the run began
config.json      its arguments, every resolved field, versions, the label space
metrics.jsonl    one line a logged step or evaluation
checkpoints/     Orbax
pseudo_labels/   of self-training, one folder a round
evaluations/     one JSON a scored data set
pictures/        of scored images, one folder a data set; and what a method drew, one file a step
report.html
"""

import contextlib
import dataclasses
import difflib
import importlib.util
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import tyro

from jaxseg.crf import DenseCRF
from jaxseg.data import RareClasses
from jaxseg.data.augment import FourierSwap
from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace
from jaxseg.methods.one_of import check_read
from jaxseg.models import LinenNetwork
from jaxseg.train._inputs import DOMAINS
from jaxseg.train._lock import locked
from jaxseg.train.checkpoint import complete_steps
from jaxseg.train.experiment import Experiment, deciding, differences, first_difference, resolved
from jaxseg.train.versions import versions


def load_config(path: Path) -> Experiment:
    """The experiment that a config file describes: what its function `experiment()` returns.

    Raises:
      InputError: there is no such file, or it defines no such function.
    """
    if not path.is_file():
        near = difflib.get_close_matches(str(path), [str(p) for p in path.parent.glob("*.py")], n=1)
        hint = f"; did you mean {near[0]}?" if near else "; config files are under configs/"
        raise InputError(f"config: no file {path}{hint}")
    spec = importlib.util.spec_from_file_location(f"config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"config: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses defined in a config look themselves up here
    spec.loader.exec_module(module)
    build = getattr(module, "experiment", None)
    if build is None:
        raise InputError(f"config: {path} defines no function experiment() that returns an Experiment")
    built = build()
    if not isinstance(built, Experiment):
        raise InputError(
            f"config: experiment() of {path} returned a {type(built).__name__}, not an Experiment"
        )
    return built


def with_arguments(experiment: Experiment, arguments: Sequence[str], program: str = "jaxseg") -> Experiment:
    """The experiment with fields replaced as `--field value` says; `--help` prints them all and exits.

    An option of `translate`, `sampling` or `evaluation.crf` turns these on where the config does not have them.
    `--network.classes` also changes the number that the network's module is built with.

    Raises:
      InputError: an unknown option (the message suggests one), a value that cannot be read, or an option of an
        objective that is not chosen.
    """
    words = [word.split("=")[0] for word in arguments]
    wants_help = "-h" in words or "--help" in words
    default = _turned_on(
        experiment, lambda name: wants_help or any(w.startswith(f"--{name}.") for w in words)
    )
    off = [
        f"--{name}" for name in SWITCHED if wants_help and _turned_on(experiment, name.__eq__) != experiment
    ]
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            parsed, unknown = tyro.cli(
                Experiment,
                default=default,
                description=f"One training run, {experiment.name}."
                + (f" Off until an option of theirs is given: {', '.join(off)}." if off else ""),
                args=list(arguments),
                prog=program,
                return_unknown_args=True,
                config=(
                    tyro.conf.AvoidSubcommands,
                    *(() if wants_help else (tyro.conf.HelptextFromCommentsOff,)),
                ),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise InputError(f"option: {message_of(errors.getvalue())}") from None
    if unknown:
        option = next((word for word in unknown if word.startswith("--")), unknown[0])
        near = difflib.get_close_matches(
            option.split("=")[0].replace("_", "-"),
            list(_options(_turned_on(experiment, lambda _: True))),
            n=1,
            cutoff=0.5,
        )
        hint = f"did you mean {near[0]}?" if near else "--help lists them"
        raise InputError(f"option: {option} is not known; {hint}")
    for word in words:
        if word.startswith("--"):
            check_read(word.removeprefix("--"), parsed.method)
    return _with_module_classes(parsed, experiment)


SWITCHED = ("translate", "sampling.source", "sampling.target", "evaluation.crf")
"""Options that a config leaves out, each a group of its own, and which the command line can turn on."""


def _turned_on(experiment: Experiment, wanted: Callable[[str], bool]) -> Experiment:
    """The experiment with those of the switched groups that are wanted and that it does not have, at their defaults."""
    sampling = {domain: RareClasses() for domain in DOMAINS if wanted(f"sampling.{domain}")}
    evaluation = experiment.evaluation
    if evaluation.crf is None and wanted("evaluation.crf"):
        evaluation = dataclasses.replace(evaluation, crf=DenseCRF())
    return dataclasses.replace(
        experiment,
        translate=experiment.translate or (FourierSwap() if wanted("translate") else None),
        sampling={**sampling, **experiment.sampling},
        evaluation=evaluation,
    )


def _with_module_classes(experiment: Experiment, before: Experiment) -> Experiment:
    """The experiment whose network's module is built for as many classes as the network has, if it was before."""
    network, old = experiment.method.network, before.method.network
    if network.classes == old.classes or not isinstance(network, LinenNetwork):
        return experiment
    if getattr(network.module, "classes", None) != old.classes:
        return experiment
    network = dataclasses.replace(network, module=network.module.clone(classes=network.classes))
    method: Any = experiment.method
    return dataclasses.replace(experiment, method=dataclasses.replace(method, network=network))


def message_of(box: str) -> str:
    """What tyro's box of text says, on one line."""
    lines = [re.sub(r"[│╭╮╰╯]", "", line).strip() for line in box.splitlines()]
    body: list[str] = []
    for line in lines[1:]:
        if not line.strip("─ "):
            break
        body.append(line)
    return " ".join(body) or box.strip()


def _options(experiment: Experiment) -> set[str]:
    """Every option that the experiment has."""

    def walk(value: Any, path: str) -> set[str]:
        if isinstance(value, dict):
            inner = {key: item for key, item in value.items() if key != "type"}
            return set().union(
                *(walk(item, f"{path}.{key}" if path else key) for key, item in inner.items()), set()
            )
        return {"--" + path.removeprefix("method.").replace("_", "-")}

    return walk(resolved(experiment), "")


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

    def check_classes(self, experiment: Experiment) -> None:
        """Raises `InputError` where the data of an experiment have other classes than the run was trained on."""
        trained = self.labels().names
        for domain, data_set in experiment.scored.items():
            names = data_set.labels.names
            if names != trained:
                raise InputError(
                    f"run: {self.path} was trained on other classes than {domain} has: "
                    f"{first_difference(trained, names)}; give it data of its classes in their order, or train anew in "
                    "another folder"
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

    def scored_at(self, step: int) -> tuple[str, ...]:
        """Of which data sets the metrics hold scores of a step, on the split `val`."""
        if not self.metrics.exists():
            return ()
        lines = map(json.loads, self.metrics.read_text().splitlines())
        found = (line["on"] for line in lines if line["kind"] == "evaluation" and line["step"] == step)
        return tuple(name.removesuffix("/val") for name in found)

    def forget_after(self, step: int) -> None:
        """Drops metrics of steps after `step`, which a resumed run is about to take again."""
        if jax.process_index() != 0 or not self.metrics.exists():
            return
        kept = []
        for line in self.metrics.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):  # the last line, cut by the end of the process
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
        write_text(self.metrics, "".join(kept))
