"""Cross entropy: with labels, with distributions, and one class against the rest."""

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer

from jaxseg.losses._pixels import (
    Labels,
    Leaf,
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
    is_true_class,
    keep,
    log_softmax_of,
    reduce_together,
    shift_and_log_total,
    tangents_of,
    true_class_nll,
    valid_pixels,
)
from jaxseg.losses._pytree import pytree


def softmax_cross_entropy(
    logits: Logits,
    labels: Labels,
    *,
    class_weights: Leaf = None,
    where: Where = None,
) -> Float[Array, "*B"]:
    """Cross entropy of each pixel with its label.

        CE = -w_y log p_y,    p = softmax(x)

    The source loss of every method here. PyTorch's mean with class weights divides by the sum of the weights of the
    pixels; `losses.mean` divides by their number, so a weight of 2 counts twice.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      labels: [*B] class ids y; ids outside 0..C-1 are void.
      class_weights: [C] weight w of each class; None for 1.
      where: [*B] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] nats, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `where` that is not bool.

    >>> softmax_cross_entropy(jnp.array([0.0, 0.0]), jnp.array(1))
    Array(0.6931472, dtype=float32)
    >>> softmax_cross_entropy(jnp.zeros([3, 2]), jnp.array([0, 1, 255]), class_weights=jnp.array([1.0, 2.0]))
    Array([0.6931472, 1.3862944, 0.       ], dtype=float32)
    """
    classes = class_count(logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    valid = valid_pixels(labels, classes, where)
    nll = true_class_nll(logits, labels, valid)
    if class_weights is not None:
        check_shape("class_weights", class_weights, (classes,))
        weights = jnp.asarray(class_weights).astype(nll.dtype)
        nll = nll * jnp.sum(jnp.where(is_true_class(labels, classes), weights, 0.0), axis=-1)
    return jnp.where(valid, nll, 0.0)


def soft_cross_entropy(
    logits: Logits,
    targets: Targets,
    *,
    where: Where = None,
) -> Float[Array, "*B"]:
    """Cross entropy of each pixel with a distribution over the classes.

        CE = -sum_c t_c log p_c,    p = softmax(x)

    The targets need not sum to 1: soft pseudo-labels mark an unselected pixel with a row of zeros, whose value
    and gradient are 0. They are differentiated too: stop their gradient where they come from the network itself.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      targets: [*B, C] probabilities t.
      where: [*B] bool, pixels that count; None for all.

    Returns:
      [*B] nats, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, `where` that is not bool.

    >>> soft_cross_entropy(jnp.array([0.0, 0.0, 0.0, 0.0]), jnp.array([0.5, 0.5, 0.0, 0.0]))
    Array(1.3862944, dtype=float32)
    """
    class_count(logits)
    check_shape("targets", targets, jnp.shape(logits))
    x = as_float(logits)
    valid = None if where is None else as_mask(where, x.shape[:-1])
    return _target_statistics(x, jnp.asarray(targets).astype(x.dtype), valid)[-1]


@jax.custom_jvp
def _target_statistics(
    x: Float[Array, "*B C"], targets: Float[Array, "*B C"], valid: Bool[Array, "*B"] | None
) -> Statistics:
    top = jnp.max(x, axis=-1)
    shifted = x - top[..., None]
    # A class ruled out by a logit of -inf costs nothing where its target is 0, as in the limit, and inf elsewhere.
    wanted = targets * jnp.where(targets == 0.0, 0.0, shifted)
    total, mass, dot = reduce_together(jax.lax.add, 0.0, (-1,), jnp.exp(shifted), targets, wanted)
    log_total = jnp.log(total)
    results = keep(mass, valid), keep(mass * log_total - dot, valid)
    return *shift_and_log_total(top, log_total, valid), *results


@_target_statistics.defjvp
def _target_statistics_jvp(primals: tuple, tangents: tuple) -> tuple[Statistics, Statistics]:
    (x, targets, valid), (dx, dt, _) = primals, tangents
    statistics = _target_statistics(x, targets, valid)
    log_p = log_softmax_of(x, statistics)
    p, mass = jnp.exp(log_p), statistics[2][..., None]
    slope = mass * p - jnp.where(jnp.abs(targets) < jnp.inf, targets, 0.0)
    surprise = -jax.lax.max(log_p, jnp.finfo(x.dtype).min)
    change = jnp.sum(slope * dx, axis=-1) + jnp.sum(surprise * dt, axis=-1)
    return statistics, tangents_of(p, dx, valid, jnp.sum(dt, axis=-1), change)


def sigmoid_cross_entropy(
    logits: Logits,
    labels: Labels,
    *,
    where: Where = None,
) -> Float[Array, "*B"]:
    """Binary cross entropy of each class against the rest, summed over the classes.

        BCE = -log s_y - sum_{c != y} log(1 - s_c),    s = sigmoid(x)

    Args:
      logits: [*B, C] one score x for each class, any float type; computed in float32 (float64 stays).
      labels: [*B] class ids y; ids outside 0..C-1 are void.
      where: [*B] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] nats, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `where` that is not bool.

    >>> sigmoid_cross_entropy(jnp.array([0.0, 0.0, 0.0]), jnp.array(1))
    Array(2.0794415, dtype=float32)
    """
    classes = class_count(logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    return _one_vs_rest(as_float(logits), as_ids(labels), valid_pixels(labels, classes, where))


@jax.custom_jvp
def _one_vs_rest(
    x: Float[Array, "*B C"], labels: Integer[Array, "*B"], valid: Bool[Array, "*B"]
) -> Float[Array, "*B"]:
    true = is_true_class(labels, x.shape[-1])
    # softplus(z) = max(z, 0) + log1p(exp(-|z|)), with z = -x for the true class: only the first part asks which.
    terms = jnp.where(true, jax.nn.relu(-x), 0.0), jnp.where(true, 0.0, jax.nn.relu(x))
    positive, negative = reduce_together(jax.lax.add, 0.0, (-1,), *terms)
    rest = jnp.sum(jnp.log1p(jnp.exp(-jnp.abs(x))), axis=-1)
    return keep(positive + negative + rest, valid)


@_one_vs_rest.defjvp
def _one_vs_rest_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    x, labels, valid = primals
    true = is_true_class(labels, x.shape[-1])
    # sigmoid(x) - 1 as -sigmoid(-x), so that the small side keeps its digits; a NaN of the void must not meet its 0.
    against = jax.nn.sigmoid(jnp.where(jnp.isnan(x), 0.0, jnp.where(true, -x, x)))
    slope = jnp.where(true, -against, against)
    return _one_vs_rest(x, labels, valid), keep(jnp.sum(slope * tangents[0], axis=-1), valid)


@pytree
@dataclasses.dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """`softmax_cross_entropy` with its class weights, if any, as a leaf."""

    takes: ClassVar[Literal["labels"]] = "labels"
    class_weights: Leaf = None

    def __call__(
        self,
        logits: Logits,
        labels: Labels,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `softmax_cross_entropy`."""
        return softmax_cross_entropy(logits, labels, class_weights=self.class_weights, where=where)


@pytree
@dataclasses.dataclass(frozen=True)
class SoftCrossEntropy(Loss):
    """`soft_cross_entropy` as an object."""

    takes: ClassVar[Literal["targets"]] = "targets"

    def __call__(
        self,
        logits: Logits,
        targets: Targets,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `soft_cross_entropy`."""
        return soft_cross_entropy(logits, targets, where=where)


@pytree
@dataclasses.dataclass(frozen=True)
class SigmoidCrossEntropy(Loss):
    """`sigmoid_cross_entropy` as an object."""

    takes: ClassVar[Literal["labels"]] = "labels"

    def __call__(
        self,
        logits: Logits,
        labels: Labels,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `sigmoid_cross_entropy`."""
        return sigmoid_cross_entropy(logits, labels, where=where)
