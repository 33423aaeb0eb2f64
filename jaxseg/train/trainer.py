"""The one trainer: any method, on any mesh, resumable at any step.

The step is compiled once a phase, with the state donated and the batch sharded. Metrics are read one step late, so the
device never waits for the host. Everything random is a function of the seed and the step, and the position in the data
is saved with the state: a run killed at any moment and started again ends with the bits of one that never was.
"""

import functools
import math
import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array

from jaxseg import data
from jaxseg.data.augment import Augmentation, FourierSwap
from jaxseg.errors import InputError
from jaxseg.methods import Method, Metrics, State
from jaxseg.methods.method import AUGMENTATION_STREAM
from jaxseg.train._inputs import DOMAINS, image_size, ready
from jaxseg.train._signals import noted_signals
from jaxseg.train._variables import given_variables
from jaxseg.train.checkpoint import Checkpoints, abstract_state
from jaxseg.train.evaluation import evaluate
from jaxseg.train.experiment import Experiment
from jaxseg.train.labelling import check_labelling, label_target, stretch_of
from jaxseg.train.mesh import put_batch, replicated
from jaxseg.train.progress import Progress, TextStream
from jaxseg.train.run import RunFolder

LINES = 2000
"""About how many training lines `metrics.jsonl` gets at most."""


class Diverged(InputError):
    """A loss or its gradient is no longer finite."""


class Stopped(Exception):
    """Training was told to stop by a signal, and has saved its state.

    Attributes:
      step: steps done and saved.
      signal: number of the signal.
    """

    def __init__(self, step: int, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name} at step {step}, saved")
        self.step, self.signal = step, signal_number


@functools.partial(jax.jit, static_argnames=("phase",), donate_argnames=("state",))
def _step(
    method: Method,
    augment: Mapping[str, Augmentation],
    translate: FourierSwap | None,
    state: State,
    batch: Mapping[str, Mapping[str, Array]],
    phase: int,
) -> tuple[State, Metrics]:
    inputs = ready(augment, translate, state.key(AUGMENTATION_STREAM), batch)
    return method.step(state, inputs, phase)


@functools.cache
def _initializer(backend: str) -> Callable[..., State]:
    """A method's `init`, compiled for images of a given size.

    A network's initialisation is some hundred random draws: on a CPU, optimising them costs far more than running them.
    """

    def init(method: Method, seed: Array, size: tuple[int, int]) -> State:
        return method.init(seed, jnp.zeros((1, *size, 3), jnp.float32))

    quick = {"xla_backend_optimization_level": 0} if backend == "cpu" else None
    return jax.jit(init, static_argnames=("size",), compiler_options=quick)


@functools.partial(jax.jit, static_argnames=("phase",))
def _begin(method: Method, state: State, phase: int) -> State:
    return method.begin(state, phase)


def train(experiment: Experiment, folder: RunFolder, *, stream: TextStream | None = None) -> State:
    """Trains to the end of the method's last phase, from the folder's last checkpoint where it has one.

    Returns the final state, which is also the last checkpoint.

    Raises:
      InputError: the data, the batch, the mesh or the image size does not fit.
      Diverged: a loss became infinite or NaN; the last good checkpoint stays.
      Stopped: SIGTERM or SIGINT came; the state is saved.
    """
    mesh, sources, size = check(experiment)
    with jax.set_mesh(mesh), Checkpoints(folder.checkpoints) as checkpoints, noted_signals() as received:
        return _Loop(experiment, folder, mesh, checkpoints, sources, size, received, stream).run()


