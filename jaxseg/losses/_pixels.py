"""What every loss is built of: pixels that count, the score of the true class, and the mean.

Letters: B batch, H W pixels, C classes; the class axis is last, and `*B` stands for any leading shape, pixels
included. A *void* pixel does not count: its value and its gradient are exactly 0, whatever its logits hold.

Memory and speed. A loss that reduces the class axis is a `jax.custom_jvp` function that returns its value together
with m and log sum exp(x - m); its rule computes p = exp(x - m - log sum) again from the logits, so that under `jit`
the backward pass is one fused loop and no [*B, C] array is kept for it. Rules are made of such functions and of
ordinary operations, so derivatives of any order exist, forward and reverse. Void pixels are cut off after the
reductions: logits masked beforehand are an array that XLA would have to store.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer, Shaped

if TYPE_CHECKING:
    Scalar: TypeAlias = float | jax.Array | np.ndarray | np.number
    Leaf: TypeAlias = jax.Array | np.ndarray | None
else:
    # JAX rebuilds a loss object with axis numbers, specs and sentinels for leaves (`vmap(in_axes=...)`,
    # `tree.map`), so a run-time check of a field's type would be wrong. `as_scalar` checks a leaf in use.
    Scalar = Any
    Leaf = Any

# What the functions accept: arrays of JAX or NumPy and numbers, of any dtype and shape. The functions check both, to
# say in words which argument does not fit.
Logits: TypeAlias = Shaped[ArrayLike, "..."]  # [*B, C]
Labels: TypeAlias = Shaped[ArrayLike, "..."]  # [*B]
Targets: TypeAlias = Shaped[ArrayLike, "..."]  # [*B, C]
Where: TypeAlias = Shaped[ArrayLike, "..."] | None  # [*B]

Statistics: TypeAlias = tuple[Array, ...]


class Loss:
    """Base class of the loss objects: frozen pytree dataclasses whose float fields are leaves.

    `takes` says what a loss is called with: `loss(logits, labels, where=)`, `loss(logits, targets, where=)`
    with targets a distribution [*B, C], or `loss(logits, where=)`. A subclass that does not say it raises `TypeError`
    where it is defined.
    """

    takes: ClassVar[Literal["labels", "targets", "logits"]]
    __call__: Callable[..., Any]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if getattr(cls, "takes", None) not in ("labels", "targets", "logits"):
            raise TypeError(
                f"{cls.__name__}: it does not say what it is called with; set takes = 'labels', 'targets' or "
                "'logits' in the class"
            )

    def average(
        self,
        logits: Logits,
        truth: Labels | Targets | None = None,
        *,
        where: Where = None,
    ) -> Float[Array, ""]:
        """The loss as one number: its mean over the pixels that count.

        Args:
          logits: [*B, C] unnormalised scores.
          truth: labels [*B] or targets [*B, C], as `takes` says; a loss of the logits alone ignores it.
          where: [*B] bool, pixels that count; with None, those whose label is known, or all without labels.

        Returns:
          Scalar; 0 where no pixel counts.

        Raises:
          ValueError: `truth` is None though the loss takes labels or targets.
        """
        if self.takes == "logits":
            return mean(self(logits, where=where), where)
        if truth is None:
            raise ValueError(f"truth: None given; {type(self).__name__} takes (logits, {self.takes})")
        values = self(logits, truth, where=where)
        valid = valid_pixels(truth, class_count(logits), where) if self.takes == "labels" else where
        return mean(values, valid)


def class_count(logits: Logits) -> int:
    """C, the size of the last axis of `logits`; `ValueError` if there is no such axis or it is empty."""
    shape = jnp.shape(logits)
    if not shape or shape[-1] < 1:
        raise ValueError(f"logits: shape {shape} given; [..., C] with at least one class is accepted")
    return shape[-1]


def check_choice(name: str, value: Any, accepted: tuple[Any, ...]) -> None:
    """Raise `ValueError` unless `value` is one of `accepted`."""
    if value not in accepted:
        raise ValueError(f"{name}: {value!r} given; one of {', '.join(map(repr, accepted))} is accepted")


def check_shape(name: str, value: Shaped[ArrayLike, "..."], accepted: tuple[int, ...]) -> None:
    """Raise `ValueError` unless `value` has exactly the shape `accepted`."""
    if jnp.shape(value) != accepted:
        raise ValueError(f"{name}: shape {jnp.shape(value)} given; {accepted} is accepted")


def check_labels(labels: Labels, pixels: tuple[int, ...]) -> None:
    """Raise `ValueError` unless `labels` holds one integer for each pixel."""
    check_shape("labels", labels, pixels)
    if not jnp.issubdtype(jnp.result_type(labels), jnp.integer):
        raise ValueError(f"labels: dtype {jnp.result_type(labels)} given; integer class ids are accepted")


def as_float(x: Shaped[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
    """`x` in the dtype losses compute in: float64 stays, every other dtype becomes float32."""
    x = jnp.asarray(x)
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)


def concrete(name: str, value: Scalar) -> float | None:
    """A hyper-parameter as a number, or None if it is traced; `ValueError` unless it is a single number."""
    check_shape(name, value, ())
    return None if isinstance(value, jax.core.Tracer) else float(np.asarray(value))


def as_scalar(
    name: str,
    value: Scalar,
    like: Float[Array, "..."],
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
) -> Float[Array, ""]:
    """A hyper-parameter in the dtype of `like`; `ValueError` unless it is one number, within bounds if not traced."""
    known = concrete(name, value)
    if known is not None:
        wanted = [
            f"{word} {bound:g}"
            for word, bound, holds in (
                ("above", above, above is None or known > above),
                ("at least", least, least is None or known >= least),
                ("at most", most, most is None or known <= most),
            )
            if bound is not None and not holds
        ]
        if wanted:
            raise ValueError(f"{name}: {value} given; a number {wanted[0]} is accepted")
    return jnp.asarray(value).astype(like.dtype)


def as_mask(where: Where, pixels: tuple[int, ...]) -> Bool[Array, "..."]:
    """`where` as bool of shape `pixels`, all true for None; `ValueError` unless it is bool and fits."""
    mask = jnp.asarray(True if where is None else where)
    if mask.dtype != bool:
        raise ValueError(f"where: dtype {mask.dtype} given; bool is accepted")
    if jnp.ndim(mask) > len(pixels) or any(
        given not in (1, size) for given, size in zip(mask.shape[::-1], pixels[::-1], strict=False)
    ):
        raise ValueError(f"where: shape {mask.shape} given; {pixels} is accepted")
    return jnp.broadcast_to(mask, pixels)


def valid_pixels(labels: Labels, classes: int, where: Where = None) -> Bool[Array, "*B"]:
    """Pixels that count: those with a known label, and where `where` is true if it is given.

    A label outside 0..C-1 (by custom 255) names no class, so `where` cannot make such a pixel count.

    Args:
      labels: [*B] class ids, any integer type.
      classes: C.
      where: [*B] bool, pixels that may count; None for all.

    Returns:
      [*B] bool.

    Raises:
      ValueError: labels that are not integers, or `where` that is not bool or does not fit them.

    >>> valid_pixels(jnp.array([0, 2, 3, 255, -1]), 3)
    Array([ True,  True, False, False, False], dtype=bool)
    >>> valid_pixels(jnp.array([0, 2, 255]), 3, where=jnp.array([False, True, True]))
    Array([False,  True, False], dtype=bool)
    """
    check_labels(labels, jnp.shape(labels))
    ids = as_ids(labels)
    known = (ids >= 0) & (ids < classes)
    return known if where is None else known & as_mask(where, known.shape)


def mean(values: Shaped[ArrayLike, "*B"], where: Where = None) -> Float[Array, ""]:
    """Mean of `values` over those that count: the only reducer of the library.

        mean = sum_n where_n values_n / max(sum_n where_n, 1)

    The count runs over the whole array, so with the batch sharded over devices the mean is the global one.

    Args:
      values: [*B] a loss's values.
      where: [*B] bool, values that count; None for all. Axes of size 1 are stretched.

    Returns:
      Scalar; 0 where nothing counts.

    Raises:
      ValueError: `where` is not bool, or does not fit `values`.

    >>> mean(jnp.array([1.0, 2.0, jnp.nan]), jnp.array([True, True, False]))
    Array(1.5, dtype=float32)
    >>> mean(jnp.array([1.0, 2.0]), jnp.array([False, False]))
    Array(0., dtype=float32)
    """
    values = as_float(values)
    if where is None:
        return jnp.sum(values) / max(values.size, 1)
    mask = as_mask(where, values.shape)
    # Counted in integers: float32 stops being exact at 2^24 pixels, eight Cityscapes images.
    count = jnp.maximum(jnp.sum(mask, dtype=jnp.int32), 1).astype(values.dtype)
    return jnp.sum(jnp.where(mask, values, 0.0)) / count


def safe_logits(logits: Shaped[ArrayLike, "*B C"], valid: Bool[Array, "*B"]) -> Float[Array, "*B C"]:
    """`logits` as float32 or float64 with 0 at void pixels: no value or derivative can meet a NaN there."""
    return jnp.where(valid[..., None], as_float(logits), 0.0)


def as_ids(labels: Shaped[ArrayLike, "*B"]) -> Integer[Array, "*B"]:
    """`labels` in an integer type wide enough to be compared with any class count."""
    ids = jnp.asarray(labels)
    return ids.astype(jnp.int32) if ids.dtype.itemsize < 4 else ids


def is_true_class(labels: Shaped[ArrayLike, "*B"], classes: int) -> Bool[Array, "*B {classes}"]:
    """Where the class axis meets the label: a one-hot mask that XLA fuses into its consumer."""
    ids = as_ids(labels)
    return ids[..., None] == jnp.arange(classes, dtype=ids.dtype)


def true_class_nll(logits: Logits, labels: Labels, valid: Bool[Array, "*B"]) -> Float[Array, "*B"]:
    """-log p of the true class at each pixel, from which p and 1 - p follow without losing digits.

        nll = log sum_c exp(x_c - m) + (m - x_y),    m = max_c x_c

    p is `exp(-nll)` and 1 - p is `-expm1(-nll)`. Where the true class leads, the logarithm is `log1p` of the sum
    over the others, so that nll keeps its relative precision down to 1e-38. At void pixels nll is log 2 (p = 1/2,
    far from both ends) with no gradient, for the caller to overwrite with `jnp.where(valid, ..., 0.0)`.

    Args:
      logits: [*B, C] unnormalised scores, any float type.
      labels: [*B] class ids, any integer type.
      valid: [*B] bool, from `valid_pixels`.

    Returns:
      [*B] non-negative, in nats.

    Raises:
      ValueError: labels that do not fit the logits, or are not integers.

    >>> labels = jnp.array([0, 0, 255])
    >>> true_class_nll(jnp.array([[0.0, 0.0], [200.0, 0.0], [jnp.nan, 0.0]]), labels, valid_pixels(labels, 2))
    Array([0.6931472, 0.       , 0.6931472], dtype=float32)
    """
    class_count(logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    return _label_statistics(as_float(logits), as_ids(labels), valid)[-1]


@jax.custom_jvp
def _label_statistics(
    x: Float[Array, "*B C"], labels: Integer[Array, "*B"], valid: Bool[Array, "*B"]
) -> Statistics:
    true = is_true_class(labels, x.shape[-1])
    top, score = reduce_together(jax.lax.max, -jnp.inf, (-1,), x, jnp.where(true, x, -jnp.inf))
    mass = jnp.exp(x - top[..., None])
    total, others = reduce_together(jax.lax.add, 0.0, (-1,), mass, jnp.where(true, 0.0, mass))
    log_total = jnp.log1p(jnp.where(score == top, others, total - 1.0))
    nll = keep(log_total + (top - score), valid, math.log(2.0))
    return *shift_and_log_total(top, log_total, valid), nll


@_label_statistics.defjvp
def _label_statistics_jvp(primals: tuple, tangents: tuple) -> tuple[Statistics, Statistics]:
    x, labels, valid = primals
    statistics = _label_statistics(x, labels, valid)
    p = jnp.exp(log_softmax_of(x, statistics))
    slope = p - is_true_class(labels, x.shape[-1]).astype(x.dtype)
    return statistics, tangents_of(p, tangents[0], valid, jnp.sum(slope * tangents[0], axis=-1))


# What follows is for those rules. The first two results of such a function are m and log sum exp(x - m), or, at void
# pixels, values that make every log p finite or -inf; the void is then cut off by masks of shape [*B] alone.


def keep(values: Float[Array, "*B"], valid: Array | None, void: float = 0.0) -> Float[Array, "*B"]:
    """`values`, and `void` at void pixels; `valid` is None where there are none."""
    return values if valid is None else jnp.where(valid, values, void)


def shift_and_log_total(
    top: Float[Array, "*B"], log_total: Float[Array, "*B"], valid: Array | None
) -> tuple[Float[Array, "*B"], Float[Array, "*B"]]:
    """The first two results: m and log sum exp(x - m), made harmless at void pixels."""
    return keep(top, valid, float(jnp.finfo(top.dtype).max)), keep(log_total, valid)


def log_softmax_of(x: Float[Array, "*B C"], statistics: Statistics) -> Float[Array, "*B C"]:
    """log p of every class from the statistics of x: -inf possibly, and never NaN at void pixels.

    It rounds as the logits do, to 1e-7 of the largest: one subtraction from each, where two (of m, then of the
    logarithm) cost a quarter more of the backward pass on a CPU. The logits are cleaned element by element: a mask of
    shape [*B, 1] keeps XLA there from vectorising the loop, and costs a third. A NaN at a pixel that counts still
    shows, through its statistics.
    """
    log_norm = statistics[0] + statistics[1]
    return jnp.where(jnp.abs(x) < jnp.inf, x, jnp.finfo(x.dtype).min) - log_norm[..., None]


def tangents_of(
    p: Float[Array, "*B C"], tangent: Float[Array, "*B C"], valid: Array | None, *others: Float[Array, "*B"]
) -> Statistics:
    """Tangents of (m, log sum exp(x - m), *others): m has none, since no loss depends on the shift."""
    log_total = keep(jnp.sum(p * tangent, axis=-1), valid)
    return jnp.zeros_like(log_total), log_total, *(keep(other, valid) for other in others)


def reduce_together(
    operation: Callable[[Array, Array], Array],
    start: float,
    axes: tuple[int, ...],
    *terms: Shaped[Array, "*shape"],
) -> tuple[Array, ...]:
    """Several reductions over the same axes in one pass. Not differentiable: for the primal of a `custom_jvp`.

    On CPU, XLA gives a lone sum or maximum to a library routine, or cuts it into a tree of windows; both may want
    their operand stored. Two or more at once stay one loop, fused with what makes their operands.
    """
    starts = tuple(jnp.asarray(start, term.dtype) for term in terms)
    axes = tuple(axis % terms[0].ndim for axis in axes)
    return tuple(jax.lax.reduce(terms, starts, lambda left, right: tuple(map(operation, left, right)), axes))
