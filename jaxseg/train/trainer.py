"""The one trainer: any method, on any mesh, resumable at any step.

The step is compiled once a phase (once for all rounds of self-training), with the state donated and the batch sharded.
Metrics are read one step late, so the device never waits for the host. Everything random is a function of the seed and
the step, and the position in the data is saved with the state: a run killed at any moment and started again ends with
the bits of one that never was.
"""

import contextlib
import dataclasses
import io
import itertools
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxseg import data
from jaxseg.errors import InputError
from jaxseg.methods import Metrics, State
from jaxseg.train._check import check, images_of
from jaxseg.train._endings import Stopped, diverged, not_finite
from jaxseg.train._inputs import told
from jaxseg.train._microbatches import settings_of
from jaxseg.train._pictures import Album
from jaxseg.train._program import begin as _begin
from jaxseg.train._program import initializer as _initializer
from jaxseg.train._program import step as _step
from jaxseg.train._recomputed import Recomputed
from jaxseg.train._signals import noted_signals
from jaxseg.train._stepping import Stepping
from jaxseg.train._stretch import stretch_of
from jaxseg.train._variables import given_variables, with_target
from jaxseg.train.checkpoint import Checkpoints, abstract_state
from jaxseg.train.distributed import first_says, is_first
from jaxseg.train.evaluation import evaluate
from jaxseg.train.experiment import Experiment
from jaxseg.train.labelling import label_target, recomputed
from jaxseg.train.mesh import batch_share, put_batch, replicated, state_shardings
from jaxseg.train.progress import Progress, TextStream
from jaxseg.train.run import RunFolder

LINES = 2000
"""About how many training lines `metrics.jsonl` gets at most."""


def train(
    experiment: Experiment,
    folder: RunFolder,
    *,
    stream: TextStream | None = None,
    profile: Path | None = None,
) -> State:
    """Trains to the end of the method's last phase, from the folder's last checkpoint where it has one.

    Returns the final state, which is also the last checkpoint. `profile` is a folder for a trace of a few steps.

    Raises:
      InputError: the data, the batch, the mesh or the image size does not fit, the folder is in use, cannot be written,
        or holds no checkpoint that can be read.
      Diverged: a loss became infinite or NaN; the last good checkpoint stays.
      Stopped: SIGTERM or SIGINT came; the state is saved.
    """
    mesh, sources, size = check(experiment)
    with (
        folder.locked(),
        jax.set_mesh(mesh),
        Checkpoints(folder.checkpoints) as checkpoints,
        noted_signals() as received,
    ):
        return _Loop(experiment, folder, mesh, checkpoints, sources, size, received, stream).run(profile)


class Asked(NamedTuple):
    """A step that a loop wants taken: its phase, the state before it (or what fetches it), this process's batch.

    `settings` are the method, the augmentation and the translation.
    """

    phase: int
    state: Any
    batch: Any
    settings: tuple[Any, Any, Any]


def _fetched(state: State | Callable[[], State]) -> State:
    return state() if callable(state) else state


