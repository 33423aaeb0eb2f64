"""Sweeps: one experiment with many settings and seeds, as few compiled programs as there can be.

    sweep = Sweep(base, {"objective.target.weight": [0.05, 0.1, 0.2], "seed": range(5)})
    train_sweep(sweep, Path("runs/mine/sweep"), config=Path("configs/mine.py"))

Options whose values are leaves of the method (weights, learning rates, schedules, a loss's numbers) and the seed are
dynamic: every value runs in the same compiled program. All others are static: one program a value. Nobody says which is
which; two settings share a program where the traced step cannot tell them apart.

A member is a run like any other. It has the folder that `experiments.train` would have written with its options, and
the trainer's own loop. There are three ways to run the members of one program:

    loop    one after the other; the step is compiled once, since the method is its argument. Bit for bit the runs
            that stand alone. The choice on CPUs, where convolutions over stacked weights are several times slower.
    vmap    in lock step, states stacked, all in one program on the same devices. The choice on one accelerator.
    shard   in lock step, states stacked and split over the devices. The choice on several.

In lock step, too, every member has a loop of its own, which asks for its steps (see `jaxseg.train._lock_step`): what it
logs, saves, scores, and when it has diverged, is decided where it is for one run.
"""

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import jax

from jaxseg.data import DataSet
from jaxseg.errors import InputError
from jaxseg.train import _grid
from jaxseg.train._endings import Diverged, Stopped
from jaxseg.train._grid import Range, Value, parse_grid
from jaxseg.train._lock_step import LockStep, slots_of, sweep_mesh
from jaxseg.train._microbatches import settings_of
from jaxseg.train._signals import noted_signals
from jaxseg.train._stack import varying_leaves
from jaxseg.train.arguments import with_arguments
from jaxseg.train.checkpoint import complete_steps
from jaxseg.train.experiment import Experiment
from jaxseg.train.given_up import give_up, given_up
from jaxseg.train.plan import _native, _recipe
from jaxseg.train.progress import TextStream
from jaxseg.train.run import RunFolder
from jaxseg.train.trainer import train

__all__ = ["Outcome", "Program", "Range", "Sweep", "SweepMember", "parse_grid", "train_sweep"]

Mode = Literal["loop", "vmap", "shard"]


@dataclasses.dataclass(frozen=True)
class SweepMember:
    """One run of a sweep.

    Attributes:
      settings: its values, by option.
      options: the words that set them on a command line.
      experiment: what it trains.
      place: its folder, below that of the sweep.
    """

    settings: Mapping[str, Value]
    options: tuple[str, ...]
    experiment: Experiment
    place: Path


