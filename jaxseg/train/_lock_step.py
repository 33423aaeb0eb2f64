"""Several runs in lock step, each in a loop of its own.

A loop (`jaxseg.train.trainer._Loop`) asks for its steps; here those that all loops ask for are taken at once, by
`jaxseg.train._stack`, and each is told what became of its own. So there is no second loop: what a run saves, logs and
scores, and when it stops, is decided in one place.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from jaxseg import data
from jaxseg.errors import InputError
from jaxseg.train._endings import Diverged, Stopped
from jaxseg.train._shared_batches import Hub, Reader
from jaxseg.train._signals import noted_signals
from jaxseg.train._stack import Stack, step_together
from jaxseg.train._stretch import recomputes
from jaxseg.train.checkpoint import Checkpoints
from jaxseg.train.experiment import Experiment
from jaxseg.train.mesh import AXES, MeshShape
from jaxseg.train.progress import Progress, TextStream
from jaxseg.train.run import RunFolder
from jaxseg.train.trainer import Asked, _Loop, check

Run = tuple[Experiment, RunFolder]


def sweep_mesh(experiment: Experiment, members: int, *, split: bool) -> tuple[Mesh, MeshShape]:
    """The devices of a lock step, and how those of one slot split its batch and images.

    Without `split` that is the experiment's own mesh. With it, a slot takes the devices that the experiment names (one
    where it leaves `data` at 0), and the slots share the devices that there are. Parameters are whole in either case:
    it is the states that are split.
    """
    shape = dataclasses.replace(experiment.mesh, parameters="replicated")
    if not split:
        return shape.build(experiment.batch), shape
    one = dataclasses.replace(shape, data=max(shape.data, 1))
    one.build(experiment.batch)  # says what does not fit
    each = one.data * one.space
    count = min(jax.device_count() // each, members)
    grid = np.asarray(jax.devices()[: count * each]).reshape(count, one.data, one.space)
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES)), one


def slots_of(members: int, chunk: int, mesh: Mesh, *, split: bool) -> int:
    """Slots of a stack for so many members: equal chunks of at most `chunk` (0: all), multiples of the sweep axis."""
    chunks = -(-members // chunk) if chunk else 1
    slots = -(-members // chunks)
    each = mesh.shape["sweep"] if split else 1
    return -(-slots // each) * each


class _Member(_Loop):
    """A run's loop whose batches are shared with those that read the same."""

    hub: Callable[[Callable[[], data.BatchIterator]], Hub] | None = None

    def _batches(self, phase: int) -> data.BatchIterator:
        if self.hub is None:
            return super()._batches(phase)
        reader: Any = Reader(self.hub(lambda: super(_Member, self)._batches(phase)))
        return reader


