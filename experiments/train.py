"""Train an experiment, or go on with it: `python -m experiments.train CONFIG [--dry-run] [--field value ...]`.

The run folder is `runs/NAME/seed<SEED>` unless `--run` names another. The same command resumes what was interrupted,
bit for bit. At the end the run is scored on the val split and `report.html` is written. With `--dry-run` the recipe is
printed as it was resolved, with what it would take and what is not there for it, and nothing is written.
"""

import dataclasses
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from experiments._command import parse, run
from experiments.evaluate import evaluate_run
from jaxseg.errors import InputError
from jaxseg.train.distributed import Distributed

if TYPE_CHECKING:
    from jaxseg.train import Experiment


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Train an experiment, or go on with it.

    Every field of the config has an option too; `python -m experiments.train CONFIG --help` lists them.
    """

    config: Annotated[Path, tyro.conf.Positional]
    """Config file, such as configs/streets/source.py."""
    run: Path | None = None
    """Run folder; runs/NAME/seed<SEED> by default."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the resolved recipe, its phases, parameters, operations and memory, and what is missing; do nothing."""
    profile: Path | None = None
    """Folder for a profile of a few steps, which TensorBoard and Perfetto show."""
    track: tuple[Literal["tensorboard", "wandb"], ...] = ()
    """Show the metrics there too while the run trains; each needs the extra of its name."""
    distributed: Distributed = Distributed()
    """Several processes that train together; all give the same command."""


def main(arguments: Sequence[str]) -> int:
    """Trains; returns the exit status."""
    wants_help = [word for word in arguments if word in ("-h", "--help")]
    given = [word for word in arguments if word not in wants_help]
    own, fields = parse(Arguments, given or wants_help, "experiments.train")

    if wants_help or own.dry_run:
        return _main(own, fields, wants_help)
    with own.distributed.together():
        return _main(own, fields, wants_help)


def _main(own: Arguments, fields: Sequence[str], wants_help: Sequence[str]) -> int:
    import jax

    from jaxseg.train import RunFolder, Stopped, check, load_config, train, with_arguments
    from jaxseg.train.trackers import check_trackers, tracked

    program = f"python -m experiments.train {own.config}"
    experiment = with_arguments(load_config(own.config), [*fields, *wants_help], program)
    if own.dry_run:
        return dry_run(experiment, own.config)
    check_trackers(own.track)
    check(experiment)  # what does not fit is told before a folder is made
    folder = RunFolder(own.run or Path("runs") / experiment.name / f"seed{experiment.seed}")
    start = experiment.initialize
    if start is not None and not start.exists() and not folder.path.exists():
        raise InputError(f"initialize: no file or run folder {start}; give published weights, a run, or None")
    with folder.locked():
        folder.open(experiment, own.config, fields)
        try:
            with tracked(folder, own.track if jax.process_index() == 0 else ()):
                train(experiment, folder, profile=own.profile)
        except Stopped as stop:
            print(f"{stop}; the same command goes on from there", file=sys.stderr)
            return 128 + int(signal.Signals(stop.signal))
        evaluate_run(folder, "val")
    return 0


def dry_run(experiment: "Experiment", config: Path | None = None) -> int:
    """Prints recipe, plan, and what is missing; the exit status is 0 also where something is.

    Args:
      experiment: what would be trained.
      config: its file, to name the tables and figures that have it as a row.
    """
    from experiments.reproduce._listing import with_config
    from experiments.reproduce.items import ITEMS
    from jaxseg.train.plan import plan, recipe_text

    print(recipe_text(experiment), end="\n\n", flush=True)
    planned = plan(experiment)
    print(planned.text(experiment), end="\n\n")
    tables = [] if config is None else with_config(ITEMS, config)
    if tables:
        print("in the tables", *(f"  {item.name}  {item.title}" for item in tables), sep="\n")
        print(f"  figures and costs: python -m experiments.reproduce {config} --list", end="\n\n")
    if planned.lacks:
        print("not there yet", *(f"  {line}" for line in planned.lacks), sep="\n")
    else:
        print("nothing is missing")
    return 0


if __name__ == "__main__":
    run(main)
