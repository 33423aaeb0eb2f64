"""Where the Conservative loss pushes: `python -m experiments.monotone RUN [RUN ...] --out FOLDER`.

For runs of `ConservativeGAN` with `gradient_share`, one group a loss, its seeds together:

    OUT/monotone.html   the page: the losses and their slopes by formula, the share of the gradient by p as measured
    OUT/monotone.svg    its figure
    OUT/monotone.json   its numbers

and the text of the page in Markdown, on the standard output. p is the probability of the true class. Before anything
is written, the Conservative loss is held to fall with p on a fine grid of p, for bases from close to 1 to 1000.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from experiments._command import parse_all, run
from experiments._pushes import BASES, LOG_ODDS, SHOWN, Measured, Monotone, measured, monotone
from jaxseg import report
from jaxseg.methods._gradient_share import bin_names
from jaxseg.report._files import write_whole
from jaxseg.report._markup import Markup, join, tag
from jaxseg.report._sections import grid
from jaxseg.report._svg import INK, LETTERS, MUTED, WIDTH, plain, series_colour, settings, standalone, svg_of
from jaxseg.report.figures import shortened
from jaxseg.report.page import document

ROUNDING = 1e-12
"""Of the greatest size of slopes or values."""
STATEMENT = (
    "The Conservative Loss paper (Zhu et al. 2018) says that where its loss is negative, which is above p = 1/a, the "
    "gradient is ascended. A step follows the slope of a loss, and not the sign of its value. With t = -log_a p, which "
    "falls as p rises,",
    "CL = (1 - t)^2 log_a t,    dCL/dt = (1 - t) [(1 - t)/t - 2 ln t] / ln a >= 0,",
    "since 1 - t and -ln t have the same sign. So lambda CL falls as p rises, for every a > 1 and lambda > 0; it is "
    "flat at p = 1/a alone, and minimising it raises p at every pixel. What the text describes is another loss, the "
    "one whose sign is switched (ours).",
)


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Show where losses push, by formula and as runs measured it."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Run folders; those of one experiment are its seeds."""
    out: Path = Path("runs/monotone")
    """Folder of the page, its figure and its numbers."""


def main(arguments: Sequence[str]) -> int:
    """Draws and tells; returns the exit status."""
    own = parse_all(Arguments, arguments, "experiments.monotone")
    falls = monotone()
    if max(falls) > ROUNDING:
        raise RuntimeError(f"the conservative loss rises with p somewhere: {falls}")
    found = [measured(experiment) for experiment in report.group(report.read_runs(own.runs))[0]]
    found = [
        one
        if [other.title for other in found].count(one.title) == 1
        else dataclasses.replace(one, title=one.experiment.name)
        for one in found
    ]
    drawing = figure(found)
    write_whole(own.out / "monotone.svg", standalone(drawing))
    write_whole(own.out / "monotone.json", (json.dumps(record(falls, found), indent=1) + "\n").encode())
    write_whole(own.out / "monotone.html", document("Where the losses push", page(falls, found, drawing)))
    print(section(falls, found))
    return 0


@settings()
def figure(found: Sequence[Measured]) -> Markup:
    """Values and slopes by formula above; below, a column a loss: shares of the gradient and of pixels by p."""
    import matplotlib
    from matplotlib.figure import Figure

    whole = Figure(figsize=(2 * WIDTH / 72, 560 / 72), layout="constrained")
    whole.patch.set_visible(False)
    halves: Any = whole.subfigures(2, 1, height_ratios=(1.0, 1.5))
    above, below = halves
    left, right = (plain(axes) for axes in above.subplots(1, 2))
    for series, one in enumerate(found):
        style: dict[str, Any] = {"color": series_colour(series), "linewidth": 1.5}
        left.plot(SHOWN, one.value, label=one.title, **style)
        right.plot(SHOWN, one.slope, **style)
    _titled(left, "loss, by formula")
    _titled(right, "its slope in the true class's logit: above 0 it lowers p")
    for axes, limits in ((left, (-10.0, 16.0)), (right, (-8.0, 8.0))):
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(*limits)
        axes.set_xlabel("p of the true class")
    left.legend(frameon=False, fontsize=LETTERS - 1.0, labelcolor=INK)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 1.0, len(bin_names())))
    panels = below.subplots(2, len(found), squeeze=False, sharex="col", sharey=True)
    bands: Any = ()
    for column, one in enumerate(found):
        for row, shares in enumerate((one.course.gradient, one.course.pixels)):
            axes = plain(panels[row, column])
            bands = axes.stackplot(one.course.steps, 100.0 * shares.T, colors=colours, linewidth=0)
            axes.set_ylim(0.0, 100.0)
            axes.set_xlim(one.course.steps[0], max(one.course.steps[-1], one.course.steps[0] + 1e-9))
            axes.xaxis.set_major_formatter(lambda step, _: shortened(step))
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(3, integer=True))
        _titled(panels[0, column], one.title)
        panels[1, column].set_xlabel("step")
    for row, words in enumerate(("share of the gradient (%)", "share of the pixels (%)")):
        panels[row, 0].set_ylabel(words, fontsize=LETTERS, color=MUTED)
    names = [f"p from {name}" for name in bin_names()]
    below.legend(
        bands,
        names,
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=LETTERS - 1.0,
        labelcolor=INK,
    )
    label = "losses and slopes against p, and the measured share of the gradient by p over training"
    return svg_of(whole, "monotone-", label)