@dataclasses.dataclass(frozen=True)
class Program:
    """Members that one compiled step serves, by their places in the sweep.

    Attributes:
      members: the places.
      varying: which leaves of the step's settings differ among them.
    """

    members: tuple[int, ...]
    varying: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a member ended.

    Attributes:
      member: the member.
      folder: its run folder.
      diverged: why it was given up, or None where it was trained to the end.
    """

    member: SweepMember
    folder: RunFolder
    diverged: str | None = None


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A base experiment and the values that its options take.

    Attributes:
      base: what all members share.
      grid: values by option, as the command line names it (`"objective.target.weight"`, `"seed"`); a `Range` where
        settings are drawn.
      random: settings to draw instead of taking the whole grid, each with every seed; 0 takes the grid.
      draw_seed: of the draws.
    """

    base: Experiment
    grid: Mapping[str, Any]
    random: int = 0
    draw_seed: int = 0

    @functools.cached_property
    def axes(self) -> dict[str, _grid.Axis]:
        """The values of each option.

        Raises:
          InputError: an axis is empty, not a list, or cannot be drawn from.
        """
        return _grid.checked(self.grid, random=self.random)

    @functools.cached_property
    def members(self) -> tuple[SweepMember, ...]:
        """The members, in the order of the grid, the last axis fastest and the seed fastest of all.

        Raises:
          InputError: an option is not known, a value cannot be read, or a member's fields do not fit together.
        """
        settings = _grid.settings(self.axes, random=self.random, draw_seed=self.draw_seed)
        names = _grid.short_names(list(self.axes))
        made: list[SweepMember] = []
        taken: dict[Path, Mapping[str, Value]] = {}
        for setting in settings:
            options = tuple(word for name, value in setting.items() for word in _grid.option(name, value))
            experiment = self._experiment(options)
            experiment.validate()
            place = Path(_grid.label(setting, names)) / f"seed{experiment.seed}"
            if place in taken:
                raise InputError(
                    f"grid: {setting} and {taken[place]} are one and the same run; give each value once"
                )
            taken[place] = setting
            made.append(SweepMember(setting, options, experiment, place))
        return tuple(made)

    @functools.cached_property
    def programs(self) -> tuple[Program, ...]:
        """The members by the program that steps them, those of one seed next to each other."""
        kinds: dict[Any, list[int]] = {}
        for place, member in enumerate(self.members):
            kinds.setdefault(_program_key(member.experiment), []).append(place)
        made = []
        for places in kinds.values():
            ordered = sorted(places, key=lambda place: self.members[place].experiment.seed)
            experiments = [self.members[place].experiment for place in ordered]
            made.append(Program(tuple(ordered), varying_leaves(experiments)))
        return tuple(made)

    @functools.cached_property
    def static(self) -> tuple[str, ...]:
        """The options of which every value is a program of its own, or some are."""
        found, others = [], self.members[0].options
        for name, axis in self.axes.items():
            values = (axis.low, axis.high) if isinstance(axis, Range) else axis
            keys = {_program_key(self._experiment((*others, *_grid.option(name, value)))) for value in values}
            if len(keys) > 1:
                found.append(name)
        return tuple(found)

    def _experiment(self, options: Sequence[str]) -> Experiment:
        try:
            return with_arguments(self.base, options)
        except InputError as error:
            raise InputError(f"grid: {str(error).removeprefix('option: ')}") from None


def _program_key(experiment: Experiment) -> Any:
    """What decides which compiled step an experiment runs: structure and types of its settings, and of its batches."""
    leaves, structure = jax.tree.flatten(settings_of(experiment))
    kinds = tuple(str(jax.typeof(leaf)) for leaf in leaves)
    split = experiment.train_split
    shapes = tuple((domain, data.task, _shape(data, split)) for domain, data in experiment.domains.items())
    return structure, kinds, shapes, experiment.batch, experiment.mesh


@functools.cache
def _shape(data_set: DataSet, split: str) -> tuple[int, int] | None:
    """Height and width of a data set's images; None where nothing tells them, which is alike for all members."""
    return _native(data_set, _recipe(data_set)[0], split)


def mode_for_backend() -> Mode:
    """How members are run unless told: `loop` on CPUs, `vmap` on one accelerator, `shard` on several."""
    if jax.default_backend() == "cpu" or jax.process_count() > 1:
        return "loop"
    return "vmap" if jax.device_count() == 1 else "shard"


def check_mode(mode: str, chunk: int) -> None:
    """Raises `InputError` where the mode is not known, or the chunk does not go with it."""
    if mode not in get_args(Mode):
        raise InputError(f"mode: {mode!r} is not known; use 'loop', 'vmap' or 'shard'")
    if chunk < 0:
        raise InputError(f"chunk: {chunk}; at least 1, or 0 for all members of a program at once")
    if mode == "loop" and chunk:
        raise InputError(
            f"chunk: {chunk}; loop runs one member after the other, give --mode vmap or shard too"
        )


