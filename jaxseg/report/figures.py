"""What is drawn on a page, as SVG: curves, bars, points, and the gradients of two losses."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxseg.report._markup import Markup, printable, tag
from jaxseg.report._svg import (
    DASHES,
    INK,
    LETTERS,
    MARKERS,
    MUTED,
    PAPER,
    SERIES,
    STAND_INS,
    empty_figure,
    series_colour,
    settings,
    svg_of,
)

_POINTS = 60


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
      steps: x.
      values: y; values that are not finite are left out.
      series: which experiment's colour; also its dashes and marker.
      sparse: few points, each marked and none averaged.
      hollow: dashed, with hollow markers, to tell it from another line of its series.
    """

    steps: Sequence[int | float]
    values: Sequence[float]
    series: int
    sparse: bool = False
    hollow: bool = False


@dataclasses.dataclass(frozen=True)
class Points:
    """The points of one experiment.

    Attributes:
      x: shares of 1.
      y: shares of 1, as many.
      names: what each point is of.
      series: which experiment's colour and marker.
    """

    x: Sequence[float]
    y: Sequence[float]
    names: Sequence[str]
    series: int


@settings()
def curves(
    lines: Sequence[Line],
    *,
    prefix: str,
    label: str,
    percent: bool = False,
    limits: tuple[float, float] | None = None,
) -> Markup:
    """A plot of lines against the training step.

    Args:
      lines: what to draw; a line of more than 60 points is drawn as means over 60 stretches of steps.
      prefix: begins every id in the drawing; unique within a page.
      label: what the drawing shows, for readers who hear the page; the page itself has the title.
      percent: values are shares of 1, shown in percent.
      limits: lowest and highest value shown, where several plots are to be compared; None fits the lines.

    Returns:
      An `svg` element without width or height: it fills its container.
    """
    figure, axes = empty_figure(205.0)
    for line in lines:
        steps, values = _finite(line)
        if not line.sparse:
            steps, values = averaged(steps, values)
        marker = MARKERS[line.series % len(MARKERS)] if line.sparse or len(steps) == 1 else None
        axes.plot(
            steps,
            values * (100.0 if percent else 1.0),
            color=series_colour(line.series),
            linestyle=DASHES[1] if line.hollow else DASHES[line.series // len(SERIES) % len(DASHES)],
            linewidth=1.4,
            marker=marker,
            markersize=4.5,
            markerfacecolor=PAPER if line.hollow else None,
        )
    if limits is not None:
        axes.set_ylim(*(limit * (100.0 if percent else 1.0) for limit in limits))
    axes.set_xlabel("step")
    axes.grid(axis="y")
    axes.xaxis.set_major_locator(_ticker().MaxNLocator(5, integer=True, steps=(1, 2, 5, 10)))
    axes.yaxis.set_major_locator(_ticker().MaxNLocator(6, steps=(1, 2, 2.5, 5, 10)))
    axes.xaxis.set_major_formatter(_ticker().FuncFormatter(lambda value, _: shortened(value)))
    return svg_of(figure, prefix, label)


@settings()
def bars(
    names: Sequence[str],
    values: Sequence[Sequence[float | None]],
    errors: Sequence[Sequence[float | None]],
    *,
    prefix: str,
    x_label: str = "IoU (%)",
    label: str = "IoU of each class",
) -> Markup:
    """Horizontal bars, a cluster for each class with a bar for each experiment.

    Args:
      names: the classes, from the top down.
      values: of each experiment, the share of 1 of each class, None where there is none.
      errors: of each experiment, the half width of each value's interval, None where there is none.
      prefix: begins every id in the drawing; unique within a page.
      x_label: label of the x axis.
      label: what the drawing shows, for readers who hear the page.

    Returns:
      An `svg` element without width or height: it fills its container.
    """
    members = max(1, len(values))
    thickness = 11.0 if members == 1 else 8.0 if members == 2 else 6.0
    pitch = members * thickness + (9.0 if members == 1 else 10.0)
    figure, axes = empty_figure(pitch * len(names) + 34.0)
    for member, (shares, halves) in enumerate(zip(values, errors, strict=True)):
        offset = (member - (members - 1) / 2) * thickness / pitch
        shown = [
            (place, share, half)
            for place, (share, half) in enumerate(zip(shares, halves, strict=True))
            if share is not None
        ]
        heights = [place + offset for place, _, _ in shown]
        axes.barh(
            heights,
            [100.0 * share for _, share, _ in shown],
            height=0.88 * thickness / pitch,
            color=series_colour(member),
            linewidth=0,
        )
        for height, (_, share, half) in zip(heights, shown, strict=True):
            if half is not None and math.isfinite(half):
                ends = (100.0 * max(0.0, share - half), 100.0 * min(1.0, share + half))
                axes.plot(ends, (height, height), color=INK, linewidth=0.9, solid_capstyle="butt")
            if members == 1:
                axes.text(
                    min(100.0 * (share + (half or 0.0)) + 1.5, 101.0),
                    height,
                    f"{100 * share:.0f}",
                    va="center",
                    fontsize=LETTERS - 1.5,
                    color=MUTED,
                )
    axes.set_yticks(range(len(names)), [printable(name).replace("\n", " ") for name in names])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0.0, 108.0 if members == 1 else 100.0)
    axes.set_xticks((0, 25, 50, 75, 100))
    axes.set_xlabel(x_label)
    axes.grid(axis="x")
    return svg_of(figure, prefix, label)