class LockStep:
    """Trains several runs of one program together.

    Args:
      runs: experiments and their opened folders, at most `slots` of them.
      varying: places of the leaves in which members of the sweep differ, see `jaxseg.train._stack`.
      slots: states in a stack.
      mesh: the devices.
      shape: how a slot splits its batch and images.
      split: whether slots are split over the mesh's axis `sweep`, or kept together under `vmap`.
      stream: where progress is written.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        varying: Sequence[int],
        slots: int,
        mesh: Mesh,
        shape: MeshShape,
        *,
        split: bool,
        stream: TextStream,
    ) -> None:
        self.runs, self.varying, self.slots, self.mesh, self.split = runs, varying, slots, mesh, split
        self.experiments = [dataclasses.replace(experiment, mesh=shape) for experiment, _ in runs]
        self.stream = stream
        self.stack: Stack | None = None
        self.memory: Any = None
        self.seconds: list[float] = []
        self.diverged: dict[int, Diverged] = {}
        self.stopped: Stopped | None = None
        self.signal: int | None = None
        """Asked for once a round, so that all members stop at the same step."""
        self.asked: dict[int, Asked] = {}
        self.hubs: list[tuple[Experiment, Hub]] = []

    def train(self, rounds: int | None = None) -> dict[int, Diverged]:
        """Trains all to the end; returns why some did not get there, by their place in `runs`.

        With `rounds`, only so many steps are taken, each timed on its own (`seconds`), and nothing is saved after them.

        Raises:
          InputError: data or mesh do not fit.
          Stopped: a signal came; every member has saved its state.
        """
        if jax.process_count() > 1:
            raise InputError(
                "mode: vmap and shard run in one process; sweep over many hosts with --mode loop"
            )
        if any(experiment.diagnose_every for experiment in self.experiments):
            raise InputError(
                "diagnose_every: members in lock step are not diagnosed; sweep with --mode loop, or set it to 0"
            )
        if any(experiment.pictures_every for experiment in self.experiments):
            raise InputError(
                "pictures_every: members in lock step are not drawn; sweep with --mode loop, or set it to 0"
            )
        if any(experiment.mesh.parameters == "sharded" for experiment, _ in self.runs):
            raise InputError(
                "mesh.parameters: a member's are whole in lock step; sweep with --mode loop, or leave them replicated"
            )
        if any(recomputes(experiment.method) for experiment in self.experiments):
            raise InputError(
                "store: members in lock step read their labels; sweep with --mode loop, or set it to 'files'"
            )
        with contextlib.ExitStack() as stack:
            stack.enter_context(jax.set_mesh(self.mesh))
            received = stack.enter_context(noted_signals()) if rounds is None else lambda step=None: None
            self.loops = {}
            for k, (experiment, (_, folder)) in enumerate(zip(self.experiments, self.runs, strict=True)):
                _, sources, size = check(experiment)
                stack.enter_context(folder.locked())
                kept = stack.enter_context(Checkpoints(folder.checkpoints))
                silent: TextStream = _Silent()
                loop = _Member(
                    experiment, folder, self.mesh, kept, sources, size, lambda step=None: self.signal, silent
                )
                loop.hub = self._hub_of(experiment)
                self.loops[k] = loop.steps()
                stack.callback(self.loops[k].close)
            self._run(received, rounds)
        if self.stopped is not None:
            raise self.stopped
        return self.diverged

    def _run(self, received: Callable[..., int | None], rounds: int | None) -> None:
        for k in self.loops:
            self._advance(k, None)
        if not self.asked:
            return
        one, count = self.experiments[0], len(self.asked)
        total, done = one.method.total_steps, min(self._done(one_asked) for one_asked in self.asked.values())
        label = f"{one.name}, {count} members"
        progress = Progress(
            label, first=done, total=total, images_per_step=count * one.batch, stream=self.stream
        )
        if done:
            progress.note(f"go on at step {done} of {total}")
        late: _Rows | None = None
        while self.asked and self.stopped is None:
            phase = min(asked.phase for asked in self.asked.values())
            active = {k: asked for k, asked in self.asked.items() if asked.phase == phase}
            if self.stack is None or not self.stack.holds(active):
                self.stack = Stack(active, self.varying, self.slots, self.mesh, split=self.split)
            if rounds is not None and self.memory is None:
                compiled = step_together.lower(*self.stack.arguments(active)).compile()
                self.memory = compiled.memory_analysis()
                self.seconds = [time.monotonic()]
            answers, metrics = self.stack.step(active)
            if rounds is not None:
                jax.block_until_ready(metrics)
                self.seconds.append(time.monotonic())
                if len(self.seconds) > rounds:
                    return
            self.signal = received()
            for k, answer in answers.items():
                self._advance(k, answer)
            done += 1
            slots = [self.stack.members[k] for k in active]
            if late is not None:  # its metrics have been read by the members: no wait for the device
                progress.update(done, one.method.phases[phase].name, {"mean loss": float(np.mean(late))})
            late = _Rows(metrics["loss"], slots)
        progress.close()

    def _advance(self, member: int, answer: Any) -> None:
        """Tells a loop what became of its step, and notes what it asks for next."""
        self.asked.pop(member, None)
        try:
            self.asked[member] = self.loops[member].send(answer)
        except StopIteration:
            return
        except Diverged as error:
            self.diverged[member] = error
        except Stopped as stop:
            self.stopped = stop

    def _done(self, asked: Asked) -> int:
        state = asked.state() if callable(asked.state) else asked.state
        return int(state.step)

    def _hub_of(self, experiment: Experiment) -> Callable[[Callable[[], data.BatchIterator]], Hub] | None:
        """What gives a member the batches that it shares; None where it reads pseudo-labels of its own."""
        method = experiment.method
        if any(method.labelling(phase) is not None for phase in range(len(method.phases))):
            return None

        def shared(open_batches: Callable[[], data.BatchIterator]) -> Hub:
            for other, hub in self.hubs:
                if _reads(other) == _reads(experiment):
                    return hub
            self.hubs.append((experiment, Hub(open_batches)))
            return self.hubs[-1][1]

        return shared


def _reads(experiment: Experiment) -> Mapping[str, Any]:
    """All that decides a run's batches."""
    names = ("data", "target", "sampling", "batch", "seed", "train_split", "threads")
    return {name: getattr(experiment, name) for name in names} | {"domains": experiment.domains}


class _Rows:
    """Some slots' values of a metric, read when they are wanted."""

    def __init__(self, array: jax.Array, slots: Sequence[int]) -> None:
        self.array, self.slots = array, slots

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(np.asarray(self.array)[list(self.slots)], dtype)


class _Silent:
    """A stream for what members would say: the sweep has a progress line of its own."""

    def write(self, text: str, /) -> int:
        return len(text)

    def flush(self) -> None:
        return None

    def isatty(self) -> bool:
        return False
