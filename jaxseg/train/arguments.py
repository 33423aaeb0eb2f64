"""How a config file plus command-line arguments become an experiment."""

import contextlib
import dataclasses
import difflib
import importlib.util
import io
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tyro

from jaxseg.crf import DenseCRF
from jaxseg.data import RareClasses
from jaxseg.data.augment import FourierSwap
from jaxseg.errors import InputError
from jaxseg.methods.one_of import check_read
from jaxseg.models import LinenNetwork
from jaxseg.train._inputs import DOMAINS
from jaxseg.train.experiment import Experiment, resolved


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
    if experiment.precision is not None and parsed.precision is None:
        raise InputError(
            f"option: --precision None leaves the network as it is, in the config's {experiment.precision}; use float32"
        )
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
