"""Optimisers and learning-rate schedules as pytrees: every number is a leaf, so a sweep over them compiles once.

The optax transformation is built inside the traced step from the leaves and the step, so a learning rate can be
stacked, differentiated or changed on the command line without a new program. The optimiser's state never depends on
a number of these.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree
from jaxseg.methods.groups import Groups

STATIC = {"static": True}
POSITIVE, SHARE = (0.0, math.inf), (0.0, 1.0)
"""Bounds of numbers, of which the upper one is left out."""


class Schedule:
    """What multiplies the learning rate: called with the step and the number of steps, returns a factor."""

    def __call__(self, step: Scalar, steps: int) -> Float[Array, ""]:
        """Factor at `step` (0-based) of `steps`."""
        raise NotImplementedError(f"{type(self).__name__} does not define a factor")

    def validate(self, name: str) -> None:
        """Raises `InputError`, which calls the schedule `name`, where a number is none of what it may be."""


@pytree
@dataclasses.dataclass(frozen=True)
class Constant(Schedule):
    """A factor of 1 at every step.

    >>> float(Constant()(3, 10))
    1.0
    """

    def __call__(self, step: Scalar, steps: int) -> Float[Array, ""]:
        return jnp.ones((), jnp.float32)


@pytree
@dataclasses.dataclass(frozen=True)
class Poly(Schedule):
    """Polynomial decay `(1 - step / (steps * stretch)) ^ power`, with a linear warm-up before it.

    DeepLab's schedule (power 0.9), which MetaPix and the structural loss's paper state and MaxSquare's code has.
    `stretch > 1` is MaxSquare's source pretraining: its formula counts to 200,000 iterations and stops at 80,000.

    >>> round(float(Poly()(75000, 150000)), 5)
    0.53589
    """

    power: Scalar = 0.9
    stretch: Scalar = 1.0
    warmup: Scalar = 0.0

    def validate(self, name: str) -> None:
        _check_numbers(name, self, {"power": POSITIVE, "stretch": (1.0, math.inf), "warmup": POSITIVE})

    def __call__(self, step: Scalar, steps: int) -> Float[Array, ""]:
        position = jnp.asarray(step, jnp.float32)
        total = steps * self.stretch
        left = jnp.maximum(
            (total - position) / total, 0.0
        )  # 1 - position / total loses the last steps in float32
        ramp = jnp.minimum((position + 1.0) / jnp.maximum(jnp.asarray(self.warmup, jnp.float32), 1.0), 1.0)
        return ramp * left**self.power


@pytree
@dataclasses.dataclass(frozen=True)
class Inverse(Schedule):
    """Inverse decay `(1 + rise * step / steps) ^ -power`, DANN's schedule (Ganin and Lempitsky 2015).

    Code that counts steps, such as `(1 + 0.001 * step) ^ -0.75`, is `rise=0.001 * steps`.

    >>> round(float(Inverse()(500, 1000)), 5)
    0.26085
    """

    rise: Scalar = 10.0
    power: Scalar = 0.75

    def validate(self, name: str) -> None:
        _check_numbers(name, self, {"rise": POSITIVE, "power": POSITIVE})

    def __call__(self, step: Scalar, steps: int) -> Float[Array, ""]:
        position = jnp.asarray(step, jnp.float32) / steps
        return jnp.power(1.0 + self.rise * position, -self.power)


@pytree
@dataclasses.dataclass(frozen=True)
class Stairs(Schedule):
    """Steps down by a factor at regular intervals, `factor ^ floor(step / every)`; LSD-seg's encoder: 0.1, 8 epochs.

    >>> [round(float(Stairs(every=100)(step, 1000)), 5) for step in (99, 100, 250)]
    [1.0, 0.1, 0.01]
    """

    every: Scalar
    factor: Scalar = 0.1

    def validate(self, name: str) -> None:
        _check_numbers(name, self, {"every": (1.0, math.inf), "factor": POSITIVE})

    def __call__(self, step: Scalar, steps: int) -> Float[Array, ""]:
        fallen = jnp.floor(jnp.asarray(step, jnp.float32) / self.every)
        return jnp.power(jnp.asarray(self.factor, jnp.float32), fallen)


class Optimizer:
    """How gradients move parameters; `transformation` is the optax form at one step."""

    def transformation(
        self, step: Scalar, steps: int, head: tuple[str, ...] = ()
    ) -> optax.GradientTransformation:
        """The optax transformation at `step` of `steps`; its state's structure is the same at every step.

        `head` names the top modules that are the network's head (`Network.head`).
        """
        raise NotImplementedError(f"{type(self).__name__} does not define a transformation")

    def rate(self, step: Scalar, steps: int) -> Float[Array, ""]:
        """The learning rate at `step` of `steps`."""
        raise NotImplementedError(f"{type(self).__name__} does not define a learning rate")

    def validate(self, name: str) -> None:
        """Raises `InputError`, which calls the optimiser `name`, where a number is none of what it may be."""


def _check_numbers(name: str, owner: Any, bounds: Mapping[str, tuple[float, float]]) -> None:
    """Raises `InputError` unless numbers lie in their bounds, of which the upper one is left out."""
    for field, (least, most) in bounds.items():
        value = float(getattr(owner, field))
        if not least <= value < most:
            range_ = f"at least {least:g}" + ("" if most == math.inf else f" and below {most:g}")
            raise InputError(f"{name}.{field}: {value:g}; {range_}, and finite")


@pytree
@dataclasses.dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent with heavy-ball momentum and L2 weight decay.

        g <- g + weight_decay * p;   v <- momentum * v + g;   p <- p - learning_rate * v

    The learning rate stays outside the buffer, as in Caffe's successors and PyTorch. Defaults are DeepLabv2's in
    MaxSquare, AdaptSegNet and AdvEnt: 2.5e-4, 0.9, 5e-4, poly 0.9; their heads learn ten times faster, which
    `groups=Groups(head=10.0)` says.
    """

    learning_rate: Scalar = 2.5e-4
    momentum: Scalar = 0.9
    weight_decay: Scalar = 5e-4
    schedule: Schedule = Poly()
    groups: Groups = Groups()

    def validate(self, name: str) -> None:
        bounds = {"learning_rate": POSITIVE, "momentum": SHARE, "weight_decay": POSITIVE}
        _check_numbers(name, self, bounds)
        self.schedule.validate(f"{name}.schedule")

    def rate(self, step: Scalar, steps: int) -> Float[Array, ""]:
        return jnp.asarray(self.learning_rate, jnp.float32) * self.schedule(step, steps)

    def transformation(
        self, step: Scalar, steps: int, head: tuple[str, ...] = ()
    ) -> optax.GradientTransformation:
        return optax.chain(
            self.groups.decay(self.weight_decay),
            optax.trace(self.momentum),
            optax.scale_by_learning_rate(self.rate(step, steps)),
            self.groups.scaled(head),
        )