def check(experiment: Experiment) -> tuple[Mesh, dict[str, data.DataSource], tuple[int, int]]:
    """What training needs before it can begin: the mesh, the data of each domain, the size of the network's images.

    Prepares the data sets where they are not yet; writes nothing into a run folder.

    Raises:
      InputError: the data, the batch, the mesh, the image size or the sampling does not fit.
    """
    experiment.validate()
    mesh = experiment.mesh.build(experiment.batch)
    sources = {
        domain: data_set.source(experiment.train_split) for domain, data_set in experiment.domains.items()
    }
    sizes = {}
    for domain, source in sources.items():
        native = source[0]["image"].shape
        sizes[domain] = image_size(experiment.augment, (native[0], native[1]), domain)
        experiment.method.network.validate(*sizes[domain])
    if experiment.translate is not None and sizes["source"] != sizes["target"]:
        shown = [f"{sizes[domain][0]}x{sizes[domain][1]}" for domain in DOMAINS]
        raise InputError(
            f"translate: images of the source are {shown[0]} after augmentation and those of the target {shown[1]}; "
            "resize both data sets or crop both to one size (--augment.crop.size where there is a crop)"
        )
    for data_set in experiment.scored.values():
        if data_set.has("val"):  # what is missing is told now, and not after the training
            data_set.source("val")
    check_labelling(experiment, sources)
    for domain, rare in experiment.sampling.items():
        rare.order(sources[domain], experiment.seed, domain, experiment.threads)
    return mesh, sources, next(iter(sizes.values()))


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
        received: Callable[[], int | None],
        stream: TextStream | None,
    ) -> None:
        self.experiment, self.method = experiment, experiment.method
        self.folder, self.mesh, self.checkpoints, self.sources = folder, mesh, checkpoints, sources
        self.size, self.received = size, received
        self.iterator: Any = None
        self.augment = OrderedDict(
            experiment.augment
        )  # a dict would be sorted by name on its way through jit
        self.stream = sys.stderr if stream is None else stream
        self.total = self.method.total_steps
        self.log_every = max(1, self.total // LINES)
        self.late: tuple[int, Metrics] | None = None
        self.saved: int | None = None

    def run(self) -> State:
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
        self.began = time.monotonic()
        for step in range(first, self.total):
            phase, start = self.method.phase_at(step)
            if step == start:
                self._label(step, phase, state)
                state = jax.device_put(_begin(self.method, state, phase), replicated(self.mesh))
            batch = put_batch(self.mesh, self.progress.awaited(self.iterator))
            if step == first:
                self.progress.note("compiles the training step")
            state, metrics = _step(self.method, self.augment, self.experiment.translate, state, batch, phase)
            self._read_late()
            self.late = (step + 1, metrics)
            self._after(step + 1, state)
        self._save(self.total, state)
        self.checkpoints.wait()
        self.progress.close()
        return state

    def _start(self) -> tuple[State, int]:
        """The state to begin with, and how many steps it has behind it."""
        latest = self.checkpoints.latest()
        if latest is not None:
            like = abstract_state(self.method, latest, self.size, replicated(self.mesh))
            phase, start = self.method.phase_at(latest)
            if latest < self.total and (latest > start or self.method.labelling(phase) is None):
                self.iterator = self._batches(phase)
            state = self.checkpoints.restore(latest, like, self.iterator)
            self.folder.forget_after(latest)
            self.saved = latest
            return state, latest
        self.folder.forget_after(0)
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
        return jax.device_put(state, replicated(self.mesh)), 0

    def _batches(self, phase: int) -> data.BatchIterator:
        """Batches from the beginning of the stretch of phases, between two labellings, that `phase` is in."""
        stretch = stretch_of(self.experiment, self.sources, self.folder.pseudo_labels, phase)
        return data.batches(
            stretch.sources,
            batch=self.experiment.batch // jax.process_count(),
            seed=stretch.seed,
            threads=self.experiment.threads,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
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

        variables = self.method.variables(state)
        folder = self.folder.pseudo_labels
        made = label_target(
            self.experiment, phase, variables, self.sources, folder, self.mesh, between=between
        )
        share = sum(made["labelled"]) / max(sum(made["predicted"]), 1)
        self.progress.note(f"{name}: {100 * share:.1f}% of the pixels are labelled")
        # Logged as of the step that follows: a run that goes on from here labels, or finds the labels, and logs again.
        self.folder.log({"kind": "labelling", "step": step + 1, "phase": name, "share": share} | made)
        self.iterator = self._batches(phase)

    def _after(self, done: int, state: State) -> None:
        """Saves, evaluates and stops, where `done` steps call for it."""
        experiment = self.experiment
        stop = self.received()
        if done % experiment.checkpoint_every == 0 or stop is not None:
            self._save(done, state)
        if stop is not None:
            self.checkpoints.wait()
            self.progress.close()
            raise Stopped(done, stop)
        if experiment.evaluate_every and (done % experiment.evaluate_every == 0 or done == self.total):
            for name, data_set in experiment.scored.items():
                if not data_set.has("val"):
                    continue
                score = evaluate(
                    self.method.network,
                    self.method.variables(state),
                    data_set,
                    "val",
                    experiment.evaluation,
                    domain=experiment.domain_of(data_set),
                )
                line = {"kind": "evaluation", "step": done, "on": f"{name}/val"}
                self.folder.log(line | score.figures)
                self.progress.note(f"step {done}: {score.headline} on {name}/val")

    def _save(self, done: int, state: State) -> None:
        """Saves a state whose step is known to be finite."""
        self._read_late()
        if self.saved != done:
            self.checkpoints.save(done, state, self.iterator)
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
        bad = [
            f"term {name!r} is {value}" for name, value in values["terms"].items() if not math.isfinite(value)
        ]
        if not bad and not math.isfinite(values["loss"]):
            bad = [f"the loss is {values['loss']} though every term is finite (a weight is not)"]
        if not bad and not math.isfinite(values.get("gradient_norm", 0.0)):
            bad = [f"the gradient norm is {values['gradient_norm']} though every term is finite"]
        if not bad:
            return
        self.checkpoints.wait()
        self.progress.close()
        kept = (
            f"the last good checkpoint is step {self.saved}" if self.saved else "there is no checkpoint yet"
        )
        raise Diverged(
            f"{', '.join(bad)} at step {step} of {self.folder.path} (phase {phase}); {kept}; "
            "lower the learning rate, or the weight of that term"
        )
