"""What every training method is: two pure functions and a list of phases, over a state that is a pytree.

A method is a frozen dataclass, registered as a pytree whose leaves are its hyper-parameters. The trainer traces it, so
changing a leaf never recompiles, and stacking several is a sweep. A method owns no jit, no mesh, no loop, no files.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.losses import pytree
from jaxseg.methods.labelling import Labelling
from jaxseg.models import Network

Batch = Mapping[str, Mapping[str, Array]]
Metrics = Mapping[str, Any]


class Phase(NamedTuple):
    """A stretch of training during which one step function runs.

    Attributes:
      name: shown in the progress line and the metrics.
      steps: how many steps it takes.
    """

    name: str
    steps: int


@pytree
@dataclasses.dataclass(frozen=True)
class State:
    """Everything that training carries from one step to the next.

    Attributes:
      seed: int32 scalar; every random draw is `fold_in(key(seed), step)`.
      step: int32 scalar, steps taken so far, over all phases.
      params: trainable parameters.
      batch_stats: batch statistics of the network.
      opt_state: the optimiser's state, of the phase that is running.
    """

    seed: Any  # a leaf is whatever a transformation puts there: an array, a shape, a sharding
    step: Any
    params: Any
    batch_stats: Any
    opt_state: Any

    def key(self, stream: int) -> Array:
        """The random key of this step, for one stream of draws (a small integer)."""
        return jax.random.fold_in(jax.random.fold_in(jax.random.key(self.seed), self.step), stream)


AUGMENTATION_STREAM, METHOD_STREAM = 0, 1
"""Streams of `State.key`: the trainer's augmentation draws from the first, the method from the second."""


class Method:
    """Base class of training methods. Subclasses are frozen dataclasses registered as pytrees.

    A method sees batches `{"source": {"image", "label"}, "target": {...}}` whose images are float32 0..255 RGB and
    whose labels are train ids (void 255); every image also has `"valid"`, false where augmentation padded it. In
    classification labels are the classes of whole images, int32 [B], and `"valid"` is true [B].
    """

    network: Network
    domains: ClassVar[tuple[str, ...]] = ("source", "target")

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases, in the order in which they run."""
        raise NotImplementedError(f"{type(self).__name__} does not define its phases")

    @property
    def total_steps(self) -> int:
        """Steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def phase_at(self, step: int) -> tuple[int, int]:
        """Index of the phase that takes step `step` (0-based), and the step at which that phase began."""
        start = 0
        for index, phase in enumerate(self.phases):
            if step < start + phase.steps:
                return index, start
            start += phase.steps
        return len(self.phases) - 1, start - self.phases[-1].steps

    def validate(self) -> None:
        """Raises `InputError` where the fields do not fit together (by default they always do)."""

    def needs(self) -> tuple[str, ...]:
        """Names of the domains that the method reads."""
        return self.domains

    def reads(self, phase: int) -> tuple[str, ...]:
        """Names of the domains whose images the network sees in a phase; by default all that the method reads."""
        return self.needs()

    def labelling(self, phase: int) -> Labelling | None:
        """How the target is to be labelled by the network before phase `phase`, or None (the default).

        From such a phase on, the target's batches carry these labels, `"label"` (void where there is none), and under
        a soft rule `"targets"` [B, H, W, C] (all 0 where there is none). A method that asks for labels at any phase
        never sees the true ones of the target: before the first such phase they are void.
        """
        return None

    def terms(self, phase: int) -> dict[str, str]:
        """What the loss of the network that learns in a phase adds up: by name, the leaf that is a term's weight.

        Leaves are named with dots, as on the command line. The norm of the gradient that `step` reports is 0 with all
        of them 0, and that of one term with its own 1. By default the terms are those of `objective`, in a phase named
        `"warm_start"` those of its objective; there are none where a method has neither.
        """
        warm = self.phases[phase].name == "warm_start"
        place = "warm_start.objective" if warm else "objective"
        objective = getattr(getattr(self, "warm_start", None) if warm else self, "objective", {})
        return {name: f"{place}.{name}.weight" for name in objective}

    def program(self, phase: int) -> int:
        """The first phase whose `step` does what that of `phase` does; phases that share it share a compiled program.

        By default every phase has its own. A method that says otherwise tells such phases apart by `state.step`.
        """
        return phase

    def init(self, seed: Array, image: Array) -> State:
        """State before the first step, for images of this shape [B, H, W, 3]."""
        raise NotImplementedError(f"{type(self).__name__} does not define init")

    def begin(self, state: State, phase: int) -> State:
        """State at the start of phase `phase`: what a phase resets (by default nothing)."""
        return state

    def begun(self, state: State, phase: int) -> State:
        """A fresh state with phase `phase` begun, and before it, in turn, those that have steps, as in training."""
        for index, earlier in enumerate(self.phases[:phase]):
            if earlier.steps:  # what a later phase keeps is what this one began with
                state = self.begin(state, index)
        return self.begin(state, phase)

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        """One update. Metrics hold `"loss"`, `"terms"` (by name) and whatever else the method reports, as scalars."""
        raise NotImplementedError(f"{type(self).__name__} does not define step")

    def variables(self, state: State) -> dict[str, Any]:
        """The variables that predict: `network.apply` takes them."""
        return {"params": state.params, "batch_stats": state.batch_stats}

    def with_variables(self, state: State, variables: Mapping[str, Any]) -> State:
        """The state with the network's variables replaced, as when training starts from another run's."""
        return dataclasses.replace(state, params=variables["params"], batch_stats=variables["batch_stats"])


@runtime_checkable
class Draws(Protocol):
    """A method that makes pictures to be looked at, as one with a generator does."""

    def pictures(self, state: State, image: Float[Array, "B H W 3"], domain: str) -> Mapping[str, Array]:
        """Pictures of what the method makes of raw images, without any randomness.

        Args:
          state: at any step.
          image: [B, H, W, 3] RGB in 0..255.
          domain: which the images are of.

        Returns:
          Pictures by title, 0..1, in colour [B, h, w, 3] or grey [B, h, w].
        """


def initial_state(method: Method, seed: Array, image: Array) -> State:
    """A fresh `State` of a method with one network: parameters drawn from `seed`, no optimiser state yet."""
    key = jax.random.key(seed)
    variables = method.network.init(key, method.network.normalization(image))
    return State(
        seed=jnp.asarray(seed, jnp.int32),
        step=jnp.zeros((), jnp.int32),
        params=variables["params"],
        batch_stats=variables["batch_stats"],
        opt_state=None,
    )
