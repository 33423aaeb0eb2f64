"""A section of a report: where the gradient of the segmentation came from, by the probability of the true class."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jaxseg.report import figures
from jaxseg.report._evaluations import as_dict, number
from jaxseg.report._markup import Markup, join, tag
from jaxseg.report._sections import BARS, grid, key
from jaxseg.report.runs import Experiment

SURE = 0.9
"""Pixels of at least this p are sure."""


def mean_shares(records: Sequence[Mapping[str, Any]], which: str) -> dict[str, float]:
    """Means over training records of the shares that they hold, by the lower end of the bin.

    Args:
      records: training records, those of `metrics.jsonl`.
      which: `"gradient_share"` or `"pixel_share"`.

    Returns:
      Empty where no record has any.

    >>> mean_shares([{"gradient_share": {"0.0": 1.0}}, {"gradient_share": {"0.0": 0.5}}, {}], "gradient_share")
    {'0.0': 0.75}
    """
    held = [as_dict(record.get(which)) for record in records if as_dict(record.get(which))]
    names = list(dict.fromkeys(name for shares in held for name in shares))
    return {
        name: statistics.fmean(v for shares in held if (v := number(shares.get(name))) is not None)
        for name in names
        if any(number(shares.get(name)) is not None for shares in held)
    }


def shares(experiments: Sequence[Experiment], prefixes: Iterator[str]) -> Markup:
    """Bars of the mean shares by bin, pixels and gradient, and their course; empty where none was recorded.

    The Conservative Loss paper says that the gradient of sure pixels is ascended. Told is the share of the gradient
    that lowers the score of the true class, 0 for a loss that falls with p.
    """
    told = [e for e in experiments if any(mean_shares(run.train, "gradient_share") for run in e.runs)]
    if not told:
        return Markup()
    plots = []
    for which, words in (("gradient_share", "gradient"), ("pixel_share", "pixels")):
        means = [_mean(e, which) for e in told[:BARS]]
        names = list(dict.fromkeys(name for each in means for name in each))
        drawing = figures.bars(
            [f"p from {name}" for name in names],
            [[each.get(name) for name in names] for each in means],
            [[None] * len(names) for _ in means],
            prefix=next(prefixes),
            x_label=f"share of the {words} (%)",
            label=f"share of the {words} by the probability of the true class",
        )
        plots.append(_figure(f"share of the {words}, mean over training", drawing))
    for title, value in (
        (f"share of the gradient from pixels of p at least {SURE}", _sure),
        ("share of the gradient that lowers the true class", lambda r: number(r.get("ascent_share"))),
    ):
        lines = [_course(run.train, series, value) for series, e in enumerate(told) for run in e.runs]
        drawing = figures.curves(
            [line for line in lines if line.values], prefix=next(prefixes), label=title, percent=True
        )
        plots.append(_figure(f"{title} (%)", drawing))
    names = list(_mean(told[0], "gradient_share"))
    rows = [
        tag(
            "tr",
            tag("th", e.name, scope="row"),
            *(
                tag("td", f"{100 * _mean(e, 'gradient_share').get(n, 0.0):.1f}", class_="number")
                for n in names
            ),
        )
        for e in told
    ]
    numbers = grid(["share of the gradient (%)", *(f"p from {name}" for name in names)], rows, card=False)
    return join(
        key(told),
        tag("div", *plots, class_="plots pair"),
        tag(
            "p",
            "p is the probability of the true class of a source pixel; the gradient of a pixel is the sum of "
            "|dL/dlogit| over the classes.",
            class_="note",
        ),
        tag("details", tag("summary", "The same in numbers"), numbers),
    )


def _figure(title: str, drawing: Markup) -> Markup:
    return tag("figure", tag("figcaption", title), drawing, class_="card")


def _mean(experiment: Experiment, which: str) -> dict[str, float]:
    """Mean over the runs of an experiment."""
    return mean_shares([{which: mean_shares(run.train, which)} for run in experiment.runs], which)


def _sure(record: Mapping[str, Any]) -> float | None:
    held = as_dict(record.get("gradient_share"))
    values = [v for name, share in held.items() if float(name) >= SURE and (v := number(share)) is not None]
    return float(sum(values)) if values else None


def _course(
    records: Sequence[Mapping[str, Any]], series: int, value: Callable[[Mapping[str, Any]], Any]
) -> figures.Line:
    points = [(record["step"], found) for record in records if (found := value(record)) is not None]
    return figures.Line([step for step, _ in points], [found for _, found in points], series)
