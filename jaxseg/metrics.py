"""Figures of a segmentation: the confusion matrix, what is read off it, and intervals over seeds.

Counts are gathered on the devices, in a pytree that takes part in `jit`, `vmap`, sharding and donation like
any other state. Figures are worked out on the host, in float64, from NumPy counts.

>>> matrix = ConfusionMatrix.zeros(2)
>>> matrix = matrix.update(jnp.array([0, 1, 1, 0]), jnp.array([0, 1, 0, 255]))
>>> counts = matrix.counts()
>>> counts
array([[1, 1],
       [0, 1]])
>>> iou(counts), mean_iou(counts)
(array([0.5, 0.5]), 0.5)
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, Int64, Integer, Real
from scipy.special import stdtrit

from jaxseg._ids import check_maps
from jaxseg.errors import InputError
from jaxseg.losses import pytree

Counts = Integer[np.ndarray, "C_true C_predicted"]
Figures = Sequence[float] | Real[np.ndarray, "N"]


@pytree
@dataclasses.dataclass(frozen=True)
class ConfusionMatrix:
    """How often each class was predicted where each class is true; the state of an evaluation.

    Exact to 2^63 pixels without 64-bit types on the device: a count is two 32-bit words. Start from `zeros`,
    read with `counts`. Under `vmap` the words have leading axes K, and so do the counts.

    Args:
      low: [*K, C, C + 1] uint32, the lower words: row true class, column predicted class, and in the last
        column the pixels whose prediction is no class.
      high: [*K, C, C + 1] uint32, the upper words.

    >>> step = jax.jit(ConfusionMatrix.update, donate_argnums=0)
    >>> step(ConfusionMatrix.zeros(2), jnp.array([1, 1]), jnp.array([0, 1])).counts()
    array([[0, 1],
           [0, 1]])
    """

    low: Any  # arrays; Any, since JAX also builds the class with shapes, shardings or None in their place
    high: Any

    @classmethod
    def zeros(cls, classes: int) -> "ConfusionMatrix":
        """The empty matrix of that many classes; `InputError` if there are none."""
        if classes < 1:
            raise InputError(f"metrics: classes={classes}; give at least 1")
        shape = (classes, classes + 1)
        return cls(jnp.zeros(shape, jnp.uint32), jnp.zeros(shape, jnp.uint32))

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return self.low.shape[-2]

    def update(
        self,
        predictions: Integer[jax.Array | np.ndarray, "..."],
        labels: Integer[jax.Array | np.ndarray, "..."],
    ) -> "ConfusionMatrix":
        """The matrix with a batch added; pure, and meant for use inside `jit`.

        A one-hot contraction over all pixels, int8 with int32 sums: exact, deterministic, and where they are
        sharded an all-reduce of [C, C + 1] is all it needs. It takes 2C + 1 bytes a pixel meanwhile.

        Args:
          predictions: [...] predicted classes 0..C-1, any integer type.
          labels: [...] true train ids, the same shape; ids outside 0..C-1 are void and not counted.

        Raises:
          InputError: if the shapes differ, ids are no integers, or one call has 2^31 pixels or more. A prediction
            outside 0..C-1 at a labelled pixel cannot be refused on the device; it is counted apart and `counts`
            refuses it.
        """
        check_maps("metrics", predictions, labels)
        if labels.size >= 1 << 31:
            raise InputError(f"metrics: {labels.size} pixels in one update; give fewer than 2^31 at a time")
        predicted, true = jnp.asarray(predictions, jnp.int32), jnp.asarray(labels, jnp.int32)
        predicted = jnp.where((predicted >= 0) & (predicted < self.classes), predicted, self.classes)
        pixels = tuple(range(labels.ndim))
        batch = jax.lax.dot_general(
            _one_hot(true, self.classes),
            _one_hot(predicted, self.classes + 1),
            ((pixels, pixels), ((), ())),
            preferred_element_type=jnp.int32,
        )
        return self._add(batch.astype(jnp.uint32), jnp.uint32(0))

    def merge(self, other: "ConfusionMatrix") -> "ConfusionMatrix":
        """The sum of two matrices, as if one had seen the pixels of both; also `a + b`.

        >>> a = ConfusionMatrix.zeros(1).update(jnp.array([0, 0]), jnp.array([0, 255]))
        >>> (a + a).counts()
        array([[2]])
        """
        if other.classes != self.classes:
            raise InputError(f"metrics: matrices of {self.classes} and {other.classes} classes do not add")
        return self._add(other.low, other.high)

    __add__ = merge

    def _add(self, low: jax.Array, high: jax.Array) -> "ConfusionMatrix":
        total = self.low + low  # modulo 2^32: smaller than a summand exactly where it wrapped
        carry = (total < self.low).astype(jnp.uint32)
        return dataclasses.replace(self, low=total, high=self.high + high + carry)

    def counts(self) -> Int64[np.ndarray, "*K C C"]:
        """The counts on the host: [*K, C, C], row true class, column predicted class.

        Raises:
          InputError: if labelled pixels were predicted as no class at all.

        >>> ConfusionMatrix.zeros(2).update(jnp.array([7]), jnp.array([0])).counts()
        Traceback (most recent call last):
        ...
        jaxseg.errors.InputError: metrics: 1 labelled pixels have a prediction outside 0..1; ...
        """
        words = np.asarray(self.high).astype(np.int64) << 32 | np.asarray(self.low).astype(np.int64)
        outside = int(words[..., -1].sum())
        if outside:
            raise InputError(
                f"metrics: {outside} labelled pixels have a prediction outside 0..{self.classes - 1}; "
                f"predict with a network of {self.classes} classes"
            )
        return words[..., :-1]


def _one_hot(ids: jax.Array, width: int) -> jax.Array:
    return (ids[..., None] == jnp.arange(width, dtype=jnp.int32)).astype(jnp.int8)


def iou(counts: Counts) -> Float64[np.ndarray, "C"]:
    """Intersection over union of each class.

        IoU_c = TP_c / (TP_c + FP_c + FN_c)

    Args:
      counts: [C, C] pixels, row true class, column predicted class.

    Returns:
      [C] 0..1. NaN for a class that is absent: neither true nor predicted anywhere. A class that is predicted
      but never true has 0, as in the released evaluation code of the adaptation methods.

    Raises:
      InputError: if counts is not square.

    >>> iou(np.array([[3, 1, 0], [1, 5, 0], [0, 0, 0]]))
    array([0.6       , 0.71428571,        nan])
    """
    hits, true, predicted = _margins(counts)
    return _ratio(hits, true + predicted - hits)


def mean_iou(counts: Counts, classes: Sequence[int] | np.ndarray | None = None) -> float:
    """Mean of `iou` over the classes that are not absent.

    Args:
      counts: [C, C] pixels, row true class, column predicted class.
      classes: which classes to average over; None is all. Pixels of the others still count as errors of
        these: see `jaxseg.labels` on the 16 and 13 classes of SYNTHIA, and `LabelSpace.indices_in`.

    Returns:
      0..1, or NaN if all of them are absent.

    Raises:
      InputError: if counts is not square or a class does not exist.

    >>> mean_iou(np.array([[3, 1, 0], [1, 5, 0], [0, 0, 0]]))
    0.6571428571428571
    >>> mean_iou(np.array([[3, 1, 0], [1, 5, 0], [0, 0, 0]]), classes=[0])
    0.6
    """
    values = iou(counts)
    return _mean(values if classes is None else values[_indices(classes, len(values))])


def group_mean_iou(counts: Counts, groups: Sequence[int | None]) -> dict[int, float]:
    """`mean_iou` of each importance group.

    Args:
      counts: [C, C] pixels, row true class, column predicted class.
      groups: the group of each class, as in `LabelSpace.groups`; classes with None are in none.

    Returns:
      Group -> mean IoU of its classes that are not absent (NaN if all are), by rising group.

    Raises:
      InputError: if counts is not square, or there is not one group a class.

    >>> group_mean_iou(np.array([[3, 1, 0], [1, 5, 0], [0, 0, 0]]), (4, 1, 4))
    {1: 0.7142857142857143, 4: 0.6}
    """
    values = iou(counts)
    if len(groups) != len(values):
        raise InputError(f"metrics: {len(groups)} groups for {len(values)} classes; give one each, or None")
    present = sorted({group for group in groups if group is not None})
    return {group: _mean(values[[g == group for g in groups]]) for group in present}


def pixel_accuracy(counts: Counts) -> float:
    """Share of the labelled pixels whose class is predicted; NaN if there are none.

    >>> pixel_accuracy(np.array([[3, 1], [1, 5]]))
    0.8
    """
    hits, true, _ = _margins(counts)
    return float(_ratio(hits.sum(), true.sum()))


def mean_class_accuracy(counts: Counts) -> float:
    """Share of a class's pixels that are predicted as it, averaged over the classes that are true somewhere.

    >>> mean_class_accuracy(np.array([[3, 1], [1, 1]]))
    0.625
    """
    hits, true, _ = _margins(counts)
    return _mean(_ratio(hits, true))


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean over seeds with the half width of its confidence interval, in the units of the values.

    A format applies to both numbers. One value alone has no interval: its half width is NaN and not printed.

    Args:
      mean: mean of the values.
      half_width: the interval is mean - half_width to mean + half_width; NaN for one value.
      n: number of values.

    >>> str(Interval(0.452, 0.013, 3)), str(Interval(0.452, math.nan, 1))
    ('0.4520 ± 0.0130 (n=3)', '0.4520 (n=1)')
    >>> f"{Interval(0.452, 0.013, 3):.1%}", f"{Interval(0.452, 0.013, 3).scaled(100):.1f}"
    ('45.2% ± 1.3% (n=3)', '45.2 ± 1.3 (n=3)')
    """

    mean: float
    half_width: float
    n: int

    def __str__(self) -> str:
        return format(self, ".4f")

    def __format__(self, spec: str) -> str:
        spec = spec or ".4f"
        spread = "" if math.isnan(self.half_width) else f" ± {self.half_width:{spec.lstrip('+')}}"
        return f"{self.mean:{spec}}{spread} (n={self.n})"

    def scaled(self, factor: float | int) -> "Interval":
        """The interval in other units: 100 makes percent of shares."""
        return Interval(self.mean * factor, self.half_width * abs(factor), self.n)

    def above(self, value: float = 0.0) -> bool:
        """Whether the whole interval lies above a value; never so with one seed.

        >>> Interval(0.02, 0.01, 5).above(), Interval(0.02, 0.03, 5).above()
        (True, False)
        """
        return self.mean - self.half_width > value


