"""How sure a network is, and how often it is right: the mean probability of each class, and the calibration error.

Counted beside the confusion matrix, over the same labelled pixels (or images, where a label is one image's class). Each
is predicted as its most probable class, with that class's softmax probability p. The device adds up integers, so the
figures do not depend on the order or the batching; they are worked out on the host, in float64.

>>> scores = jnp.log(jnp.array([[[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]]))
>>> predictions, probabilities = most_probable(scores)
>>> found = Calibration.of([tally(predictions, probabilities, jnp.array([[0, 1, 1]]), classes=2)], classes=2)
>>> found.mean_probability.round(3), round(found.error, 3)
(array([0.7, 0.7]), 0.367)
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64, Int64, Integer, UInt32

from jaxseg._ids import check_maps
from jaxseg.errors import InputError

BINS = 15
"""Equal bins of the probability, as Guo et al. 2017 use: bin b holds b / 15 < p <= (b + 1) / 15."""

_SCALE = (1 << 16) - 1  # probabilities are added up as multiples of 1 / _SCALE
_LARGEST = 1 << 24  # pixels of an image: its sum of lower bytes stays below 2^32


def most_probable(
    scores: Float[Array, "*B C"],
) -> tuple[Integer[Array, "*B"], Float[Array, "*B"]]:
    """The most probable class by a softmax of scores, and its probability.

    >>> [x.tolist() for x in most_probable(jnp.array([[0.0, 0.0], [-1e4, 1e4]]))]
    [[0, 1], [0.5, 1.0]]
    """
    scores = scores.astype(jnp.float32)
    rest = jnp.exp(scores - jnp.max(scores, axis=-1, keepdims=True))  # 1 for the most probable class
    return jnp.argmax(scores, axis=-1), 1.0 / jnp.sum(rest, axis=-1)


def tally(
    predictions: Integer[Array, "B *N"],
    probabilities: Float[Array, "B *N"],
    labels: Integer[Array | np.ndarray, "B *N"],
    classes: int,
) -> UInt32[Array, "B 3 2 bins C"]:
    """What a batch adds to a `Calibration`, image by image; pure, and meant for use inside `jit`.

    Args:
      predictions: [B, ...] predicted classes 0..C-1; pixels predicted as something else are not counted.
      probabilities: [B, ...] theirs, 0..1, counted to 1/65535.
      labels: [B, ...] true train ids; ids outside 0..C-1 are void and not counted.
      classes: C.

    Returns:
      [B, 3, 2, 15, C] of each image: the number of pixels, and the upper and lower bytes of their probabilities added
      up; wrong and right ones; by bin of the probability; by predicted class.

    Raises:
      InputError: an image has 2^24 pixels or more, shapes differ, or ids are no integers.
    """
    check_maps("calibration", predictions, labels)
    if probabilities.shape != labels.shape:
        raise InputError(
            f"calibration: probabilities {list(probabilities.shape)} for labels {list(labels.shape)}; give one a pixel"
        )
    images, pixels = labels.shape[0], labels[:1].size
    if pixels >= _LARGEST:
        raise InputError(f"calibration: images of {pixels} pixels; give fewer than {_LARGEST} an image")
    predicted, true = jnp.asarray(predictions, jnp.int32), jnp.asarray(labels, jnp.int32)
    probabilities = jnp.asarray(probabilities, jnp.float32)
    bins = jnp.clip(jnp.ceil(probabilities * BINS).astype(jnp.int32) - 1, 0, BINS - 1)
    right = (predicted == true).astype(jnp.int32)
    image = jnp.arange(images, dtype=jnp.int32).reshape(-1, *[1] * (labels.ndim - 1))
    place = ((image * 2 + right) * BINS + bins) * classes + predicted
    cells = images * 2 * BINS * classes
    valid = (true >= 0) & (true < classes) & (predicted >= 0) & (predicted < classes)
    place = jnp.where(valid, place, cells).ravel()  # void pixels go behind the last cell
    level = jnp.round(probabilities * _SCALE).astype(jnp.uint32).ravel()
    sums = [
        jnp.zeros(cells + 1, jnp.uint32).at[place].add(values)[:-1].reshape(images, 2, BINS, classes)
        for values in (jnp.uint32(1), level >> 8, level & 255)
    ]
    return jnp.stack(sums, axis=1)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Probabilities against outcomes over a whole split.

    Attributes:
      pixels: [15, C] how many were predicted, by bin of the probability and predicted class.
      hits: [15, C] how many of them are right.
      probability: [15, C] the sum of their probabilities.
    """

    pixels: Int64[np.ndarray, "bins C"]
    hits: Int64[np.ndarray, "bins C"]
    probability: Float64[np.ndarray, "bins C"]

    @classmethod
    def of(cls, tallies: Iterable[Any], classes: int) -> "Calibration":
        """The sum of what `tally` gave for each batch."""
        total = np.zeros((3, 2, BINS, classes), np.int64)
        for batch in tallies:
            total += np.asarray(batch).astype(np.int64).sum(axis=0)
        pixels, upper, lower = total
        return cls(pixels.sum(axis=0), pixels[1], (256 * upper + lower).sum(axis=0) / _SCALE)

    @property
    def mean_probability(self) -> Float64[np.ndarray, "C"]:
        """Mean probability of the pixels that are predicted as each class; NaN for a class that never is.

        The poster of Chen et al., ICCV 2019 (MaxSquare) plots "the mean of prediction probability" of each class
        against its IoU and does not say over which pixels. Ours: those predicted as the class, for an unsupervised
        loss knows no other.
        """
        return _share(self.probability.sum(axis=0), self.pixels.sum(axis=0))

    @property
    def mean(self) -> float:
        """Mean probability of all pixels' predictions; NaN without any."""
        return float(_share(self.probability.sum(), self.pixels.sum()))

    @property
    def error(self) -> float:
        """Expected calibration error, 0..1; NaN without any pixel.

            ECE = sum_b n_b / n |hits_b / n_b - mean p_b|

        Source: Guo et al., ICML 2017, "On Calibration of Modern Neural Networks", Eq. 3, with 15 bins.
        """
        gaps = np.abs(self.hits.sum(axis=1) - self.probability.sum(axis=1))
        return float(_share(gaps.sum(), self.pixels.sum()))

    def record(self, names: Sequence[str]) -> dict[str, Any]:
        """The figures as JSON, 0..1; what has no pixel is null."""
        bins = zip(
            self.pixels.sum(axis=1).tolist(),
            self.hits.sum(axis=1).tolist(),
            _share(self.probability.sum(axis=1), self.pixels.sum(axis=1)).tolist(),
            strict=True,
        )
        return {
            "mean_probability": dict(zip(names, map(_known, self.mean_probability.tolist()), strict=True)),
            "calibration": {
                "error": _known(self.error),
                "mean_probability": _known(self.mean),
                "bins": [{"count": n, "right": k, "mean_probability": _known(p)} for n, k, p in bins],
            },
        }


def _share(part: np.ndarray | np.generic, whole: np.ndarray | np.generic) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