def train_sweep(
    sweep: Sweep,
    out: Path,
    config: Path,
    arguments: Sequence[str] = (),
    *,
    mode: Mode | None = None,
    chunk: int = 0,
    stream: TextStream | None = None,
) -> list[Outcome]:
    """Trains every member that is not yet trained, in its folder below `out`.

    Args:
      sweep: the sweep.
      out: its folder.
      config: the config file that the base was built from, which a run folder keeps.
      arguments: the options that were given on top of the config for the base.
      mode: how; None leaves it to the backend.
      chunk: members in lock step at most; 0 takes all that share a program.
      stream: where progress is written; standard error by default.

    Returns:
      How each member ended, in the sweep's order. One that diverged is marked in its folder, and not tried again.

    Raises:
      InputError: data, mesh or options do not fit, or a folder holds another run.
      Stopped: a signal came and was saved; the same call goes on.
    """
    mode = mode or mode_for_backend()
    check_mode(mode, chunk)
    said: TextStream = sys.stderr if stream is None else stream
    outcomes = found_already(sweep, out)
    for place, member in enumerate(sweep.members):
        if outcomes[place].diverged is None:  # what is trained already is held to be this member, too
            with outcomes[place].folder.locked():
                outcomes[place].folder.open(member.experiment, config, [*arguments, *member.options])
    with noted_signals() as received:
        for program in sweep.programs:
            left = [place for place in program.members if not settled(outcomes[place])]
            for place, why in _trained(sweep, program, left, outcomes, mode, chunk, said, received):
                give_up(outcomes[place].folder, sweep.members[place].experiment, why)
                outcomes[place] = dataclasses.replace(outcomes[place], diverged=why)
                print(f"{sweep.members[place].place}: diverged, given up: {why}", file=said, flush=True)
    return outcomes


def _trained(
    sweep: Sweep,
    program: Program,
    left: Sequence[int],
    outcomes: Sequence[Outcome],
    mode: Mode,
    chunk: int,
    stream: TextStream,
    received: Callable[..., int | None],
) -> Iterator[tuple[int, str]]:
    """Trains what is left of a program's members; yields those that diverged."""

    def between() -> None:
        stop = received()
        if stop is not None:  # it came while no member was training
            raise Stopped(0, stop)

    runs = {place: (sweep.members[place].experiment, outcomes[place].folder) for place in left}
    if mode == "loop":
        for place in left:
            between()
            print(f"[{place + 1}/{len(outcomes)}] {sweep.members[place].place}", file=stream, flush=True)
            try:
                train(*runs[place], stream=stream)
            except Diverged as error:
                yield place, str(error)
        return
    if not left:
        return
    split = mode == "shard"
    mesh, shape = sweep_mesh(sweep.members[left[0]].experiment, len(program.members), split=split)
    slots = slots_of(len(program.members), chunk, mesh, split=split)
    for first in range(0, len(left), slots):
        between()
        part = left[first : first + slots]
        together = LockStep(
            [runs[place] for place in part],
            program.varying,
            slots,
            mesh,
            shape,
            split=split,
            stream=stream,
        )
        for index, why in together.train().items():
            yield part[index], str(why)


def found_already(sweep: Sweep, out: Path) -> list[Outcome]:
    """What earlier calls left of each member; `settled` says whether anything is to be done."""
    return [_found(member, out) for member in sweep.members]


def axis_names(sweep: Sweep) -> dict[str, str]:
    """A short name of each axis but the seed's, by its option."""
    return {name: short for name, short in _grid.short_names(list(sweep.axes)).items() if name != _grid.SEED}


def settled(outcome: Outcome) -> bool:
    """Whether a member is trained to the end, or was given up."""
    if outcome.diverged is not None:
        return True
    total = outcome.member.experiment.method.total_steps
    return total in complete_steps(outcome.folder.checkpoints)


def _found(member: SweepMember, out: Path) -> Outcome:
    """What an earlier call left of a member."""
    folder = RunFolder(out / member.place)
    return Outcome(member, folder, given_up(folder, member.experiment))