@settings()
def scatter(
    points: Sequence[Points], *, prefix: str, x_label: str, y_label: str, label: str, named: bool = False
) -> Markup:
    """Points in percent, a marker for each experiment; the pointer shows what each is of.

    Args:
      points: of each experiment.
      prefix: begins every id in the drawing; unique within a page.
      x_label: label of the x axis.
      y_label: label of the y axis.
      label: what the drawing shows, for readers who hear the page.
      named: write the names beside the points, where there is room.

    Returns:
      An `svg` element without width or height: it fills its container.
    """
    figure, axes = empty_figure(270.0)
    lowest = min((value for each in points for value in each.y), default=0.0)
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(10.0 * math.floor(10.0 * lowest - 0.2), 101.0)
    hints = {}
    for each in points:
        gid = f"points{each.series}"
        x, y = [100.0 * share for share in each.x], [100.0 * share for share in each.y]
        hints[gid] = [f"{n}: {a:.1f}, {b:.1f}" for n, a, b in zip(each.names, x, y, strict=True)]
        marker, colour = MARKERS[each.series % len(MARKERS)], series_colour(each.series)
        style: dict[str, Any] = {"marker": marker, "markersize": 5.5, "color": colour}
        axes.plot(x, y, linestyle="none", markeredgewidth=0, clip_on=False, gid=gid, zorder=3, **style)
        if named:
            _write_names(axes, x, y, each.names)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label, fontsize=LETTERS, color=MUTED)
    axes.grid(True)
    axes.yaxis.set_major_locator(_ticker().MaxNLocator(6, steps=(1, 2, 2.5, 5, 10)))
    return svg_of(figure, prefix, label, hints)