def mean_and_interval(values: Figures, confidence: float = 0.95) -> Interval:
    """Mean of a figure over seeds and Student's confidence interval of that mean.

        half width = t_{(1 + confidence) / 2, n - 1} * s / sqrt(n),    s^2 = sum (x - mean)^2 / (n - 1)

    Args:
      values: [N] the figure of each seed. A NaN (a seed that failed) makes mean and half width NaN.
      confidence: coverage of the interval, between 0 and 1.

    Returns:
      The interval; with one value its half width is NaN.

    Raises:
      InputError: if there are no values, or confidence is not between 0 and 1.

    >>> print(mean_and_interval([0.44, 0.45, 0.46]))
    0.4500 ± 0.0248 (n=3)
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or x.size == 0:
        raise InputError(f"metrics: values of shape {list(x.shape)}; give one number a seed, at least one")
    if not 0 < confidence < 1:
        raise InputError(f"metrics: confidence={confidence}; give a number between 0 and 1, such as 0.95")
    if x.size == 1:
        return Interval(float(x[0]), math.nan, 1)
    quantile = stdtrit(x.size - 1, (1 + confidence) / 2)
    return Interval(float(x.mean()), float(quantile * x.std(ddof=1) / math.sqrt(x.size)), x.size)


def paired_difference(a: Figures, b: Figures, confidence: float = 0.95) -> Interval:
    """How much method a exceeds method b: the interval of the differences a_i - b_i over the same seeds.

    Narrower than two separate intervals suggest where a seed moves both methods alike. `.above()` of the
    result says whether a beats b by more than the interval.

    Args:
      a: [N] figures of one method.
      b: [N] figures of the other, of the same seeds in the same order.
      confidence: coverage of the interval, between 0 and 1.

    Raises:
      InputError: if the numbers of seeds differ, and as `mean_and_interval`.

    >>> gain = paired_difference([0.46, 0.44, 0.50], [0.44, 0.43, 0.47])
    >>> f"{gain:+.3f}", gain.above()
    ('+0.020 ± 0.025 (n=3)', False)
    """
    if len(a) != len(b):
        raise InputError(f"metrics: {len(a)} and {len(b)} values; give figures of the same seeds")
    return mean_and_interval(np.asarray(a, np.float64) - np.asarray(b, np.float64), confidence)


def _margins(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hits, true pixels and predicted pixels of each class, int64."""
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not np.issubdtype(counts.dtype, np.integer):
        raise InputError(
            f"metrics: counts {list(counts.shape)} of type {counts.dtype}; give one square matrix of integers, [true, "
            "predicted]"
        )
    exact = counts.astype(np.int64)
    return exact.diagonal(), exact.sum(1), exact.sum(0)


def _ratio(part: np.ndarray | np.integer, whole: np.ndarray | np.integer) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _mean(values: np.ndarray) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else math.nan


def _indices(classes: Sequence[int] | np.ndarray, known: int) -> np.ndarray:
    chosen = np.asarray(classes)
    ids = chosen.ndim == 1 and chosen.size > 0 and np.issubdtype(chosen.dtype, np.integer)
    if not ids or (chosen < 0).any() or (chosen >= known).any() or len(np.unique(chosen)) < chosen.size:
        raise InputError(f"metrics: classes={chosen.tolist()}; give some of 0..{known - 1}, each once")
    return chosen.astype(np.int64)
