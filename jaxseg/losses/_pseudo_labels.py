"""Pseudo-labels of class-balanced self-training (CBST, Zou et al. ECCV 2018; CRST, Zou et al. ICCV 2019).

Each target pixel chooses the label y, a distribution over the classes or none at all, that minimises

    sum_c -y_c log(p_c / lambda_c) + alpha R(y)        and 0 for no label

lambda_c is the confidence above which class c is labelled: the value that the wanted portion of the pixels predicted to
be c exceed, so that rare classes, never very confident, get labels too. The labels are constants: nothing here has a
gradient but `mrkld`. Where a class has no pixel its threshold is 1.
"""

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Shaped

from jaxseg.losses._cross_entropy import soft_cross_entropy
from jaxseg.losses._moments import concrete
from jaxseg.losses._pixels import (
    Loss,
    Scalar,
    as_float,
    as_mask,
    as_scalar,
    check_labels,
    check_shape,
    class_count,
    is_true_class,
    valid_pixels,
)
from jaxseg.losses._pytree import pytree


def cbst_labels(
    logits: Shaped[ArrayLike, "*B C"],
    thresholds: Shaped[ArrayLike, "..."],
    *,
    void: int = 255,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> tuple[Int[Array, "*B"], Bool[Array, "*B"]]:
    """Hard class-balanced pseudo-labels.

        k = argmax_c p_c / lambda_c,    selected where p_k / lambda_k >= 1,    p = softmax(x)

    The minimum without a regulariser. As in the released code a pixel exactly at its threshold is selected.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      thresholds: [C] lambda, in 0..1, positive.
      void: id given to pixels that are not selected, outside 0..C-1.
      where: [*B] bool, pixels that may be selected; None for all.

    Returns:
      labels [*B] int32, `void` where not selected: ready for `softmax_cross_entropy`; selected [*B] bool.

    Raises:
      ValueError: thresholds not of shape [C], `void` a class, `where` that is not bool or does not fit.

    >>> logits = jnp.log(jnp.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]]))
    >>> cbst_labels(logits, jnp.array([0.9, 0.25, 0.2]))
    (Array([255,   1], dtype=int32), Array([False,  True], dtype=bool))
    """
    if 0 <= void < class_count(logits):
        raise ValueError(f"void: {void} given; an id outside 0..{class_count(logits) - 1} is accepted")
    excess, valid = _excess(logits, thresholds, where)
    selected = valid & (jnp.max(excess, axis=-1) >= 0.0)
    return jnp.where(selected, jnp.argmax(excess, axis=-1).astype(jnp.int32), void), selected


def lrent_labels(
    logits: Shaped[ArrayLike, "*B C"],
    thresholds: Shaped[ArrayLike, "..."],
    alpha: Scalar = 0.25,
    *,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> tuple[Float[Array, "*B C"], Bool[Array, "*B"]]:
    """Soft pseudo-labels regularised by their negative entropy (CRST's LRENT): R(y) = sum_c y_c log y_c.

        y_c = (p_c / lambda_c)^(1 / alpha) / Z,    Z = sum_c (p_c / lambda_c)^(1 / alpha),    selected where Z > 1

    The released code compares sum_c -y_c log p_c + alpha R(y) with sum_c -y_c log lambda_c; their difference is
    -alpha log Z, so this is the same. As alpha goes to 0 the labels become those of `cbst_labels`. The labels of all
    pixels are returned whole; `soft_cross_entropy` takes the selection as its `where`.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      thresholds: [C] lambda, in 0..1, positive.
      alpha: weight of the regulariser, positive; the released script uses 0.25.
      where: [*B] bool, pixels that may be selected; None for all.

    Returns:
      labels [*B, C], each summing to 1, but 0 at pixels excluded by `where`; selected [*B] bool.

    Raises:
      ValueError: thresholds not of shape [C], alpha not a positive scalar, `where` that is not bool or does
        not fit.

    >>> labels, selected = lrent_labels(jnp.log(jnp.array([0.7, 0.2, 0.1])), jnp.array([0.9, 0.4, 0.2]))
    >>> labels, bool(selected)
    (Array([0.7453..., 0.1273..., 0.1273...], dtype=float32), False)
    """
    excess, valid = _excess(logits, thresholds, where)
    scaled = excess / _positive_alpha(alpha, excess)
    labels = jnp.where(valid[..., None], jax.nn.softmax(scaled, axis=-1), 0.0)
    return labels, valid & (jax.nn.logsumexp(scaled, axis=-1) > 0.0)


def lrl2_labels(
    logits: Shaped[ArrayLike, "*B C"],
    thresholds: Shaped[ArrayLike, "..."],
    alpha: Scalar = 0.25,
    *,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> tuple[Float[Array, "*B C"], Bool[Array, "*B"]]:
    """Sparse pseudo-labels regularised by their square: R(y) = sum_c y_c^2.

        y = projection of log(p / lambda) / (2 alpha) onto the probability simplex
        selected where sum_c -y_c log(p_c / lambda_c) + alpha y_c^2 < 0

    The counterpart of `lrent_labels` on the label side; CRST's released code has none, so solution and default alpha
    are ours. Classes far below the best get exactly 0; as alpha goes to 0 the labels become those of `cbst_labels`.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      thresholds: [C] lambda, in 0..1, positive.
      alpha: weight of the regulariser, positive.
      where: [*B] bool, pixels that may be selected; None for all.

    Returns:
      labels [*B, C], each summing to 1, but 0 at pixels excluded by `where`; selected [*B] bool.

    Raises:
      ValueError: thresholds not of shape [C], alpha not a positive scalar, `where` that is not bool or does
        not fit.

    >>> labels, selected = lrl2_labels(jnp.log(jnp.array([0.7, 0.2, 0.1])), jnp.array([0.5, 0.5, 0.5]), 0.25)
    >>> labels, bool(selected)
    (Array([1., 0., 0.], dtype=float32), True)
    """
    excess, valid = _excess(logits, thresholds, where)
    alpha = _positive_alpha(alpha, excess)
    # Moved so that the best class is at 0: the projection is that of the rest of the line (1, ..., 1) as well.
    best = jnp.max(excess, axis=-1, keepdims=True)
    scaled = (excess - best) / (2.0 * alpha)
    # With r the number of classes kept, their common shift is (sum of the r largest - 1) / r.
    falling = -jnp.sort(-scaled, axis=-1)
    ranks = jnp.arange(1, scaled.shape[-1] + 1, dtype=scaled.dtype)
    shifts = (jnp.cumsum(falling, axis=-1) - 1.0) / ranks
    kept = jnp.sum(falling > shifts, axis=-1, keepdims=True, dtype=jnp.int32)
    shift = jnp.sum(jnp.where(jnp.arange(scaled.shape[-1]) == kept - 1, shifts, 0.0), axis=-1, keepdims=True)
    labels = jnp.maximum(scaled - shift, 0.0)
    cost = jnp.sum(labels * (alpha * labels - (excess - best)), axis=-1) - best[..., 0]
    return jnp.where(valid[..., None], labels, 0.0), valid & (cost < 0.0)


def _excess(
    logits: Shaped[ArrayLike, "*B C"],
    thresholds: Shaped[ArrayLike, "..."],
    where: Shaped[ArrayLike, "..."] | None,
) -> tuple[Float[Array, "*B C"], Bool[Array, "*B"]]:
    """log(p / lambda), 0 at excluded pixels; and which are not."""
    check_shape("thresholds", thresholds, (class_count(logits),))
    x = jax.lax.stop_gradient(as_float(logits))
    valid = as_mask(where, x.shape[:-1])
    x = jnp.where(valid[..., None], x, 0.0)
    lowest = jnp.finfo(x.dtype).tiny
    log_thresholds = jnp.log(jnp.maximum(jax.lax.stop_gradient(as_float(thresholds)).astype(x.dtype), lowest))
    return jax.nn.log_softmax(x, axis=-1) - log_thresholds, valid


def _positive_alpha(alpha: Scalar, like: Float[Array, "..."]) -> Float[Array, ""]:
    known = concrete("alpha", alpha)
    if known is not None and not known > 0.0:
        raise ValueError(f"alpha: {known:g} given; a positive number is accepted")
    return jax.lax.stop_gradient(as_scalar("alpha", alpha, like))


def mrkld(
    logits: Shaped[ArrayLike, "*B C"],
    labels: Shaped[ArrayLike, "..."],
    *,
    alpha: Scalar = 0.1,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B"]:
    """Cross entropy with hard pseudo-labels, the model regularised towards the uniform distribution (CRST's MRKLD).

        L = -log p_k - alpha / C sum_c log p_c,    p = softmax(x), k of `cbst_labels`

    Up to a factor of 1 + alpha it is label smoothing by alpha / (1 + alpha).

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      labels: [*B] class ids; ids outside 0..C-1 (pixels without a pseudo-label) are void.
      alpha: weight of the regulariser; the released script uses 0.1.
      where: [*B] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] nats, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, alpha not a scalar, `where` that is not bool.

    >>> mrkld(jnp.array([[0.0, 0.0], [0.0, 0.0]]), jnp.array([1, 255]), alpha=1.0)
    Array([1.3862944, 0.       ], dtype=float32)
    """
    classes = class_count(logits)
    x = as_float(logits)
    check_labels(labels, x.shape[:-1])
    share = as_scalar("alpha", alpha, x) / classes
    targets = is_true_class(labels, classes).astype(x.dtype) + share
    return soft_cross_entropy(x, targets, where=valid_pixels(labels, classes, where))


@pytree
@dataclasses.dataclass(frozen=True)
class MRKLD(Loss):
    """`mrkld` with alpha as a leaf."""

    takes: ClassVar[Literal["labels"]] = "labels"
    alpha: Scalar = 0.1

    def __call__(
        self,
        logits: Shaped[ArrayLike, "*B C"],
        labels: Shaped[ArrayLike, "..."],
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `mrkld`."""
        return mrkld(logits, labels, alpha=self.alpha, where=where)
