"""The log-odds against the true class, for losses that look closely at both ends of its probability.

    d = log sum_{c != y} exp(x_c) - x_y = log((1 - p) / p),    p = 1 / (1 + exp(d)),    1 - p = 1 / (1 + exp(-d))

d keeps its digits where p and log p have lost theirs, and so does its derivative, sum_{c != y} r_c dx_c - dx_y with
r = softmax(x) over the other classes: from p as a float32, 1 - p is known to 6e-8 and a loss with log(-log p) cannot
be differentiated near p = 1.

A function of d has a `custom_jvp` rule of its own, whose slope ends in a division. XLA on CPU repeats cheap
operations in the loop over pixels *and classes* that consumes them, and stores what they are made of; a division it
does not repeat, so the slope is one array, and the backward pass holds half as much memory.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer

from jaxseg.losses._pixels import (
    Labels,
    Logits,
    Statistics,
    as_float,
    as_ids,
    check_labels,
    class_count,
    is_true_class,
    keep,
    log_softmax_of,
    reduce_together,
    shift_and_log_total,
)

# What an infinite logit counts as, so that the square of d stays finite.
_MOST = 1e17


def true_class_log_odds(logits: Logits, labels: Labels, valid: Bool[Array, "*B"]) -> Float[Array, "*B"]:
    """The log-odds d against the true class at each pixel.

    Args:
      logits: [*B, C] unnormalised scores, any float type.
      labels: [*B] class ids, any integer type.
      valid: [*B] bool, from `valid_pixels`.

    Returns:
      [*B] log-odds; 0 (p = 1/2) without derivative at void pixels. In float32 they end, and their derivative with
      them, at -87, which is p = 1 - 1e-38.

    Raises:
      ValueError: labels that do not fit the logits, or are not integers.

    >>> true_class_log_odds(jnp.array([[2.0, -1.0], [0.0, 9.0]]), jnp.array([0, 0]), jnp.array([True, True]))
    Array([-3.,  9.], dtype=float32)
    """
    class_count(logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    return _log_odds_statistics(as_float(logits), as_ids(labels), valid)[-1]


@jax.custom_jvp
def _log_odds_statistics(
    x: Float[Array, "*B C"], labels: Integer[Array, "*B"], valid: Bool[Array, "*B"]
) -> Statistics:
    true = is_true_class(labels, x.shape[-1])
    top = jnp.max(x, axis=-1)
    others = jnp.where(true, 0.0, jnp.exp(x - top[..., None]))
    total, score = reduce_together(jax.lax.add, 0.0, (-1,), others, jnp.where(true, x, 0.0))
    log_total = jnp.log(jnp.maximum(total, jnp.finfo(x.dtype).tiny))
    d = log_total + jnp.minimum(top - score, _MOST)
    return *shift_and_log_total(top, log_total, valid), keep(d, valid)


@_log_odds_statistics.defjvp
def _log_odds_statistics_jvp(primals: tuple, tangents: tuple) -> tuple[Statistics, Statistics]:
    x, labels, valid = primals
    statistics = _log_odds_statistics(x, labels, valid)
    true = is_true_class(labels, x.shape[-1])
    # Masked before the exponential: where the true class leads by far, its own entry would overflow.
    r = jnp.exp(jnp.where(true, jnp.finfo(x.dtype).min, log_softmax_of(x, statistics)))
    known = valid & (statistics[1] > math.log(jnp.finfo(x.dtype).tiny))
    log_total = keep(jnp.sum(r * tangents[0], axis=-1), known)
    change = keep(jnp.sum((r - true.astype(x.dtype)) * tangents[0], axis=-1), known)
    return statistics, (jnp.zeros_like(log_total), log_total, change)


class Sides(NamedTuple):
    """Both ends of the true class's probability, each to full relative precision.

    p = held / norm, 1 - p = missed / norm, surprise = -log p, escape = -log(1 - p).
    """

    held: Float[Array, "*B"]
    missed: Float[Array, "*B"]
    norm: Float[Array, "*B"]
    surprise: Float[Array, "*B"]
    escape: Float[Array, "*B"]


def sides_of(d: Float[Array, "*B"]) -> Sides:
    """p, 1 - p and their logarithms from the log-odds.

    By `where` throughout, one branch at d = 0: the derivative of `abs` or `maximum` at a tie is neither branch's, and
    two classes of equal score meet there.
    """
    positive = d > 0.0
    small = jnp.exp(jnp.where(positive, -d, d))
    log_norm = jnp.log1p(small)
    return Sides(
        held=jnp.where(positive, small, 1.0),
        missed=jnp.where(positive, 1.0, small),
        norm=1.0 + small,
        surprise=jnp.where(positive, d, 0.0) + log_norm,
        escape=jnp.where(positive, 0.0, -d) + log_norm,
    )
