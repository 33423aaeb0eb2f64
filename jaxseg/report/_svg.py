"""Drawings as SVG for a page: text stays text, colours follow the page's theme, ids are unique.

Matplotlib draws, and is imported when the first figure is drawn. It is given stand-in colours, which are then
replaced by the page's CSS variables, so one drawing serves a light and a dark page.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from jaxseg.report._markup import Markup, printable

# After Okabe and Ito's colours for colour-blind readers, without black and yellow; darkened for a white page.
SERIES = ("#0072b2", "#c84e00", "#008a64", "#b0508a", "#4a9bd0", "#c08400", "#6b7280")
SERIES_DARK = ("#4da8e0", "#f08a4b", "#2fbf94", "#e29ac4", "#9bd0f2", "#f2bd4a", "#a3a9b4")
DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, MUTED, GRID, PAPER = "#fedc01", "#fedc02", "#fedc03", "#fedc04"
STAND_INS = {
    INK: "var(--ink, #1c2026)",
    MUTED: "var(--muted, #5b6470)",
    GRID: "var(--line, #dde1e7)",
    PAPER: "var(--card, #ffffff)",
    **{f"#fedd{k:02x}": f"var(--series-{k}, {colour})" for k, colour in enumerate(SERIES)},
}
# In points. At a phone's width letters shrink by a tenth, at half a desktop page they grow by a third.
WIDTH, LETTERS = 352, 10.0


@contextlib.contextmanager
def settings() -> Iterator[None]:
    """Settings of matplotlib for the time of one drawing; the caller's stay as they are."""
    import matplotlib

    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "jaxseg",
        "grid.color": GRID,
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # Names in other scripts are measured with a font that lacks them; the reader's browser has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def series_colour(index: int) -> str:
    """The stand-in of an experiment's colour."""
    return f"#fedd{index % len(SERIES):02x}"


def empty_figure(height: float) -> tuple[Any, Any]:
    """An empty figure, `height` points high; without pyplot, so no global state is touched."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
    figure.patch.set_visible(False)
    return figure, plain(figure.add_subplot())


def plain(axes: Any) -> Any:
    """Axes without a box or a grid, in the page's colours."""
    axes.patch.set_visible(False)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GRID)
    axes.grid(color=GRID, linewidth=0.8)
    axes.grid(False)
    axes.tick_params(labelsize=LETTERS, labelcolor=MUTED, color=GRID, length=3)
    axes.xaxis.label.set(fontsize=LETTERS, color=MUTED)
    return axes


def svg_of(figure: Any, prefix: str, label: str, hints: Mapping[str, Sequence[str]] | None = None) -> Markup:
    """A figure as an `svg` element without width or height, which fills its container.

    Args:
      figure: matplotlib's.
      prefix: begins every id in the drawing; unique within a page.
      label: what the drawing shows, for readers who hear the page.
      hints: words shown when the pointer rests on a marker: of each marker in turn, by the `gid` of the markers.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    return _inline(buffer.getvalue(), prefix, label, hints or {})


def standalone(drawing: Markup) -> bytes:
    """A drawing of `svg_of` as a file of its own: on white, in the colours of a light page."""
    light = re.sub(r"var\(--[a-z0-9-]+, (#[0-9a-f]{6})\)", r"\1", drawing)
    style = "background:#ffffff;font-family:system-ui,sans-serif"
    return light.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" style="{style}" ', 1).encode()


def _inline(svg: bytes, prefix: str, label: str, hints: Mapping[str, Sequence[str]]) -> Markup:
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
    for gid, words in hints.items():
        markers = root.findall(f".//g[@id='{prefix}{gid}']//use")
        for marker, word in zip(markers, words, strict=True):
            ElementTree.SubElement(marker, "title").text = printable(word)
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
        value = re.sub(r"#fed[cd][0-9a-f]{2}", lambda match: STAND_INS.get(match[0], match[0]), value)
        value = re.sub(r"font(-family)?:[^;]*;\s*", _font_size, value)
    return value


def _font_size(match: re.Match[str]) -> str:
    """The size out of a font declaration; family and weight are the page's."""
    size = re.search(r"[\d.]+px", match[0])
    return f"font-size: {size[0]}; " if size else ""
