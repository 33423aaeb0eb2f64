"""What a sweep will take, told before it begins: members, programs, memory, time."""

import contextlib
import dataclasses
import io
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.train._endings import Diverged
from jaxseg.train._grid import SEED, shown
from jaxseg.train._lock_step import LockStep, slots_of, sweep_mesh
from jaxseg.train._program import step as _step
from jaxseg.train.checkpoint import Checkpoints
from jaxseg.train.experiment import Experiment
from jaxseg.train.mesh import put_batch
from jaxseg.train.plan import _amount, _bytes, plan
from jaxseg.train.progress import duration
from jaxseg.train.run import RunFolder
from jaxseg.train.sweep import Sweep
from jaxseg.train.trainer import _Loop, check

TIMED = 4
"""Steps that are timed; the first of them is not counted."""

_HOW = {
    "loop": "one member after the other",
    "vmap": "states stacked, in lock step",
    "shard": "states stacked and split over the devices, in lock step",
}


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one program costs.

    Attributes:
      memory: bytes on each device: state, batch and temporaries.
      step: seconds of a step of all members that run together.
      start: seconds until the first step, compilation included; 0 where that is not known.
      source: where these figures come from, in words.
    """

    memory: float
    step: float
    start: float
    source: str


def described(sweep: Sweep, mode: str, chunk: int = 0) -> str:
    """Members, axes, programs and mode, in words."""
    members, programs = sweep.members, sweep.programs
    settings = len({tuple(str(v) for k, v in member.settings.items() if k != SEED) for member in members})
    drawn = f", drawn with seed {sweep.draw_seed}" if sweep.random else ""
    lines = [f"sweep {sweep.base.name}: {len(members)} members, {settings} settings{drawn}"]
    width = max(map(len, sweep.axes))
    for name, axis in sweep.axes.items():
        values = ", ".join(map(shown, axis)) if isinstance(axis, tuple) else str(axis)
        lines.append(f"  {name:<{width}}  {'static ' if name in sweep.static else 'dynamic'}  {values}")
    several = " of each phase" if len(sweep.base.method.phases) > 1 else ""
    sizes = sorted({len(program.members) for program in programs})
    each = " or ".join(map(str, sizes))
    lines.append(f"  compiles  {len(programs)}{several}, each for {each} members")
    lines.append(f"  mode      {mode}: {_HOW[mode]}{_chunks(sweep, mode, chunk)}")
    return "\n".join(lines)


def _chunks(sweep: Sweep, mode: str, chunk: int) -> str:
    if mode == "loop":
        return ""
    mesh, slots = _slots(sweep, mode, chunk)
    over = f" over {mesh.shape['sweep']} devices" if mode == "shard" else ""
    return f", {slots} at a time{over}"


def _slots(sweep: Sweep, mode: str, chunk: int) -> tuple[Any, int]:
    """Mesh and slots of the largest program."""
    program = max(sweep.programs, key=lambda program: len(program.members))
    count, split = len(program.members), mode == "shard"
    mesh, _ = sweep_mesh(sweep.members[program.members[0]].experiment, count, split=split)
    return mesh, slots_of(count, chunk, mesh, split=split)


def costs(sweep: Sweep, cost: Cost, left: Sequence[int], mode: str, chunk: int = 0) -> str:
    """Memory and time in words, for the members that are left."""
    steps, runs, compiles = 0, 0, 0
    for program in sweep.programs:
        todo = [place for place in program.members if place in left]
        if not todo:
            continue
        at_once = 1 if mode == "loop" else _slots(sweep, mode, chunk)[1]
        compiles += 1
        runs += -(-len(todo) // at_once)
        steps += -(-len(todo) // at_once) * sweep.members[todo[0]].experiment.method.total_steps
    seconds = steps * cost.step + compiles * cost.start
    what = "member" if mode == "loop" else "chunk"
    about = "about" if cost.start else "at least"
    start = f", {compiles} x {duration(cost.start)} to begin" if cost.start else ""
    return "\n".join(
        (
            f"  memory    {_bytes(cost.memory)} on each device for a {what}",
            f"  time      {about} {duration(seconds)}: {runs} x a {what}, {steps:,} steps of {cost.step:.3g} s{start}",
            *(f"            {line}" for line in textwrap.wrap(cost.source, 106)),
        )
    )


def estimated(sweep: Sweep, mode: str, chunk: int = 0) -> Cost:
    """Costs from shapes alone: nothing is compiled, and the data need not be there.

    The time is the operations' at the rate that a matrix product reaches on this device: networks are slower.
    """
    experiment = sweep.members[0].experiment
    found = plan(experiment)
    mesh, slots = (None, 1) if mode == "loop" else _slots(sweep, mode, chunk)
    each = slots // (mesh.shape["sweep"] if mesh is not None and mode == "shard" else 1)
    largest = max(phase.state + (phase.batch + phase.temporary) / found.devices for phase in found.phases)
    operations = sum(phase.flops * phase.steps for phase in found.phases)
    steps = max(sum(phase.steps for phase in found.phases), 1)
    rate = _rate()
    return Cost(
        memory=largest * each,
        step=operations / steps * each / rate,
        start=0.0,
        source=f"From shapes: operations at {_amount(rate)}FLOP/s, which a matrix product reaches here and a network "
        "does not; compilation and scoring are not counted.",
    )


def _rate() -> float:
    """Floating-point operations a second of a matrix product on one device."""
    side = 1024
    product = jax.jit(lambda x: x @ x)
    x = jnp.ones((side, side), jnp.float32)
    product(x).block_until_ready()
    times = []
    for _ in range(3):
        began = time.perf_counter()
        product(x).block_until_ready()
        times.append(time.perf_counter() - began)
    return 2.0 * side**3 / min(times)


def measured(sweep: Sweep, left: Sequence[int], mode: str, chunk: int = 0) -> Cost | None:
    """Costs of the first program that is left: it is compiled, as the sweep will use it, and takes a few steps.

    None where the method begins by labelling its target, which would have to be done for it.
    """
    program = next(program for program in sweep.programs if set(program.members) & set(left))
    todo = [place for place in program.members if place in left]
    experiments = [sweep.members[place].experiment for place in todo]
    if experiments[0].method.labelling(0) is not None:
        return None
    with tempfile.TemporaryDirectory() as place:
        if mode == "loop":
            memory, times, start = _of_one(experiments[0], Path(place))
        else:
            split = mode == "shard"
            mesh, shape = sweep_mesh(experiments[0], len(program.members), split=split)
            slots = slots_of(len(program.members), chunk, mesh, split=split)
            runs = [(one, RunFolder(Path(place) / str(k))) for k, one in enumerate(experiments[:slots])]
            silent = io.StringIO()
            together = LockStep(runs, program.varying, slots, mesh, shape, split=split, stream=silent)
            began = time.monotonic()
            together.train(TIMED)
            memory, times = together.memory, np.diff(together.seconds).tolist()
            start = together.seconds[0] - began
    total = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    total += memory.output_size_in_bytes - memory.alias_size_in_bytes
    name = experiments[0].method.phases[0].name
    source = (
        f"From the compiled step of phase {name!r} and {len(times) - 1} timed steps; scoring is not counted."
    )
    return Cost(float(total), float(np.median(times[1:] or times)), start, source)


def _of_one(experiment: Experiment, place: Path) -> tuple[Any, list[float], float]:
    """Memory, seconds of each timed step, and seconds before the first, of a run that stands alone."""
    began = time.monotonic()
    mesh, sources, size = check(experiment)
    with jax.set_mesh(mesh), Checkpoints(place) as kept:
        loop = _Loop(
            experiment, RunFolder(place), mesh, kept, sources, size, lambda step=None: None, io.StringIO()
        )
        with contextlib.closing(loop.steps()) as steps:
            asked = next(steps)
            program = experiment.method.program(asked.phase)
            sharded = experiment.mesh.parameters == "sharded"
            arguments = (*asked.settings, asked.state, put_batch(mesh, asked.batch), program, sharded)
            memory = _step.lower(*arguments).compile().memory_analysis()
            start, times = time.monotonic() - began, []
            for _ in range(min(TIMED, experiment.method.phases[0].steps)):
                began = time.monotonic()
                arguments = (*asked.settings, asked.state, put_batch(mesh, asked.batch), program, sharded)
                answer = jax.block_until_ready(_step(*arguments))
                times.append(time.monotonic() - began)
                try:
                    asked = steps.send(answer)
                except (StopIteration, Diverged):
                    break
    return memory, times, start