@pytree
@dataclasses.dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015) with weight decay in the gradient (L2, the default) or decoupled (AdamW).

    ENet: 5e-4 and weight decay 2e-4; the Conservative loss and MetaPix: betas (0.9, 0.999).
    """

    learning_rate: Scalar = 5e-4
    b1: Scalar = 0.9
    b2: Scalar = 0.999
    eps: Scalar = 1e-8
    weight_decay: Scalar = 0.0
    schedule: Schedule = Poly()
    groups: Groups = Groups()
    decoupled: bool = dataclasses.field(default=False, metadata=STATIC)

    def validate(self, name: str) -> None:
        bounds = {
            "learning_rate": POSITIVE,
            "b1": SHARE,
            "b2": SHARE,
            "eps": POSITIVE,
            "weight_decay": POSITIVE,
        }
        _check_numbers(name, self, bounds)
        self.schedule.validate(f"{name}.schedule")

    def rate(self, step: Scalar, steps: int) -> Float[Array, ""]:
        return jnp.asarray(self.learning_rate, jnp.float32) * self.schedule(step, steps)

    def transformation(
        self, step: Scalar, steps: int, head: tuple[str, ...] = ()
    ) -> optax.GradientTransformation:
        adam = _promoting(optax.scale_by_adam(self.b1, self.b2, self.eps))
        decay = self.groups.decay(self.weight_decay)
        order = (adam, decay) if self.decoupled else (decay, adam)
        rate = optax.scale_by_learning_rate(self.rate(step, steps))
        return optax.chain(*order, rate, self.groups.scaled(head))


def _promoting(transformation: optax.GradientTransformation) -> optax.GradientTransformation:
    """The same under `jax_numpy_dtype_promotion="strict"`: optax's Adam raises a float to an integer count."""

    def update(updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None) -> Any:
        with jax.numpy_dtype_promotion("standard"):
            return transformation.update(updates, state, params)

    return optax.GradientTransformation(transformation.init, update)