def _titled(axes: Any, words: str) -> None:
    axes.set_title(words, fontsize=LETTERS, color=INK, loc="left")


def claims(falls: Monotone) -> str:
    """What was found on the grid, in words."""
    return (
        f"On a grid of {len(LOG_ODDS):,} p from 1e-13 to 1 - 1e-13 and {len(BASES)} bases from {min(BASES):g} to "
        f"{max(BASES):g}, in float64, the greatest slope of `losses.Conservative` in the true class's logit is "
        f"{falls.slope:.1g} of the greatest size, and its greatest rise from a point to the next {falls.rise:.1g}."
    )


def rows(found: Sequence[Measured]) -> tuple[list[str], list[list[str]]]:
    """The table of means: its titles, and its rows."""
    titles = ["loss", "seeds", *(f"{name} (%)" for name in found[0].means)]
    body = [
        [
            one.title,
            str(len(one.experiment.runs)),
            *(f"{interval.scaled(100):.1f}".split(" (n")[0] for interval in one.means.values()),
        ]
        for one in found
    ]
    return titles, body


def notes(found: Sequence[Measured]) -> str:
    """What the losses and the figures are."""
    return (
        f"Losses: {'; '.join(one.words for one in found)}. Means over all logged steps and over seeds, with 95% "
        "intervals of the latter. The gradient of a pixel is the sum of |dL/dlogit| over the classes, of the "
        "segmentation loss alone, on the source's labelled pixels. It lowers p where it lowers the true class's logit."
    )


def section(falls: Monotone, found: Sequence[Measured]) -> str:
    """The text of the page in Markdown."""
    titles, body = rows(found)
    lines = ["| " + " | ".join(row) + " |" for row in (titles, ["---", *["---:"] * (len(titles) - 1)], *body)]
    equation = f"    {STATEMENT[1]}"
    return "\n\n".join([STATEMENT[0], equation, STATEMENT[2], claims(falls), "\n".join(lines), notes(found)])


def page(falls: Monotone, found: Sequence[Measured], drawing: Markup) -> Markup:
    """The body of the page."""
    titles, body = rows(found)
    cells = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", word, class_="number") for word in row[1:]))
        for row in body
    ]
    return join(
        tag(
            "header",
            tag("h1", "Where the losses push"),
            *(tag("p", words) for words in (*STATEMENT, claims(falls).replace("`", ""))),
        ),
        tag(
            "main",
            tag("figure", drawing, class_="card"),
            grid(titles, cells),
            tag("p", notes(found), class_="note"),
        ),
    )


def record(falls: Monotone, found: Sequence[Measured]) -> dict[str, Any]:
    """The numbers of the page as JSON."""

    def plainly(values: np.ndarray) -> list[float]:
        return [float(f"{value:.5g}") for value in values]

    def of(one: Measured) -> dict[str, Any]:
        rising = SHOWN[one.slope > 0.0]
        return {
            "loss": one.words,
            "experiment": one.experiment.name,
            "seeds": list(one.experiment.seeds),
            "rises_from_p": float(f"{rising[0]:.3f}") if rising.size else None,
            "value": plainly(one.value),
            "slope": plainly(one.slope),
            "steps": plainly(one.course.steps),
            "gradient_share": dict(zip(bin_names(), map(plainly, one.course.gradient.T), strict=True)),
            "pixel_share": dict(zip(bin_names(), map(plainly, one.course.pixels.T), strict=True)),
            "means": {
                name: {
                    "mean": interval.mean,
                    "half_width": None if math.isnan(interval.half_width) else interval.half_width,
                    "n": interval.n,
                }
                for name, interval in one.means.items()
            },
        }

    return {
        "conservative": {
            "bases": [min(BASES), max(BASES), len(BASES)],
            "log_odds": [float(LOG_ODDS[0]), float(LOG_ODDS[-1]), len(LOG_ODDS)],
            "greatest_slope": falls.slope,
            "greatest_rise": falls.rise,
        },
        "p": plainly(SHOWN),
        "losses": {one.title: of(one) for one in found},
    }


if __name__ == "__main__":
    run(main)
