"""The compiled programs of training: a method's first state, the beginning of a phase, and the step."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jaxtyping import Array

from jaxseg.data.augment import Augmentation, FourierSwap
from jaxseg.methods import Method, Metrics, State
from jaxseg.methods.method import AUGMENTATION_STREAM
from jaxseg.train._inputs import ready
from jaxseg.train.mesh import state_specs


@functools.partial(jax.jit, static_argnames=("phase", "sharded"), donate_argnames=("state",))
def step(
    method: Method,
    augment: Mapping[str, Augmentation],
    translate: FourierSwap | None,
    state: State,
    batch: Mapping[str, Mapping[str, Array]],
    phase: int,
    sharded: bool = False,
) -> tuple[State, Metrics]:
    """One update from a raw batch.

    Where the state is `sharded`, every device gathers the parameters to compute with; the optimiser's state stays
    split, so each device updates its part.
    """
    inputs = ready(augment, translate, state.key(AUGMENTATION_STREAM), batch)
    if not sharded:
        return method.step(state, inputs, phase)
    whole = jax.lax.with_sharding_constraint((state.params, state.batch_stats), PartitionSpec())
    gathered = dataclasses.replace(state, params=whole[0], batch_stats=whole[1])
    after, metrics = method.step(gathered, inputs, phase)
    specs = state_specs(jax.sharding.get_abstract_mesh(), after)
    return jax.lax.with_sharding_constraint(after, specs), metrics


@functools.cache
def initializer(backend: str) -> Callable[..., State]:
    """A method's `init`, compiled for images of a given size.

    A network's initialisation is some hundred random draws: on a CPU, optimising them costs far more than running them.
    """

    def init(method: Method, seed: Array, size: tuple[int, int]) -> State:
        return method.init(seed, jnp.zeros((1, *size, 3), jnp.float32))

    quick = {"xla_backend_optimization_level": 0} if backend == "cpu" else None
    return jax.jit(init, static_argnames=("size",), compiler_options=quick)


@functools.partial(jax.jit, static_argnames=("phase",))
def begin(method: Method, state: State, phase: int) -> State:
    """The state at the start of a phase."""
    return method.begin(state, phase)
