"""Entropy of the prediction: the minimum-entropy loss on unlabelled pixels (Vu et al. 2019, ADVENT's MinEnt)."""

import dataclasses
import math
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxseg.losses._pixels import (
    Logits,
    Loss,
    Statistics,
    Where,
    as_float,
    as_mask,
    class_count,
    keep,
    log_softmax_of,
    reduce_together,
    shift_and_log_total,
    tangents_of,
)
from jaxseg.losses._pytree import pytree


def entropy(
    logits: Logits,
    *,
    normalized: bool = True,
    where: Where = None,
) -> Float[Array, "*B"]:
    """Entropy of the predicted distribution at each pixel.

        H = -sum_c p_c log p_c / log C,    p = softmax(x)

    Its logit gradient is -p_k (log p_k + H) / log C, with H in nats. Divided by log C it is ADVENT's penalty. The
    entropy that Chen et al. 2019 (`maximum_squares`) compare with is in nats, averaged over pixels; their released code
    averages over pixels and classes, which divides it by C.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      normalized: divide by log C, so that a uniform prediction has entropy 1; False gives nats.
      where: [*B] bool, pixels that count; None for all.

    Returns:
      [*B] in 0..1, or in 0..log C nats; exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: no class axis, one class alone while `normalized`, `where` that is not bool or does not fit.

    >>> entropy(jnp.array([[0.0, 0.0], [200.0, 0.0]]))
    Array([1., 0.], dtype=float32)
    >>> entropy(jnp.zeros(2), normalized=False)
    Array(0.6931472, dtype=float32)
    """
    classes = class_count(logits)
    if normalized and classes < 2:
        raise ValueError(f"logits: {classes} class given; 2 or more are accepted when normalized")
    x = as_float(logits)
    valid = None if where is None else as_mask(where, x.shape[:-1])
    nats = _entropy_statistics(x, valid)[-1]
    return nats / math.log(classes) if normalized else nats


@jax.custom_jvp
def _entropy_statistics(x: Float[Array, "*B C"], valid: Bool[Array, "*B"] | None) -> Statistics:
    top = jnp.max(x, axis=-1)
    shifted = x - top[..., None]
    mass = jnp.exp(shifted)
    # The clamp makes the term of a class ruled out by a logit of -inf 0, as its limit is.
    terms = mass, mass * jax.lax.max(shifted, jnp.finfo(x.dtype).min)
    total, dot = reduce_together(jax.lax.add, 0.0, (-1,), *terms)
    log_total = jnp.log(total)
    return *shift_and_log_total(top, log_total, valid), keep(log_total - dot / total, valid)


@_entropy_statistics.defjvp
def _entropy_statistics_jvp(primals: tuple, tangents: tuple) -> tuple[Statistics, Statistics]:
    x, valid = primals
    statistics = _entropy_statistics(x, valid)
    log_p = log_softmax_of(x, statistics)
    p = jnp.exp(log_p)
    slope = -p * (jax.lax.max(log_p, jnp.finfo(x.dtype).min) + statistics[-1][..., None])
    return statistics, tangents_of(p, tangents[0], valid, jnp.sum(slope * tangents[0], axis=-1))


@pytree
@dataclasses.dataclass(frozen=True)
class Entropy(Loss):
    """`entropy` as an object; `normalized` is static."""

    takes: ClassVar[Literal["logits"]] = "logits"
    normalized: bool = dataclasses.field(default=True, metadata={"static": True})

    def __call__(self, logits: Logits, *, where: Where = None) -> Float[Array, "*B"]:
        """[*B] values of `entropy`."""
        return entropy(logits, normalized=self.normalized, where=where)
