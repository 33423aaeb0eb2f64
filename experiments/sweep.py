"""Train one config with many settings and seeds: `python -m experiments.sweep CONFIG --grid OPTION=VALUES ...`.

    --grid objective.target.weight=0.05,0.1,0.2 seed=0..4
    --grid optimizer.learning_rate=1e-4..1e-2:log seed=0..2 --random 20

What it will take is printed first; with `--dry-run` nothing else happens. Each member is a run like those of
`experiments.train`, in a folder of its own below `runs/NAME/sweep` unless `--out` names another, and is scored on the
val split at the end (`--split test` says otherwise). The results are one table: `results.csv`, `results.md`,
`report.html`. The same command goes on where it was interrupted; with more values it keeps what is trained.
"""

import dataclasses
import shlex
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from experiments._command import parse, run
from experiments.evaluate import evaluate_run, is_scored
from jaxseg.errors import InputError
from jaxseg.train.distributed import Distributed

if TYPE_CHECKING:
    from jaxseg.train.sweep import Outcome, Sweep


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Train one config with many settings and seeds.

    Every field of the config has an option too, for all members alike; --grid takes the same names.
    `python -m experiments.train CONFIG --help` lists them.
    """

    config: Annotated[Path, tyro.conf.Positional]
    """Config file, such as configs/streets/max_squares.py."""
    grid: tuple[str, ...] = ()
    """OPTION=VALUES each: a list 0.05,0.1, whole numbers 0..4, with --random a range 1e-4..1e-2 or 1e-4..1e-2:log."""
    random: int = 0
    """Draw so many settings instead of taking the whole grid; each is run with every seed."""
    draw_seed: int | None = None
    """Seed of these draws, 0 by default."""
    mode: Literal["auto", "loop", "vmap", "shard"] = "auto"
    """One after the other, stacked, or stacked and split over the devices; auto chooses by the hardware."""
    chunk: int = 0
    """Members at a time at most, to bound memory; 0 takes all that share a program."""
    split: Literal["train", "val", "test"] = "val"
    """Which split to score the members on."""
    out: Path | None = None
    """Folder of the sweep; runs/NAME/sweep by default."""
    distributed: Distributed = Distributed()
    """Several processes that train every member together; all give the same command."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the plan, estimated from shapes alone, and do nothing."""


def main(arguments: Sequence[str]) -> int:
    """Sweeps; returns the exit status."""
    own, fields = parse(Arguments, arguments, "experiments.sweep")
    command = f"python -m experiments.sweep {shlex.join(arguments)}"
    if own.dry_run:
        return _main(own, fields, command)
    with own.distributed.together():
        return _main(own, fields, command)


def _main(own: Arguments, fields: Sequence[str], command: str) -> int:
    import jax

    from jaxseg.train import Stopped, load_config, with_arguments
    from jaxseg.train.sweep import (
        Sweep,
        check_mode,
        found_already,
        mode_for_backend,
        parse_grid,
        settled,
        train_sweep,
    )
    from jaxseg.train.sweep_plan import costs, described, estimated, measured

    grid = parse_grid(own.grid)
    _check_options(own, fields, grid)
    base = with_arguments(load_config(own.config), fields, f"python -m experiments.sweep {own.config}")
    sweep = Sweep(base, grid, random=own.random, draw_seed=own.draw_seed or 0)
    mode = mode_for_backend() if own.mode == "auto" else own.mode
    check_mode(mode, own.chunk)
    print(described(sweep, mode, own.chunk), flush=True)
    everyone = range(len(sweep.members))
    if own.dry_run:
        print(costs(sweep, estimated(sweep, mode, own.chunk), everyone, mode, own.chunk))
        return 0
    out = own.out or Path("runs") / base.name / "sweep"
    left = [place for place, outcome in enumerate(found_already(sweep, out)) if not settled(outcome)]
    if left:
        print(f"  to do     {len(left)} of {len(everyone)} members", flush=True)
        cost = measured(sweep, left, mode, own.chunk) if jax.process_count() == 1 else None
        if cost is not None:
            print(costs(sweep, cost, left, mode, own.chunk), flush=True)
    try:
        outcomes = train_sweep(sweep, out, own.config, fields, mode=mode, chunk=own.chunk)
    except Stopped as stop:
        print(f"{stop}; the same command goes on from there", file=sys.stderr)
        return 128 + int(signal.Signals(stop.signal))
    return finish(sweep, outcomes, out, own.split, command)


def _check_options(own: Arguments, fields: Sequence[str], grid: Iterable[str]) -> None:
    """Raises `InputError` where an option would change nothing."""
    if own.draw_seed is not None and not own.random:
        raise InputError("draw_seed: nothing is drawn without --random; leave it out")
    given = {word.partition("=")[0].replace("_", "-") for word in fields if word.startswith("--")}
    for axis in grid:
        if f"--{axis.replace('_', '-')}" in given:
            raise InputError(f"grid: {axis} is an axis and an option; give it in one place")


def finish(sweep: "Sweep", outcomes: "Sequence[Outcome]", out: Path, split: str, command: str) -> int:
    """Scores every member that has not been, writes the results, and prints the tables."""
    import jax

    from jaxseg.report.sweep import SweepRun, write_sweep
    from jaxseg.train.sweep import axis_names

    done = [outcome for outcome in outcomes if outcome.diverged is None]
    for number, outcome in enumerate(done, start=1):
        if not is_scored(outcome.folder, outcome.member.experiment, split):
            print(f"[{number}/{len(done)}] scores {outcome.member.place}", file=sys.stderr)
            evaluate_run(outcome.folder, split, quiet=True)
    if jax.process_index() != 0:
        return 0
    names = axis_names(sweep)
    members = [
        SweepRun(
            path=outcome.folder.path,
            setting={names[axis]: value for axis, value in outcome.member.settings.items() if axis in names},
            seed=outcome.member.experiment.seed,
            diverged=outcome.diverged,
        )
        for outcome in outcomes
    ]
    title = f"Sweep of {sweep.base.name}"
    print("\n" + write_sweep(members, out, title=title, notes=command, split=split))
    print(f"results: {out / 'results.csv'}, {out / 'results.md'}, {out / 'report.html'}")
    return 0


if __name__ == "__main__":
    run(main)
