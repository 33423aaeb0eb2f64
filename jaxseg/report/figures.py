"""Curves and bars as SVG for a page: text stays text, colours follow the page's theme, ids are unique.

Matplotlib draws, and is imported when the first figure is drawn. It is given stand-in colours, which are then
replaced by the page's CSS variables, so one drawing serves a light and a dark page.
"""

import contextlib
import dataclasses
import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from jaxseg.report._markup import Markup, printable

# After Okabe and Ito's colours for colour-blind readers, without black and yellow; darkened for a white page.
SERIES = ("#0072b2", "#c84e00", "#008a64", "#b0508a", "#4a9bd0", "#c08400", "#6b7280")
SERIES_DARK = ("#4da8e0", "#f08a4b", "#2fbf94", "#e29ac4", "#9bd0f2", "#f2bd4a", "#a3a9b4")
_DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_INK, _MUTED, _GRID, _PAPER = "#fedc01", "#fedc02", "#fedc03", "#fedc04"
_STAND_INS = {
    _INK: "var(--ink, #1c2026)",
    _MUTED: "var(--muted, #5b6470)",
    _GRID: "var(--line, #dde1e7)",
    _PAPER: "var(--card, #ffffff)",
    **{f"#fedd{k:02x}": f"var(--series-{k}, {colour})" for k, colour in enumerate(SERIES)},
}
_WIDTH = (
    352  # points; at a phone's width letters shrink by a tenth, at half a desktop page they grow by a third
)
_LETTERS = 10.0
_POINTS = 60


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
      steps: x.
      values: y; values that are not finite are left out.
      series: which experiment's colour; also its dashes and marker.
      sparse: few points, each marked and none averaged.
    """

    steps: Sequence[int | float]
    values: Sequence[float]
    series: int
    sparse: bool = False


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Settings of matplotlib for the time of one drawing; the caller's stay as they are."""
    import matplotlib

    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "jaxseg",
        "grid.color": _GRID,
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # Names in other scripts are measured with a font that lacks them; the reader's browser has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


@_settings()
def curves(lines: Sequence[Line], *, prefix: str, label: str, percent: bool = False) -> Markup:
    """A plot of lines against the training step.

    Args:
      lines: what to draw; a line of more than 60 points is drawn as means over 60 stretches of steps.
      prefix: begins every id in the drawing; unique within a page.
      label: what the drawing shows, for readers who hear the page; the page itself has the title.
      percent: values are shares of 1, shown in percent.

    Returns:
      An `svg` element without width or height: it fills its container.
    """
    figure, axes = _figure(205.0)
    for line in lines:
        steps, values = _finite(line)
        if not line.sparse:
            steps, values = averaged(steps, values)
        marker = _MARKERS[line.series % len(_MARKERS)] if line.sparse or len(steps) == 1 else None
        axes.plot(
            steps,
            values * (100.0 if percent else 1.0),
            color=_series(line.series),
            linestyle=_DASHES[line.series // len(SERIES) % len(_DASHES)],
            linewidth=1.4,
            marker=marker,
            markersize=4.5,
        )
    axes.set_xlabel("step")
    axes.grid(axis="y")
    axes.xaxis.set_major_locator(_ticker().MaxNLocator(5, integer=True, steps=(1, 2, 5, 10)))
    axes.yaxis.set_major_locator(_ticker().MaxNLocator(6, steps=(1, 2, 2.5, 5, 10)))
    axes.xaxis.set_major_formatter(_ticker().FuncFormatter(lambda value, _: shortened(value)))
    return _svg(figure, prefix, label)


@_settings()
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
    figure, axes = _figure(pitch * len(names) + 34.0)
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
            color=_series(member),
            linewidth=0,
        )
        for height, (_, share, half) in zip(heights, shown, strict=True):
            if half is not None and math.isfinite(half):
                ends = (100.0 * max(0.0, share - half), 100.0 * min(1.0, share + half))
                axes.plot(ends, (height, height), color=_INK, linewidth=0.9, solid_capstyle="butt")
            if members == 1:
                axes.text(
                    min(100.0 * (share + (half or 0.0)) + 1.5, 101.0),
                    height,
                    f"{100 * share:.0f}",
                    va="center",
                    fontsize=_LETTERS - 1.5,
                    color=_MUTED,
                )
    axes.set_yticks(range(len(names)), [printable(name).replace("\n", " ") for name in names])
    axes.tick_params(axis="y", length=0, labelcolor=_INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0.0, 108.0 if members == 1 else 100.0)
    axes.set_xticks((0, 25, 50, 75, 100))
    axes.set_xlabel(x_label)
    axes.grid(axis="x")
    return _svg(figure, prefix, label)


def look(series: int) -> tuple[str, str]:
    """CSS colour and `stroke-dasharray` of an experiment, as the curves have them.

    >>> look(0), look(8)[1]
    (('var(--series-0, #0072b2)', 'none'), '4 2')
    """
    dashes = _DASHES[series // len(SERIES) % len(_DASHES)]
    return _STAND_INS[_series(series)], "none" if dashes == "-" else " ".join(
        f"{length:g}" for length in dashes[1]
    )


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


def _series(index: int) -> str:
    return f"#fedd{index % len(SERIES):02x}"


def _ticker() -> Any:
    from matplotlib import ticker

    return ticker


def _figure(height: float) -> tuple[Any, Any]:
    """An empty figure, `height` points high; without pyplot, so no global state is touched."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / 72, height / 72), layout="constrained")
    figure.patch.set_visible(False)
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_GRID)
    axes.grid(color=_GRID, linewidth=0.8)
    axes.grid(False)
    axes.tick_params(labelsize=_LETTERS, labelcolor=_MUTED, color=_GRID, length=3)
    axes.xaxis.label.set(fontsize=_LETTERS, color=_MUTED)
    return figure, axes


def _svg(figure: Any, prefix: str, label: str) -> Markup:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    return _inline(buffer.getvalue(), prefix, label)


def _inline(svg: bytes, prefix: str, label: str) -> Markup:
    """The drawing as part of a page: no namespaces, metadata or size, ids of its own, the page's colours."""
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.tail = None
        if element.tag != "text" and element.tag != "tspan":
            element.text = None
        attributes = {
            _local(key): _value(_local(key), value, prefix) for key, value in element.attrib.items()
        }
        element.attrib.clear()
        element.attrib.update(attributes)
    box = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"viewBox": box, "role": "img", "aria-label": printable(label), "class": "plot"})
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _value(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return prefix + value
    if key == "href":
        return f"#{prefix}{value.removeprefix('#')}"
    value = re.sub(r"url\(#", f"url(#{prefix}", value)
    if key in ("style", "fill", "stroke"):
        value = re.sub(r"#fed[cd][0-9a-f]{2}", lambda match: _STAND_INS.get(match[0], match[0]), value)
        value = re.sub(r"font(-family)?:[^;]*;\s*", _font_size, value)
    return value


def _font_size(match: re.Match[str]) -> str:
    """The size out of a font declaration; family and weight are the page's."""
    size = re.search(r"[\d.]+px", match[0])
    return f"font-size: {size[0]}; " if size else ""
