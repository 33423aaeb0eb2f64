"""Pictures of learned pixel weights: maps, and how the weights of each class are spread."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, UInt8

from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace
from jaxseg.report._markup import Markup, printable
from jaxseg.report._svg import INK, LETTERS, MARKERS, MUTED, empty_figure, series_colour, settings, svg_of
from jaxseg.report.figures import averaged


def weight_map(
    weights: Float[np.ndarray, "H W"], low: int | float = 0.0, high: int | float = 1.0
) -> UInt8[np.ndarray, "H W 3"]:
    """Weights as grey, bright where high, as in MetaPix's Fig. 3.

    Args:
      weights: [H, W].
      low: the weight that is black; what is below is black too.
      high: the weight that is white.

    Returns:
      [H, W, 3] RGB.

    Raises:
      InputError: `high` is not above `low`.

    >>> weight_map(np.array([[0.0, 0.5, 1.0]]))[0, :, 0].tolist()
    [0, 128, 255]
    """
    if not high > low:
        raise InputError(f"high: {high} is not above low, {low}")
    share = np.clip((weights.astype(np.float64) - low) / (high - low), 0.0, 1.0)
    grey = np.floor(255.0 * share + 0.5).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def weight_counts(
    weights: Float[np.ndarray, "*B"], labels: Integer[np.ndarray, "*B"], classes: int, bins: int = 20
) -> Integer[np.ndarray, "C N"]:
    """How many pixels of each class have a weight in each of equal parts of 0..1.

    Args:
      weights: [*B] in 0..1.
      labels: [*B] train ids; others than 0..C-1 are left out.
      classes: C.
      bins: N.

    Returns:
      [C, N] int64.

    >>> weight_counts(np.array([0.1, 0.9, 1.0, 0.2]), np.array([0, 1, 1, 255]), classes=2, bins=2).tolist()
    [[1, 0], [0, 2]]
    """
    known = (labels >= 0) & (labels < classes)
    place = np.clip((weights[known] * bins).astype(np.int64), 0, bins - 1)
    flat = labels[known].astype(np.int64) * bins + place
    return np.bincount(flat, minlength=classes * bins).reshape(classes, bins)


@settings()
def weight_histograms(
    counts: Integer[np.ndarray, "C N"],
    space: LabelSpace,
    *,
    prefix: str,
    label: str = "weights of each class",
) -> Markup:
    """A histogram of the weights of each class, one below the other; classes without pixels are left out.

    Args:
      counts: [C, N] pixels of each class whose weight is in each of N equal parts of 0..1, see `weight_counts`.
      space: names the classes.
      prefix: begins every id in the drawing; unique within a page.
      label: what the drawing shows, for readers who hear the page.

    Returns:
      An `svg` element without width or height: it fills its container.

    Raises:
      InputError: no class has a pixel.
    """
    shown = [number for number in range(len(counts)) if counts[number].sum()]
    if not shown:
        raise InputError("counts: no class has a pixel; give images with labels")
    figure, axes = _rows(shown, space)
    edges = np.linspace(0.0, 1.0, counts.shape[1] + 1)
    for place, number in enumerate(shown):
        height = 0.85 * counts[number] / counts[number].max()
        axes.bar(edges[:-1], -height, np.diff(edges), bottom=place, align="edge", color=series_colour(0))
        middle = (edges[:-1] + edges[1:]) / 2
        mean = float((counts[number] * middle).sum() / counts[number].sum())
        axes.text(1.02, place, f"{mean:.2f}", fontsize=LETTERS - 1.5, color=MUTED)
    axes.set_xlim(0.0, 1.1)
    axes.set_xticks((0.0, 0.25, 0.5, 0.75, 1.0))
    axes.set_xlabel("weight, and its mean")
    axes.grid(axis="x")
    return svg_of(figure, prefix, label)


@settings()
def weight_courses(
    points: Mapping[int, Sequence[tuple[int, float]]],
    space: LabelSpace,
    *,
    prefix: str,
    label: str = "mean weight of each class in the course of training",
) -> Markup:
    """The mean weight of each class against the training step, a row a class from 0 at its foot to 1.

    Args:
      points: step and mean weight of each class, by its number.
      space: names the classes.
      prefix: begins every id in the drawing; unique within a page.
      label: what the drawing shows, for readers who hear the page.

    Returns:
      An `svg` element without width or height: it fills its container.

    Raises:
      InputError: there are no points.
    """
    shown = sorted(number for number, course in points.items() if course)
    if not shown:
        raise InputError("points: there are none; train with class_weights")
    figure, axes = _rows(shown, space)
    last = max(step for number in shown for step, _ in points[number])
    for place, number in enumerate(shown):
        steps, means = np.array(points[number], np.float64).T
        steps, means = averaged(steps, means)
        marker = MARKERS[0] if len(steps) == 1 else None
        axes.plot(steps, place - 0.85 * means, color=series_colour(0), linewidth=1.2, marker=marker)
        axes.text(1.02 * last, place, f"{means[-1]:.2f}", fontsize=LETTERS - 1.5, color=MUTED)
    axes.set_xlim(0.0, 1.12 * last)
    axes.set_xlabel("step; at the end of a row its last mean")
    axes.grid(axis="y")
    return svg_of(figure, prefix, label)


def _rows(shown: Sequence[int], space: LabelSpace) -> tuple[Any, Any]:
    """A figure with a row for each of some classes, from the top down; a row's foot is its place, 0.85 its height."""
    figure, axes = empty_figure(18.0 * len(shown) + 34.0)
    names = [printable(space.names[number]).replace("\n", " ") for number in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(shown) - 0.9, -1.0)
    return figure, axes
