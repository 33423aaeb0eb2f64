"""How a figure depends on the axes of a sweep: main effects, and pairs of axes against each other."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from jaxseg.metrics import Interval
from jaxseg.report._markup import Markup, printable
from jaxseg.report._svg import (
    DASHES,
    GRID,
    LETTERS,
    MARKERS,
    MUTED,
    SERIES,
    empty_figure,
    series_colour,
    settings,
    svg_of,
)

SPREAD = 0.06
"""How far apart the lines of a plot stand at one value, so that their intervals can be told apart."""


@dataclasses.dataclass(frozen=True)
class Effect:
    """One line: a figure at each value of an axis.

    Attributes:
      places: where on the horizontal axis, numbers.
      figures: mean and interval there, as shares of 1.
      series: which colour, dashes and marker.
    """

    places: Sequence[float]
    figures: Sequence[Interval]
    series: int = 0


@settings()
def effects(
    lines: Sequence[Effect],
    *,
    ticks: Sequence[str] = (),
    joined: bool = True,
    logarithmic: bool = False,
    x_label: str,
    y_label: str,
    prefix: str,
    label: str,
) -> Markup:
    """Means with their intervals, in percent, against an axis of a sweep.

    Args:
      lines: what to draw.
      ticks: the values of the axis, at the places 0, 1, 2, ...; without them the places are numbers to scale.
      joined: whether the points of a line are joined.
      logarithmic: whether places to scale are on a logarithmic scale.
      x_label: the axis of the sweep.
      y_label: the figure.
      prefix: begins every id in the drawing; unique within a page.
      label: what the drawing shows, for readers who hear the page.

    Returns:
      An `svg` element without width or height: it fills its container.
    """
    figure, axes = empty_figure(205.0)
    hints = {}
    for index, line in enumerate(lines):
        shift = SPREAD * (index - (len(lines) - 1) / 2) if ticks else 0.0
        places = [place + shift for place in line.places]
        means = [100.0 * interval.mean for interval in line.figures]
        colour = series_colour(line.series)
        for place, mean, interval in zip(places, means, line.figures, strict=True):
            if math.isfinite(interval.half_width):
                half = 100.0 * interval.half_width
                axes.plot((place, place), (mean - half, mean + half), color=colour, linewidth=1.0)
        gid = f"effect{index}"
        names = [ticks[round(place)] if ticks else f"{place:g}" for place in line.places]
        hints[gid] = [
            f"{name}: {interval.scaled(100.0):.1f}"
            for name, interval in zip(names, line.figures, strict=True)
        ]
        style: dict[str, Any] = {
            "marker": MARKERS[line.series % len(MARKERS)],
            "markersize": 4.5,
            "color": colour,
        }
        dashes = DASHES[line.series // len(SERIES) % len(DASHES)] if joined else "none"
        if joined:
            axes.plot(places, means, linewidth=1.4, linestyle=dashes, color=colour)
        axes.plot(places, means, linestyle="none", gid=gid, zorder=3, **style)
    if ticks:
        axes.set_xticks(range(len(ticks)), [printable(tick) for tick in ticks])
        axes.set_xlim(-0.4, len(ticks) - 0.6)
    elif logarithmic:
        from matplotlib import ticker

        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axes.tick_params(axis="x", which="minor", color=GRID, length=2)
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.set_xlabel(printable(x_label))
    axes.set_ylabel(printable(y_label), fontsize=LETTERS, color=MUTED)
    axes.grid(axis="y")
    return svg_of(figure, prefix, label, hints)