class _Loop:
    """The training loop of one run, and what it keeps between steps on the host."""

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        mesh: Mesh,
        checkpoints: Checkpoints,
        sources: dict[str, data.DataSource],
        size: tuple[int, int],
        received: Callable[..., int | None],
        stream: TextStream | None,
    ) -> None:
        self.experiment = experiment
        self.method, self.augment, self.translate = settings_of(experiment)
        self.folder, self.mesh, self.checkpoints, self.sources = folder, mesh, checkpoints, sources
        self.size, self.received = size, received
        self.iterator: Any = None
        self.recomputed: Recomputed | None = None
        shown = sys.stderr if stream is None else stream
        self.stream = shown if is_first() else io.StringIO()  # of several processes, one prints
        self.total = self.method.total_steps
        self.log_every = max(1, self.total // LINES)
        self.album = Album(experiment, folder.pictures) if experiment.pictures_every else None
        self.late: tuple[int, Metrics] | None = None
        self.saved: int | None = None

    def run(self, profile: Path | None = None) -> State:
        """Trains to the end, each step as it is asked for."""
        asking, answer = self.steps(), None
        sharded = self.experiment.mesh.parameters == "sharded"
        every = self.experiment.diagnose_every
        stepping = Stepping(self.mesh, sharded, self._note, self._log_in_order, every, profile)
        with contextlib.closing(stepping):
            while True:
                try:
                    asked = asking.send(answer)
                except StopIteration as end:
                    stepping.end()
                    return end.value
                on_mesh: Any = put_batch(self.mesh, asked.batch)
                if self.recomputed is not None:
                    on_mesh = self.recomputed(on_mesh)
                answer = stepping(_step, asked.settings, asked.state, on_mesh, asked.phase, self.taken + 1)

    def _note(self, text: str) -> None:
        self.progress.note(text)

    def _log_in_order(self, line: Mapping[str, Any]) -> None:
        self._read_late()
        self.folder.log(line)

    def steps(self) -> Generator[Asked, Any, State]:
        """The loop, which takes no step itself: it asks for each, and is sent what the step made of it.

        That is a state, or a function that fetches it, and its metrics: whoever runs several loops in lock step keeps
        their states together on the device, and hands one out when its loop is to save or score it.
        """
        state, first = self._start()
        self.progress = Progress(
            f"{self.experiment.name} seed {self.experiment.seed}",
            first=first,
            total=self.total,
            images_per_step=self.experiment.batch,
            stream=self.stream,
        )
        if 0 < first < self.total:
            self.progress.note(f"resumes at step {first} of {self.total}")
        self.began = time.monotonic() - (self.folder.trained_seconds() if first else 0.0)
        if first:  # it may have ended between a save and the scores of the same step
            scored = self.folder.scored_at(first)
            self._evaluate(first, state, first_says([name in scored for name in self.experiment.scored]))
        for step in range(first, self.total):
            self.taken = step
            phase, start = self.method.phase_at(step)
            if step == start:
                state = _fetched(state)
                self._label(step, phase, state)
                state = self._placed(_begin(self.method, state, phase))
            batch = self.progress.awaited(self.iterator)
            if step == first:
                self.progress.note("compiles the training step")
            state, metrics = yield Asked(phase, state, batch, (self.method, self.augment, self.translate))
            self._read_late()
            self.late = (step + 1, metrics)
            self._after(step + 1, state)
        state = _fetched(state)
        self._save(self.total, state)
        self.checkpoints.wait()
        self.progress.close()
        return state

    def _start(self) -> tuple[State, int]:
        """The state to begin with, and how many steps it has behind it."""
        images = images_of(self.experiment, self.sources)
        candidates = self.checkpoints.candidates()
        if candidates:
            self.folder.check_images(images)
        failed: list[tuple[int, InputError]] = []
        for latest in candidates:
            try:
                state = self._resumed(latest)
            except InputError as error:
                failed.append((latest, error))
                continue
            for step, _ in failed:
                place = self.checkpoints.set_aside(step)
                print(
                    f"checkpoint {step} is damaged, now {place}; goes on from step {latest}",
                    file=self.stream,
                    flush=True,
                )
            self.folder.forget_after(latest)
            self.saved = latest
            return state, latest
        if failed:  # it is not one file that is broken: the run is another one, or all of it is lost
            raise failed[0][1]
        self.folder.forget_after(0)
        self.folder.keep_images(images)
        if self.method.labelling(0) is None:
            self.iterator = self._batches(0)
        state = _initializer(jax.default_backend())(
            self.method, jnp.int32(self.experiment.seed), size=self.size
        )
        if self.experiment.initialize is not None:
            variables = given_variables(
                self.experiment, self.experiment.initialize, self.method.variables(state)
            )
            state = self.method.with_variables(state, variables)
        return self._placed(state), 0

    def _placed(self, state: State) -> State:
        return jax.device_put(state, state_shardings(self.mesh, self.experiment.mesh.parameters, state))

    def _resumed(self, step: int) -> State:
        """The state of a checkpoint; the iterator stands where it stood."""
        parameters = self.experiment.mesh.parameters
        like = abstract_state(
            self.method, step, self.size, lambda tree: state_shardings(self.mesh, parameters, tree)
        )
        phase, start = self.method.phase_at(step)
        if step < self.total and (step > start or self.method.labelling(phase) is None):
            self.iterator = self._batches(phase)
        return self.checkpoints.restore(step, like, self.iterator)

    def _batches(self, phase: int) -> data.BatchIterator:
        """Batches from the beginning of the stretch of phases, between two labellings, that `phase` is in."""
        folder = self.folder.pseudo_labels
        stretch = stretch_of(self.experiment, self.sources, folder, phase)
        self.recomputed = recomputed(self.experiment, self.sources, folder, phase, self.mesh)
        if stretch.shares is not None:
            self.augment = told(self.experiment.augment, stretch.shares)
        part, parts = batch_share(self.mesh)
        return data.batches(
            stretch.sources,
            batch=self.experiment.batch // parts,
            seed=stretch.seed,
            threads=self.experiment.threads,
            process_index=part,
            process_count=parts,
            sampling=stretch.sampling,
        )

    def _label(self, step: int, phase: int, state: State) -> None:
        """Before a phase whose method asks for it: labels the target anew, and begins batches that carry the labels.

        The state is saved first, so that a run killed meanwhile goes on with the network that began to label.
        """
        if self.method.labelling(phase) is None:
            return
        if step > 0:
            self._save(step, state)
            self.checkpoints.wait()
        name = self.method.phases[phase].name
        self.progress.note(f"{name}: labels {len(self.sources['target'])} images of the target")

        def between() -> None:
            stop = self.received()
            if stop is not None:
                self.progress.close()
                raise Stopped(step, stop)

        variables = jax.device_put(self.method.variables(state), replicated(self.mesh))
        folder = self.folder.pseudo_labels
        made = label_target(
            self.experiment, phase, variables, self.sources, folder, self.mesh, between=between
        )
        share = sum(made["labelled"]) / max(sum(made["predicted"]), 1)
        self.progress.note(f"{name}: {100 * share:.1f}% of the pixels are labelled")
        # Logged as of the step that follows: a run that goes on from here labels, or finds the labels, and logs again.
        self.folder.log({"kind": "labelling", "step": step + 1, "phase": name, "share": share} | made)
        self.iterator = self._batches(phase)

    def _after(self, done: int, state: State | Callable[[], State]) -> None:
        """Draws, saves, evaluates and stops, where `done` steps call for it."""
        experiment = self.experiment
        stop = self.received(done)
        if self.album is not None and (done % experiment.pictures_every == 0 or done == self.total):
            self._read_late()  # a loss that is not finite is told and not drawn
            # Before the step is saved: a run that goes on from here does not draw it again.
            self.progress.note(f"step {done}: {self.album.add(done, self.method, _fetched(state))}")
        if done % experiment.checkpoint_every == 0 or stop is not None:
            self._save(done, state)
        if stop is not None:
            self.checkpoints.wait()
            self.progress.close()
            raise Stopped(done, stop)
        self._evaluate(done, state)

    def _evaluate(self, done: int, state: State | Callable[[], State], known: Sequence[bool] = ()) -> None:
        """Scores the state where `done` steps call for it, but on those of `scored` that are known."""
        experiment, every = self.experiment, self.experiment.evaluate_every
        if not every or (done % every and done != self.total):
            return
        scored = itertools.zip_longest(experiment.scored.items(), known)
        left = [pair for pair, skip in scored if not skip and pair[1].has("val")]
        if not left:
            return
        phase, _ = self.method.phase_at(done - 1)
        variables = with_target(experiment.method, self.method.variables(_fetched(state)), phase + 1)
        for name, data_set in left:
            score = evaluate(
                self.method.network,
                variables,
                data_set,
                "val",
                experiment.evaluation,
                domain=experiment.domain_of(data_set),
                threads=experiment.threads,
            )
            score = dataclasses.replace(score, space=experiment.space_of(data_set))
            line = {"kind": "evaluation", "step": done, "on": f"{name}/val"}
            self.folder.log(line | score.figures | score.parts)
            self.progress.note(f"step {done}: {score.headline} on {name}/val")

    def _save(self, done: int, state: State | Callable[[], State]) -> None:
        """Saves a state whose step is known to be finite."""
        self._read_late()
        if self.saved != done:
            self.checkpoints.save(done, _fetched(state), self.iterator)
            self.saved = done

    def _read_late(self) -> None:
        """Reads the metrics of the last step taken, checks them, logs them."""
        if self.late is None:
            return
        step, metrics = self.late
        self.late = None
        values = jax.tree.map(lambda leaf: float(np.asarray(leaf)), dict(metrics))
        phase = self.method.phases[self.method.phase_at(step - 1)[0]].name
        self._check_finite(step, phase, values)
        if step % self.log_every == 0 or step == self.total:
            seconds = time.monotonic() - self.began
            line = {"kind": "train", "step": step, "phase": phase, "seconds": round(seconds, 3)}
            pace = {"images_per_second": round(self.progress.speed(step), 2)}
            self.folder.log(line | pace | {"input_wait": round(self.progress.input_wait, 4)} | values)
        self.progress.update(step, phase, values["terms"])

    def _check_finite(self, step: int, phase: str, values: Mapping[str, Any]) -> None:
        bad = not_finite(values)
        if not bad:
            return
        self.checkpoints.wait()
        self.progress.close()
        raise diverged(f"{bad} at step {step} of {self.folder.path} (phase {phase})", self.saved)
