"""Boundary IoU: the IoU of each class along the edges of its regions, where mIoU hardly looks.

A pixel lies on an edge of a label map where another label is within a distance d of it, or the end of the image. With
G_d and P_d the edges of truth and prediction, a class has

    Boundary IoU = |(G_d and G) and (P_d and P)| / |(G_d and G) or (P_d and P)|

over the labelled pixels of the whole split. Where truth is void the prediction is taken to be void as well, so both end
there, and what is right at every labelled pixel has 1. Counted beside the confusion matrix, in integers.

>>> truth = jnp.array([[[0, 0, 0, 0, 1, 1, 1, 1]] * 8])
>>> found = Boundary.of([tally(jnp.roll(truth, 1, axis=2).at[:, :, 0].set(0), truth, classes=2, distance=1)], 2)
>>> found.iou.round(3), round(found.mean, 3)
(array([0.5  , 0.462]), 0.481)
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float64, Int64, Integer, UInt32

from jaxseg._ids import check_maps
from jaxseg.errors import InputError

SHARE = 0.02
"""d as a share of the image's diagonal."""


def distance_of(height: int, width: int, share: float = SHARE) -> int:
    """d in pixels of an image: a share of its diagonal, rounded, at least 1.

    Raises:
      InputError: the share is not positive.

    >>> distance_of(1024, 2048), distance_of(8, 8)
    (46, 1)
    """
    if not 0 < share < math.inf:
        raise InputError(f"boundary: a share of {share}; give one above 0, such as {SHARE}")
    return max(1, round(share * float(np.hypot(height, width))))


def edges(labels: Integer[Array, "*B H W"], distance: int) -> Bool[Array, "*B H W"]:
    """Which pixels have another label, or the end of the image, within a square of 2 d + 1 pixels around them.

    Args:
      labels: [*B, H, W] train ids; void is a label as others are.
      distance: d, at least 1.

    Raises:
      InputError: the distance is below 1.

    >>> edges(jnp.array([[0, 0, 0, 0, 0]] * 5), 1).sum().item()
    16
    """
    if distance < 1:
        raise InputError(f"boundary: a distance of {distance} pixels; it is at least 1")
    ids = labels.astype(jnp.int32)
    least, most = jnp.iinfo(jnp.int32).min, jnp.iinfo(jnp.int32).max
    lowest = _windows(_windows(ids, distance, -1, jnp.minimum, least), distance, -2, jnp.minimum, least)
    highest = _windows(_windows(ids, distance, -1, jnp.maximum, most), distance, -2, jnp.maximum, most)
    return lowest != highest


def _windows(
    values: Array, distance: int, axis: int, larger: Callable[[Array, Array], Array], outside: int
) -> Array:
    """The extreme of the 2 d + 1 values around each, in about log2(2 d + 1) passes."""
    size, side = 2 * distance + 1, values.shape[axis]
    margins = [(0, 0)] * values.ndim
    margins[axis] = (distance, distance)
    found, width = jnp.pad(values, margins, constant_values=outside), 1

    def shifted(by: int, length: int) -> tuple[Array, Array]:
        return (
            jax.lax.slice_in_dim(found, 0, length, axis=axis),
            jax.lax.slice_in_dim(found, by, by + length, axis=axis),
        )

    while 2 * width <= size:
        found, width = larger(*shifted(width, found.shape[axis] - width)), 2 * width
    return larger(*shifted(size - width, side))


def tally(
    predictions: Integer[Array | np.ndarray, "B H W"],
    labels: Integer[Array | np.ndarray, "B H W"],
    classes: int,
    distance: int,
) -> UInt32[Array, "B 2 C"]:
    """What a batch adds to a `Boundary`, image by image; pure, and meant for use inside `jit`.

    Args:
      predictions: [B, H, W] predicted classes 0..C-1; something else is on no edge of a class.
      labels: [B, H, W] true train ids; ids outside 0..C-1 are void: not counted, and both maps have an edge where they
        begin.
      classes: C.
      distance: d in pixels.

    Returns:
      [B, 2, C] pixels of each image: on an edge of a class in both maps, and in either.

    Raises:
      InputError: the distance is below 1, shapes differ, or ids are no integers.
    """
    check_maps("boundary", predictions, labels)
    predicted, true = jnp.asarray(predictions, jnp.int32), jnp.asarray(labels, jnp.int32)
    valid = (true >= 0) & (true < classes)
    predicted = jnp.where((predicted >= 0) & (predicted < classes), predicted, classes)
    predicted = jnp.where(valid, predicted, true)
    on_truth, on_prediction = (
        jnp.where(edges(ids, distance) & valid, ids, classes) for ids in (true, predicted)
    )
    both = jnp.where(on_truth == on_prediction, on_truth, classes)
    counts = [_counted(ids, classes) for ids in (both, on_truth, on_prediction)]
    return jnp.stack([counts[0], counts[1] + counts[2] - counts[0]], axis=1)


def _counted(ids: Integer[Array, "B H W"], classes: int) -> UInt32[Array, "B C"]:
    """How many pixels of each image have each class; those of the id C are left out."""
    images = ids.shape[0]
    place = (
        ids.reshape(images, math.prod(ids.shape[1:]))
        + (classes + 1) * jnp.arange(images, dtype=jnp.int32)[:, None]
    )
    counted = jnp.zeros(images * (classes + 1), jnp.uint32).at[place.ravel()].add(jnp.uint32(1))
    return counted.reshape(images, classes + 1)[:, :classes]


@dataclasses.dataclass(frozen=True)
class Boundary:
    """Edges of truth and prediction over a whole split.

    Attributes:
      both: [C] pixels that are on an edge of the class in truth and in the prediction.
      either: [C] pixels that are in one of the two.

    Source: Cheng, Girshick, Dollar, Berg and Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation
    Evaluation", CVPR 2021, Eq. 2; there for single objects, here for the pixels of a class. d is 2% of the diagonal
    as there, also on Cityscapes, where they take 0.5%; where images lie on a canvas, of the canvas's diagonal.
    """

    both: Int64[np.ndarray, "C"]
    either: Int64[np.ndarray, "C"]

    @classmethod
    def of(cls, tallies: Iterable[Any], classes: int) -> "Boundary":
        """The sum of what `tally` gave for each batch."""
        total = np.zeros((2, classes), np.int64)
        for batch in tallies:
            total += np.asarray(batch).astype(np.int64).sum(axis=0)
        return cls(total[0], total[1])

    @property
    def iou(self) -> Float64[np.ndarray, "C"]:
        """Boundary IoU of each class; NaN for a class without an edge in truth and prediction."""
        return np.divide(self.both, self.either, out=np.full(self.both.shape, np.nan), where=self.either > 0)

    @property
    def mean(self) -> float:
        """Its mean over the classes that have edges; NaN without any."""
        known = self.iou[self.either > 0]
        return float(known.mean()) if known.size else float("nan")

    def record(self, names: Sequence[str]) -> dict[str, Any]:
        """The figures as JSON, 0..1; what has no edge is null."""
        values = [None if np.isnan(value) else value for value in self.iou.tolist()]
        return {
            "mean_boundary_iou": None if np.isnan(self.mean) else self.mean,
            "boundary_iou": dict(zip(names, values, strict=True)),
        }
