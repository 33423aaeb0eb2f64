"""Wasserstein losses with a closed form: for one-hot targets, and for soft ones under the step metric.

Liu, Ji, Lu, You, et al., "Importance-aware semantic segmentation in self-driving with discrete Wasserstein training",
AAAI 2020. The loss between the prediction s and the target t under a ground metric D is the cost of the cheapest plan
W that moves the one onto the other, Eq. 1:

    L = min_W sum_ij D_ij W_ij,    W_ij >= 0,    sum_j W_ij = s_i,    sum_i W_ij = t_j

`ground` makes metrics, `sinkhorn` approximates the loss for soft targets under any metric.
"""

import dataclasses
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer, Shaped

from jaxseg.losses._pixels import (
    Labels,
    Logits,
    Loss,
    Statistics,
    Targets,
    Where,
    as_float,
    as_ids,
    as_mask,
    check_labels,
    check_shape,
    class_count,
    keep,
    log_softmax_of,
    reduce_together,
    shift_and_log_total,
    tangents_of,
    valid_pixels,
)
from jaxseg.losses._pytree import pytree


def wasserstein(
    logits: Logits,
    labels: Labels,
    ground: Shaped[ArrayLike, "..."],
    *,
    where: Where = None,
) -> Float[Array, "*B"]:
    """Wasserstein distance between the prediction at each pixel and its label, exact.

        L = sum_i s_i D_iy,    dL/dx_k = s_k (D_ky - L),    s = softmax(x)                               Eq. 2

    A one-hot target leaves one plan only: all that is predicted moves to y. Every logit's gradient fades as s becomes
    certain, of a wrong class too; the paper trains with cross entropy first.

    The paper's prose reads D_ij as the severity of taking class i for class j; its Eq. 1 and 2, followed here, have
    the *predicted* class in the row and the *true* one in the column. For an asymmetric metric the two differ.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      labels: [*B] class ids y; ids outside 0..C-1 are void.
      ground: [C, C] cost D of each confusion, row = predicted class, column = true class. Differentiated too.
      where: [*B] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] in the units of `ground`, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `where` that is not bool.

    >>> s, chain = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.abs(jnp.arange(4)[:, None] - jnp.arange(4))
    >>> wasserstein(jnp.log(s), jnp.array(2), chain).round(3)
    Array(0.8, dtype=float32)
    """
    classes = class_count(logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    check_shape("ground", ground, (classes, classes))
    x = as_float(logits)
    costs = jnp.asarray(ground).astype(x.dtype)
    return _cost_statistics(x, costs, as_ids(labels), valid_pixels(labels, classes, where))[-1]


# Both read the column of the true class, D_iy for every predicted class i, in the loop over classes and without an
# array of them. Were value and slope to read it by the same expression, the compiler would store it between the two.


def _columns(ground: Float[Array, "C C"], labels: Integer[Array, "*B"]) -> Float[Array, "*B C"]:
    return jnp.take(ground.T, labels, axis=0, mode="clip")


def _columns_again(ground: Float[Array, "C C"], labels: Integer[Array, "*B"]) -> Float[Array, "*B C"]:
    classes = ground.shape[0]
    entries = jnp.arange(classes, dtype=labels.dtype) * classes + labels[..., None]
    return jnp.take(jnp.ravel(ground), entries, mode="clip")


@jax.custom_jvp
def _cost_statistics(
    x: Float[Array, "*B C"],
    ground: Float[Array, "C C"],
    labels: Integer[Array, "*B"],
    valid: Bool[Array, "*B"],
) -> Statistics:
    top = jnp.max(x, axis=-1)
    mass = jnp.exp(x - top[..., None])
    total, cost = reduce_together(jax.lax.add, 0.0, (-1,), mass, mass * _columns(ground, labels))
    return *shift_and_log_total(top, jnp.log(total), valid), keep(cost / total, valid)


@_cost_statistics.defjvp
def _cost_statistics_jvp(primals: tuple, tangents: tuple) -> tuple[Statistics, Statistics]:
    (x, ground, labels, valid), (dx, dground, _, _) = primals, tangents
    statistics = _cost_statistics(x, ground, labels, valid)
    s = jnp.exp(log_softmax_of(x, statistics))
    slope = s * (_columns_again(ground, labels) - statistics[-1][..., None])
    change = jnp.sum(slope * dx, axis=-1) + jnp.sum(s * _columns(dground, labels), axis=-1)
    return statistics, tangents_of(s, dx, valid, change)


def total_variation(
    logits: Logits,
    targets: Targets,
    *,
    where: Where = None,
) -> Float[Array, "*B"]:
    """Total variation between the prediction and a distribution: the Wasserstein distance of the step metric, exact.

        L = 1/2 sum_c |s_c - t_c|,    s = softmax(x)                                                    Eq. 5

    Every confusion costs 1. With a one-hot target it is 1 - s_y.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      targets: [*B, C] probabilities t, which sum to 1 over the classes. Differentiated too.
      where: [*B] bool, pixels that count; None for all.

    Returns:
      [*B] in 0..1, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, `where` that is not bool.

    >>> s, t = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.array([0.05, 0.05, 0.8, 0.1])
    >>> total_variation(jnp.log(s), t).round(3)
    Array(0.5, dtype=float32)
    """
    class_count(logits)
    check_shape("targets", targets, jnp.shape(logits))
    x = as_float(logits)
    valid = None if where is None else as_mask(where, x.shape[:-1])
    return _variation_statistics(x, jnp.asarray(targets).astype(x.dtype), valid)[-1]


@jax.custom_jvp
def _variation_statistics(
    x: Float[Array, "*B C"], targets: Float[Array, "*B C"], valid: Bool[Array, "*B"] | None
) -> Statistics:
    top = jnp.max(x, axis=-1)
    log_total = jnp.log(jnp.sum(jnp.exp(x - top[..., None]), axis=-1))
    # Without the barrier XLA on CPU stores the sum once for every class, which costs a third of the whole.
    log_norm = jax.lax.optimization_barrier(top + log_total)
    s = jnp.exp(x - log_norm[..., None])
    apart = s - targets
    # Half of: the loss, and s . side, of which the slope is made; side_c is 1 where s_c > t_c and -1 elsewhere, a
    # subgradient where they are equal (XLA on CPU takes four times as long over `sign` in a sum).
    signed = jnp.where(apart > 0.0, s, -s)
    loss, balance = reduce_together(jax.lax.add, 0.0, (-1,), jnp.abs(apart), signed)
    return *shift_and_log_total(top, log_total, valid), keep(0.5 * balance, valid), keep(0.5 * loss, valid)


@_variation_statistics.defjvp
def _variation_statistics_jvp(primals: tuple, tangents: tuple) -> tuple[Statistics, Statistics]:
    (x, targets, valid), (dx, dt, _) = primals, tangents
    statistics = _variation_statistics(x, targets, valid)
    s = jnp.exp(log_softmax_of(x, statistics))
    side = jnp.where(s > jnp.where(jnp.abs(targets) < jnp.inf, targets, 0.0), 0.5, -0.5)
    balance = jnp.sum(s * (side - statistics[2][..., None]) * dx, axis=-1)
    return statistics, tangents_of(s, dx, valid, balance, balance - jnp.sum(side * dt, axis=-1))


@pytree
@dataclasses.dataclass(frozen=True)
class Wasserstein(Loss):
    """`wasserstein` with its ground metric [C, C] (row = predicted, column = true) as a leaf."""

    takes: ClassVar[Literal["labels"]] = "labels"
    ground: Any

    def __call__(
        self,
        logits: Logits,
        labels: Labels,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `wasserstein`."""
        return wasserstein(logits, labels, self.ground, where=where)


@pytree
@dataclasses.dataclass(frozen=True)
class TotalVariation(Loss):
    """`total_variation` as an object."""

    takes: ClassVar[Literal["targets"]] = "targets"

    def __call__(
        self,
        logits: Logits,
        targets: Targets,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `total_variation`."""
        return total_variation(logits, targets, where=where)
