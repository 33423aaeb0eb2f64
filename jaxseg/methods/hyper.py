"""Hyper-gradients: what every number of an objective does to another loss, through steps of training.

    theta_(k+1) = theta_k - alpha dL(theta_k; lambda)/dtheta,  k = 0 .. n-1,       H(lambda) = L_outer(theta_n)

lambda are the leaves of the objective L: weights of its terms, a ground metric, focal's gamma, weights of classes. They
are named as they are reached, `"source.weight"`, `"source.loss.ground"`:

    value, slopes = hypergradient(network, variables, objective, batch, outer, rate=0.1,
                                  names=("source.weight", "source.loss.ground"))

and `HyperMethod` learns them while it trains. A number that only ever decides (a threshold, such as the beta of the
structural loss, which also stops the gradient of its error) has a hyper-gradient of exactly 0: the loss is flat in it
almost everywhere.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree
from jaxseg.methods._hypergradient import (
    Objective,
    check_names,
    hypergradient,
    numbers,
    summed,
    with_numbers,
)
from jaxseg.methods._several import beside, fresh_moments, stepped
from jaxseg.methods._steps import moved
from jaxseg.methods._warmed import Warmed
from jaxseg.methods.method import METHOD_STREAM, Batch, Metrics, State, initial_state
from jaxseg.methods.objective import Summand, WarmStart
from jaxseg.methods.optimizer import SGD, STATIC, Adam, Constant, Optimizer
from jaxseg.models import Network

__all__ = ["HyperMethod", "hypergradient", "numbers", "with_numbers"]

HYPER, OUTER = "hyper", "outer"
"""Names of the learned numbers in the state, in their parametrisation, and of the outer loss among the terms."""


@pytree
@dataclasses.dataclass(frozen=True)
class HyperMethod(Warmed):
    """Training on an objective whose own numbers are learned by what they do to an outer objective.

    Every step first moves the chosen numbers along their hyper-gradient, then the network on the objective with the new
    numbers, as MetaPix and Ren et al. do with weights of pixels. Numbers that must stay positive are learned in their
    logarithm, lambda = exp(h): steps are relative, and an entry that is 0, such as the diagonal of a ground metric,
    stays 0.

    Attributes:
      network: the segmentation network, or a classifier of whole images.
      objective: what the network learns; its numbers are where learning starts.
      outer: what the numbers learn, commonly the plain loss of the target's labels. Where it reads a domain that the
        objective reads too, both see the same images unless `halves`.
      steps: updates of the main phase.
      positive: dotted names of the numbers that are learned in their logarithm, see `numbers`.
      free: of those that are learned as they are.
      inner_steps: virtual steps of a hyper-gradient, all on the batch at hand.
      inner_rate: their rate; None for the optimiser's at that time.
      halves: the objective sees the first half of each domain's images, the outer one the second.
      remat: compute virtual steps again in the backward pass.
      optimizer: of the network.
      hyper_optimizer: of the numbers.
      warm_start: an objective to run first, during which the numbers rest, or None.

    Source: ours; one step of unrolling and one step of training in turn is that of MetaPix (Jian and Gao 2021).
    """

    network: Network = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    outer: Mapping[str, Summand]
    steps: int = dataclasses.field(metadata=STATIC)
    positive: tuple[str, ...] = dataclasses.field(default=(), metadata=STATIC)
    free: tuple[str, ...] = dataclasses.field(default=(), metadata=STATIC)
    inner_steps: int = dataclasses.field(default=1, metadata=STATIC)
    inner_rate: Any = None  # a Scalar, or None; the command line reads what a config sets
    halves: bool = dataclasses.field(default=False, metadata=STATIC)
    remat: bool = dataclasses.field(default=False, metadata=STATIC)
    optimizer: Optimizer = SGD()
    hyper_optimizer: Optimizer = Adam(learning_rate=0.01, schedule=Constant())
    warm_start: WarmStart | None = None

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        self.alone.validate()
        for name, term in self.outer.items():
            term.validate(f"outer.{name}", self.domains)
        chosen = (*self.positive, *self.free)
        if not chosen:
            raise InputError("positive, free: no number is to be learned; name one, or use ObjectiveMethod")
        twice = {name for name in chosen if chosen.count(name) > 1}
        if twice:
            raise InputError(f"positive, free: {min(twice)} is named twice; name it once")
        if OUTER in self.objective:
            raise InputError(f"objective.{OUTER}: the name of the outer loss in the metrics; choose another")
        if self.inner_steps < 1:
            raise InputError(f"inner_steps: {self.inner_steps}; it is at least 1")
        check_names(self.objective, chosen)
        known = numbers(self.objective)
        for name in self.positive:
            value = np.asarray(known[name])
            if np.any(value < 0) or not np.any(value > 0):
                where = "below 0" if np.any(value < 0) else "at 0, where it would stay"
                raise InputError(f"positive: {name} begins {where}; begin above 0, or put it in free")

    def needs(self) -> tuple[str, ...]:
        read = {*self.alone.needs(), *(term.domain for term in self.outer.values())}
        return tuple(domain for domain in self.domains if domain in read)

    def terms(self, phase: int) -> dict[str, str]:
        """None but in the warm start: the numbers, weights among them, move by all terms before the network does."""
        return super().terms(phase) if self.rests(phase) else {}

    def numbers(self, state: State) -> dict[str, Array]:
        """The learned numbers by name, as the objective has them."""
        held, first = state.params[HYPER], numbers(self.objective)

        def positive(name: str) -> Array:
            return jnp.where(jnp.asarray(first[name]) > 0, jnp.exp(held[name]), 0.0)

        return {name: positive(name) if name in self.positive else held[name] for name in held}

    def init(self, seed: Array, image: Array) -> State:
        state, known = initial_state(self, seed, image), numbers(self.objective)
        first = {name: jnp.asarray(known[name], jnp.float32) for name in (*self.positive, *self.free)}
        logarithms = {name: jnp.log(jnp.where(first[name] > 0, first[name], 1.0)) for name in self.positive}
        held = {**first, **logarithms}
        return beside(state, {HYPER: {"params": held, "batch_stats": {}}})

    def begin(self, state: State, phase: int) -> State:
        optimizers = {"network": self.learned(phase)[1], HYPER: self.hyper_optimizer}
        return dataclasses.replace(state, opt_state=fresh_moments(state, optimizers))

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        position = self.position(state, phase)
        if self.rests(phase):
            return self._learn(state, batch, *self.learned(phase), position, self.phases[phase].steps)
        inner, outer = _halved(batch) if self.halves else (batch, batch)
        state, value, told = self._tune(state, inner, outer, position)
        objective = with_numbers(self.objective, self.numbers(state))
        after, metrics = self._learn(state, inner, objective, self.optimizer, position, self.steps)
        return after, {**metrics, "terms": {**metrics["terms"], OUTER: value}, **told}

    def _tune(
        self, state: State, inner: Batch, outer: Batch, position: Scalar
    ) -> tuple[State, Float[Array, ""], Metrics]:
        """One step on the numbers, and the outer loss before it."""
        variables = self.variables(state)
        alpha = self.optimizer.rate(position, self.steps) if self.inner_rate is None else self.inner_rate
        now = self.numbers(state)
        value, slopes = hypergradient(
            self.network,
            variables,
            with_numbers(self.objective, now),
            inner,
            self.outer,
            rate=alpha,
            names=(*self.positive, *self.free),
            steps=self.inner_steps,
            held_out=outer,
            key=jax.random.fold_in(state.key(METHOD_STREAM), len(self.domains)),
            remat=self.remat,
        )
        gradient = {name: s * now[name] if name in self.positive else s for name, s in slopes.items()}
        held, moments = moved(
            self.hyper_optimizer,
            state.params[HYPER],
            gradient,
            state.opt_state[HYPER],
            position,
            self.steps,
        )
        new = dataclasses.replace(
            state,
            params={**state.params, HYPER: held},
            opt_state={**state.opt_state, HYPER: moments},
        )
        told = {
            "hyper": {name: jnp.mean(value) for name, value in self.numbers(new).items()},
            "hyper_gradient_norm": optax.global_norm(gradient),
        }
        return new, value, told

    def _learn(
        self,
        state: State,
        batch: Batch,
        objective: Objective,
        optimizer: Optimizer,
        position: Scalar,
        steps: int,
    ) -> tuple[State, Metrics]:
        """One step on the network."""
        key, stats = state.key(METHOD_STREAM), state.batch_stats["network"]
        learn = jax.value_and_grad(
            lambda theta: summed(self.network, objective, theta, stats, batch, key), has_aux=True
        )
        (value, (after, terms)), gradient = learn(state.params["network"])
        new, of_step = stepped(
            state, "network", gradient, after, optimizer, position, steps, self.network.head
        )
        return new, {"loss": value, "terms": terms, **of_step}


def _halved(batch: Batch) -> tuple[Batch, Batch]:
    sizes = [part["image"].shape[0] for part in batch.values()]
    if min(sizes) < 2:
        raise InputError("halves: a batch of one image has none; use --batch 2 or more, or leave halves out")
    first = {d: {k: x[: len(x) // 2] for k, x in part.items()} for d, part in batch.items()}
    second = {d: {k: x[len(x) // 2 :] for k, x in part.items()} for d, part in batch.items()}
    return first, second
