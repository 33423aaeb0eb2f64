"""Focal loss (Lin et al., ICCV 2017): cross entropy that leaves off on pixels already right."""

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.losses._margin import sides_of, true_class_log_odds
from jaxseg.losses._pixels import (
    Labels,
    Logits,
    Loss,
    Scalar,
    Where,
    as_scalar,
    check_labels,
    check_shape,
    class_count,
    is_true_class,
    valid_pixels,
)
from jaxseg.losses._pytree import pytree


def focal(
    logits: Logits,
    labels: Labels,
    *,
    gamma: Scalar = 2.0,
    alpha: Scalar = 1.0,
    where: Where = None,
) -> Float[Array, "*B"]:
    """Focal loss of each pixel, in its alpha-balanced form.

        FL = -alpha_y (1 - p_y)^gamma log p_y,    p = softmax(x)

    Lin et al. use it one class against the rest, with sigmoids; with the softmax it is the form the Conservative Loss
    paper (Zhu et al., ECCV 2018) compares with, there with alpha 5 and gamma 2 (Fig. 5 and Table 6). Both
    log p and 1 - p come from the log-odds, so neither end of (0, 1) loses digits.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      labels: [*B] class ids y; ids outside 0..C-1 are void.
      gamma: focusing exponent, at least 0; 0 gives cross entropy.
      alpha: scale, one number, or [C] one for each class.
      where: [*B] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] values, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `gamma` below 0, `where` that is not bool.

    >>> focal(jnp.array([0.0, 0.0]), jnp.array(1))
    Array(0.1732868, dtype=float32)
    >>> focal(jnp.zeros([3, 2]), jnp.array([0, 1, 255]), gamma=0.0, alpha=jnp.array([1.0, 2.0]))
    Array([0.6931472, 1.3862944, 0.       ], dtype=float32)
    """
    classes = class_count(logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    valid = valid_pixels(labels, classes, where)
    d = true_class_log_odds(logits, labels, valid)
    values = _alpha_of(alpha, labels, classes, d) * _of_log_odds(d, as_scalar("gamma", gamma, d, least=0.0))
    return jnp.where(valid, values, 0.0)


@jax.custom_jvp
def _of_log_odds(d: Float[Array, "*B"], gamma: Float[Array, ""]) -> Float[Array, "*B"]:
    sides = sides_of(d)
    return (sides.missed / sides.norm) ** gamma * sides.surprise


@_of_log_odds.defjvp
def _of_log_odds_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    d, gamma = primals
    sides, value = sides_of(d), _of_log_odds(d, gamma)
    # (1 - p)^gamma (gamma p (-log p) + 1 - p)
    slope = jnp.exp(-gamma * sides.escape) * (gamma * sides.held * sides.surprise + sides.missed) / sides.norm
    return value, slope * tangents[0] - value * sides.escape * tangents[1]


def _alpha_of(alpha: Scalar, labels: Labels, classes: int, like: Float[Array, "..."]) -> Float[Array, "..."]:
    if jnp.ndim(alpha) == 0:
        return as_scalar("alpha", alpha, like)
    check_shape("alpha", alpha, (classes,))
    weights = jnp.asarray(alpha).astype(like.dtype)
    return jnp.sum(jnp.where(is_true_class(labels, classes), weights, 0.0), axis=-1)


@pytree
@dataclasses.dataclass(frozen=True)
class Focal(Loss):
    """`focal` with its hyper-parameters as leaves."""

    takes: ClassVar[Literal["labels"]] = "labels"
    gamma: Scalar = 2.0
    alpha: Scalar = 1.0

    def __call__(
        self,
        logits: Logits,
        labels: Labels,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `focal`."""
        return focal(logits, labels, gamma=self.gamma, alpha=self.alpha, where=where)