def _write_names(axes: Any, x: Sequence[float], y: Sequence[float], names: Sequence[str]) -> None:
    """Names beside points: right, left, above or below, wherever they hide no point and no name; else nowhere."""
    (first, last), (lowest, highest) = axes.get_xlim(), axes.get_ylim()
    across, up = float(last - first) / 300.0, float(highest - lowest) / 225.0  # of a point of length, about
    letters = LETTERS - 2.0
    taken = [(a - 4 * across, b - 4 * up, a + 4 * across, b + 4 * up) for a, b in zip(x, y, strict=True)]
    for a, b, name in zip(x, y, names, strict=True):
        wide, tall = 0.55 * letters * len(name) * across, 1.1 * letters * up
        for left, low in (
            (a + 5 * across, b - tall / 2),
            (a - 5 * across - wide, b - tall / 2),
            (a - wide / 2, b + 5 * up),
            (a - wide / 2, b - 5 * up - tall),
        ):
            box = (left, low, left + wide, low + tall)
            inside = left >= first and box[2] <= last + 8 * across and low >= lowest
            if inside and not any(_overlap(box, other) for other in taken):
                axes.text(left, low + tall / 2, printable(name), va="center", fontsize=letters, color=INK)
                taken.append(box)
                break


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@settings()
def gradients(*, prefix: str) -> Markup:
    """The gradients of entropy and maximum squares in the probability p of one of two classes (MaxSquare's poster).

        |dH/dp| = |log p - log(1 - p)|,    |dMS/dp| = |4 p - 2|    with MS = -p^2 - (1 - p)^2

    `experiments.losses_tour` draws the same from the losses themselves.
    """
    figure, axes = empty_figure(270.0)
    p = np.linspace(0.001, 0.999, 333)
    axes.plot(p, np.abs(np.log(p) - np.log1p(-p)), color=INK, linewidth=1.4)
    axes.plot(p, np.abs(4.0 * p - 2.0), color=INK, linewidth=1.4, linestyle=DASHES[1])
    words: dict[str, Any] = {"fontsize": LETTERS, "color": INK, "ha": "right"}
    axes.text(0.955, 4.1, "entropy", **words)
    axes.text(0.985, 0.2, "maximum squares", **words)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 7.0)
    axes.set_xlabel("probability p of one of two classes")
    axes.set_ylabel("size of the gradient in p", fontsize=LETTERS, color=MUTED)
    axes.grid(True)
    return svg_of(figure, prefix, "gradients of entropy and maximum squares against probability")


def look(series: int) -> tuple[str, str]:
    """CSS colour and `stroke-dasharray` of an experiment, as the curves have them.

    >>> look(0), look(8)[1]
    (('var(--series-0, #0072b2)', 'none'), '4 2')
    """
    dashes = DASHES[series // len(SERIES) % len(DASHES)]
    return STAND_INS[series_colour(series)], "none" if dashes == "-" else " ".join(
        f"{length:g}" for length in dashes[1]
    )


_GLYPHS = (
    "M8 6a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z",
    "M8.5 1.5H17.5V10.5H8.5Z",
    "M13 0.8L18.4 10.5H7.6Z",
    "M13 0.5L18.5 6L13 11.5L7.5 6Z",
    "M13 11.2L18.4 1.5H7.6Z",
    "M11.2 0.8H14.8V4.2H18.2V7.8H14.8V11.2H11.2V7.8H7.8V4.2H11.2Z",
    "M11.2 0.8H14.8V4.2H18.2V7.8H14.8V11.2H11.2V7.8H7.8V4.2H11.2Z",
)


def glyph(series: int) -> Markup:
    """The marker of an experiment's points, for a key of 26 x 12."""
    turned = "rotate(45 13 6)" if MARKERS[series % len(MARKERS)] == "X" else None
    colour = STAND_INS[series_colour(series)]
    return tag("path", d=_GLYPHS[series % len(_GLYPHS)], transform=turned, style=f"fill:{colour};stroke:none")


def averaged(steps: np.ndarray, values: np.ndarray, points: int = _POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Means over at most `points` equal stretches of a series: a long one neither blurs nor bloats the page.

    >>> averaged(np.arange(4.0), np.array([1.0, 3.0, 5.0, 7.0]), points=2)
    (array([0.5, 2.5]), array([2., 6.]))
    """
    if len(steps) <= points:
        return steps, values
    parts = np.linspace(0, len(steps), points + 1).round().astype(int)
    counts = np.diff(parts)
    return np.add.reduceat(steps, parts[:-1]) / counts, np.add.reduceat(values, parts[:-1]) / counts


def shortened(value: int | float) -> str:
    """
    >>> shortened(500), shortened(2000), shortened(12500), shortened(3e6)
    ('500', '2k', '12.5k', '3M')
    """
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _finite(line: Line) -> tuple[np.ndarray, np.ndarray]:
    steps, values = np.asarray(line.steps, np.float64), np.asarray(line.values, np.float64)
    keep = np.isfinite(values)
    return steps[keep], values[keep]


def _ticker() -> Any:
    from matplotlib import ticker

    return ticker
