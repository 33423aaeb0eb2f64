"""A sweep against its members trained one by one: whole commands in fresh processes, from start to scores."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.benchmark import machine
from jaxseg.errors import InputError


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Time a sweep against as many separate runs, in whole seconds of fresh processes, and print the table."""

    config: Path = Path("configs/streets/max_squares.py")
    """Config file of the members."""
    axis: str = "objective.target.weight"
    """The option that they differ in, a number that is a leaf."""
    members: int = 8
    """How many members there are; their values are 0.1, 0.2, ..."""
    steps: int = 100
    """Steps of a member."""
    modes: tuple[str, ...] = ("loop",)
    """How the sweep is run, each in turn: loop, vmap, shard."""
    options: tuple[str, ...] = ()
    """More words for every command, such as --batch 4."""
    out: Path | None = None
    """Write the figures as JSON to this file as well."""


def run_sweep(options: Sweep) -> None:
    """Times what the options ask for and prints the table; writes the figures where asked."""
    if options.members < 2 or options.steps < 2:
        raise InputError(f"members, steps: {options.members}, {options.steps}; each at least 2")
    if not options.modes:
        raise InputError("modes: none given; name one of loop, vmap, shard")
    _prepare(options)
    where = machine.facts()
    print(machine.heading(where))
    print(
        f"{options.members} members of {options.config}, {options.steps} steps each, one value of {options.axis} each\n"
    )
    print("| | seconds | images/s | against separate runs |\n|---|---:|---:|---:|", flush=True)
    rows: dict[str, dict[str, float]] = {}
    values = [round(0.1 * (place + 1), 6) for place in range(options.members)]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("separate", *options.modes):
            place = Path(folder) / name
            seconds = (
                _separate(options, values, place)
                if name == "separate"
                else _swept(options, values, place, name)
            )
            row = {"seconds": seconds, "images_per_second": _speed(place, together=name in ("vmap", "shard"))}
            rows[name] = row | {"ratio": rows["separate"]["seconds"] / seconds if rows else 1.0}
            title = f"{options.members} separate runs" if name == "separate" else f"sweep, {name}"
            shown = (
                f"| {title} | {seconds:.1f} | {row['images_per_second']:.1f} | {rows[name]['ratio']:.2f}x |"
            )
            print(shown, flush=True)
            settings = {
                key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()
            }
            machine.write(options.out, {"machine": where, **settings, "sweep": rows})


def _prepare(options: Sweep) -> None:
    """Has the data sets prepared, which is no part of what is compared."""
    from jaxseg.train import check, load_config, with_arguments

    check(with_arguments(load_config(options.config), list(options.options)))


def _separate(options: Sweep, values: list[float], place: Path) -> float:
    """Seconds of the runs one after the other, each a process of its own."""
    began = time.perf_counter()
    for index, value in enumerate(values):
        _command(
            "experiments.train", options, f"--{options.axis}", str(value), "--run", str(place / str(index))
        )
    return time.perf_counter() - began


def _swept(options: Sweep, values: list[float], place: Path, mode: str) -> float:
    """Seconds of the sweep, one process."""
    grid = f"{options.axis}={','.join(map(str, values))}"
    began = time.perf_counter()
    _command("experiments.sweep", options, "--grid", grid, "--mode", mode, "--out", str(place))
    return time.perf_counter() - began


def _command(module: str, options: Sweep, *words: str) -> None:
    command = [sys.executable, "-m", module, str(options.config), *words, "--steps", str(options.steps)]
    # What another process compiled must not be there already.
    environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(
        [*command, *options.options], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"benchmark: {' '.join(command)} ended with status {done.returncode}: {last}")


def _speed(place: Path, *, together: bool) -> float:
    """Images a second while training, of all members together where they go in lock step, else their mean."""
    rates = []
    for path in sorted(place.rglob("metrics.jsonl")):
        lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
        rates.append(next(line["images_per_second"] for line in reversed(lines) if line["kind"] == "train"))
    return sum(rates) if together else sum(rates) / len(rates)
