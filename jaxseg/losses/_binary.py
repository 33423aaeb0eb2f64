"""Binary cross entropy of every class for itself, and its weighted sum over the classes of a pixel."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer

from jaxseg.losses._pixels import is_true_class, reduce_together


@jax.custom_jvp
def binary_cross_entropy(x: Float[Array, "*B C"], labels: Integer[Array, "*B"]) -> Float[Array, "*B C"]:
    """softplus(-x) for the true class, softplus(x) for the others."""
    linear, curved = _two_costs(x, labels)
    return linear + curved


def _two_costs(x: Array, labels: Array) -> tuple[Array, Array]:
    """`binary_cross_entropy` as max(., 0) and what lies above it."""
    y = is_true_class(labels, x.shape[-1])
    return jnp.maximum(jnp.where(y, -x, x), 0.0), jnp.log1p(jnp.exp(-jnp.abs(x)))


@binary_cross_entropy.defjvp
def _binary_cross_entropy_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    x, labels = primals
    return binary_cross_entropy(x, labels), _slope(x, labels) * tangents[0]


def _slope(x: Array, labels: Array) -> Array:
    """p - y, the derivative of `binary_cross_entropy`."""
    y = is_true_class(labels, x.shape[-1])
    # sigmoid(x) - 1 as -sigmoid(-x): the small side keeps its digits.
    slope = jax.nn.sigmoid(jnp.where(y, -x, x))
    return jnp.where(y, -slope, slope)


@jax.custom_jvp
def class_sums(
    x: Float[Array, "*B C"],
    labels: Integer[Array, "*B"],
    weight: Float[Array, "*B C"],
    chosen: Bool[Array, "*B C"],
) -> tuple[Float[Array, "*B"], Int[Array, "*B"]]:
    """Of each pixel, the weighted cross entropy summed over its classes, and how many of these are chosen.

    What is not chosen has the weight 0; finite logits add nothing there. In one reduction the two summands of
    the cross entropy take six times as long on a CPU; and one of a lone term would store it.
    """
    x = _finite(x)
    linear, curved = _two_costs(x, labels)
    cost, count = reduce_together(jax.lax.add, 0.0, (-1,), weight * linear, chosen.astype(x.dtype))
    rest, _ = reduce_together(jax.lax.add, 0.0, (-1,), weight * curved, weight)
    return cost + rest, count.astype(jnp.int32)


def _finite(x: Array) -> Array:
    """Infinite logits as the largest numbers, NaN as 0: at a pixel that counts its weight is NaN, and shows."""
    largest = float(jnp.finfo(x.dtype).max)
    return jnp.clip(jnp.where(jnp.isnan(x), 0.0, x), -largest, largest)


@class_sums.defjvp
def _class_sums_jvp(primals: tuple, tangents: tuple) -> Any:
    x, labels, weight, chosen = primals
    sums = class_sums(x, labels, weight, chosen)
    slope = _slope(_finite(x), labels)
    return sums, (jnp.sum(weight * slope * tangents[0], axis=-1), np.zeros(sums[1].shape, jax.dtypes.float0))
