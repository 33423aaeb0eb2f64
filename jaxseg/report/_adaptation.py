"""Sections of a report on adaptation: both domains against the step, and how sure the networks are of each class."""

import dataclasses
import statistics
from collections.abc import Iterator, Mapping, Sequence

from jaxseg.metrics import Interval, mean_and_interval
from jaxseg.report import figures, table
from jaxseg.report._evaluations import Evaluation, number
from jaxseg.report._markup import Markup, join, tag
from jaxseg.report._sections import BARS, grid, swatches
from jaxseg.report._tasks import TASKS, Words
from jaxseg.report.runs import Experiment, Run

_STROKE = "fill:none;stroke:var(--ink);stroke-width:2.4;stroke-dasharray:"


@dataclasses.dataclass(frozen=True)
class _Course:
    """The main figure of one experiment on both domains, run by run."""

    series: int
    experiment: Experiment
    words: Words
    on: tuple[str, str]
    points: Mapping[str, list[dict[int | float, float]]]


def domains(experiments: Sequence[Experiment], prefixes: Iterator[str]) -> Markup:
    """Target and source against the step, a plot for each experiment; empty where nothing adapts.

    Conservative Loss (Zhu et al., ECCV 2018), Figure 1: while the source is learned further, the target rises first and
    then falls.
    """
    if not any(run.adapts for e in experiments for run in e.runs):
        return Markup()
    courses = [course for index, e in enumerate(experiments) if (course := _course(index, e)) is not None]
    if not courses:
        return tag(
            "p",
            "No run was scored on both domains while it trained: with --evaluate-every they are.",
            class_="lead",
        )
    values = [
        v for course in courses for runs in course.points.values() for steps in runs for v in steps.values()
    ]
    margin = 0.04 * (max(values) - min(values)) or 0.01
    limits = min(values) - margin, max(values) + margin
    plots = [_plot(course, limits, next(prefixes)) for course in courses]
    on = list(dict.fromkeys(course.on for course in courses))
    names = on[0] if len(on) == 1 else ("", "")
    keys = swatches(
        (tag("path", d="M2 6H24", style=_STROKE + dashes), f"{role}{': ' if name else ''}{name}")
        for role, name, dashes in (("target", names[0], "none"), ("source", names[1], "4 2"))
    )
    told = "Scored while training, on the same scale throughout. The highest value is told, never reported as a result."
    return join(
        keys,
        tag("div", *plots, class_="plots pair" if len(plots) in (1, 2, 4) else "plots"),
        tag("p", told, class_="note"),
    )


def _course(series: int, experiment: Experiment) -> _Course | None:
    for run in experiment.runs:
        on = _both(run)
        words = None if on is None else _words(run, on[0])
        if on is not None and words is not None:
            key = next(iter(words.columns))
            points = {name: [_steps(other, name, key) for other in experiment.runs] for name in on}
            return _Course(series, experiment, words, on, points)
    return None


def _both(run: Run) -> tuple[str, str] | None:
    """What a run's target and source are called in its metrics, for the first split on which both were scored.

    Training scores the target first.
    """
    splits: dict[str, list[str]] = {}
    for on in dict.fromkeys(str(record.get("on")) for record in run.progress):
        splits.setdefault(on.rpartition("/")[2], []).append(on)
    if not run.adapts:
        return None
    return next(((names[0], names[1]) for names in splits.values() if len(names) > 1), None)


def _words(run: Run, on: str) -> Words | None:
    """Those of the task whose main figure was logged."""
    known = {key for record in run.progress if str(record.get("on")) == on for key in record}
    return next((words for words in TASKS.values() if next(iter(words.columns)) in known), None)


def _steps(run: Run, on: str, key: str) -> dict[int | float, float]:
    return {
        record["step"]: value
        for record in run.progress
        if str(record.get("on")) == on and (value := number(record.get(key))) is not None
    }


def _plot(course: _Course, limits: tuple[float, float], prefix: str) -> Markup:
    target, source = course.on
    lines = [
        figures.Line(list(steps), list(steps.values()), course.series, sparse=True, hollow=name == source)
        for name in (source, target)
        for steps in course.points[name]
        if steps
    ]
    title = f"{course.words.main} (%)"
    drawing = figures.curves(
        lines,
        prefix=prefix,
        label=f"{title} of {course.experiment.name} on target and source against training step",
        percent=True,
        limits=limits,
    )
    told = ". ".join(
        f"{role}: {_told(course.points[on])}" for role, on in (("Target", target), ("Source", source))
    )
    return tag(
        "figure",
        tag("figcaption", f"{course.experiment.name}: {title}"),
        drawing,
        tag("p", f"{told}.", class_="note"),
        class_="card",
    )


def _told(runs: Sequence[Mapping[int | float, float]]) -> str:
    """Where a course ends and where it is highest, as means over the runs that were scored at a step.

    >>> _told([{100: 0.3, 200: 0.5, 300: 0.4}, {100: 0.3, 200: 0.4, 300: 0.3}])
    '35.0 at the end, 45.0 at most (step 200)'
    >>> _told([{100: 0.3, 200: 0.5}])
    '50.0 at the end, its highest'
    """
    steps = sorted({step for run in runs for step in run})
    if not steps:
        return "not scored"
    means = {step: statistics.fmean(run[step] for run in runs if step in run) for step in steps}
    best = max(steps, key=lambda step: means[step])
    last, most = f"{100 * means[steps[-1]]:.1f}", f"{100 * means[best]:.1f}"
    return f"{last} at the end, " + ("its highest" if last == most else f"{most} at most (step {best:,})")


def confidence(experiments: Sequence[Experiment], names: Sequence[str], prefixes: Iterator[str]) -> Markup:
    """Mean probability against IoU or accuracy, class by class, of each evaluation; empty where none was counted.

    The poster of Chen et al., ICCV 2019 (MaxSquare) shows it beside the gradients of entropy and maximum squares.
    """
    parts = []
    for name in names:
        found = [
            [
                e
                for run in experiment.runs
                if (e := run.evaluations.get(name)) is not None and e.mean_probability
            ]
            for experiment in experiments
        ]
        every = [evaluation for evaluations in found for evaluation in evaluations]
        if every:
            plot = _probability_plot(experiments, found, every[0].words, next(prefixes))
            parts.append((every[0].on, plot, _sure(experiments, found), _numbers(experiments, found)))
    if not parts:
        return Markup()
    beside = Markup()
    if any(run.adapts for e in experiments for run in e.runs):
        beside = tag(
            "figure",
            tag("figcaption", "Gradients that reach a prediction, by its probability"),
            figures.gradients(prefix=next(prefixes)),
            class_="card",
        )
    shown = [
        join(
            tag("h3", on),
            tag("div", plot, beside if not index else "", class_="plots pair"),
            sure,
            numbers,
        )
        for index, (on, plot, sure, numbers) in enumerate(parts)
    ]
    drawn = experiments[:BARS]
    keys = swatches((figures.glyph(i), e.name) for i, e in enumerate(drawn)) if len(drawn) > 1 else Markup()
    told = [
        "Of a class: the mean probability of the predictions of it. Calibration error: the mean distance between "
        "probability and share right, over 15 bins of the probability. Both over what is labelled; percent."
    ]
    if beside:
        told.append(
            "Where the probable classes are the good ones, entropy trains these hardest, for its gradient grows "
            "without bound; that of maximum squares grows in a straight line."
        )
    if len(drawn) < len(experiments):
        told.append(f"Points show the first {len(drawn)} experiments; the tables have all.")
    return join(keys, *shown, tag("p", " ".join(told), class_="note"))


def _probability_plot(
    experiments: Sequence[Experiment], found: Sequence[Sequence[Evaluation]], words: Words, prefix: str
) -> Markup:
    points = []
    for series, evaluations in enumerate(found[:BARS]):
        pairs = {name: _means(evaluations, name) for name in _names(evaluations)}
        known = {name: pair for name, pair in pairs.items() if pair is not None}
        if known:
            x, y = zip(*known.values(), strict=True)
            points.append(figures.Points(x, y, list(known), series))
    title = f"mean probability (%) against {words.of_class} (%) of each class"
    drawing = figures.scatter(
        points,
        prefix=prefix,
        x_label=f"{words.of_class} (%)",
        y_label="mean probability (%)",
        label=title,
        named=len(experiments) == 1,
    )
    return tag("figure", tag("figcaption", title.capitalize().replace("iou", "IoU")), drawing, class_="card")


def _names(evaluations: Sequence[Evaluation]) -> list[str]:
    return list(dict.fromkeys(name for e in evaluations for name in e.mean_probability))


def _means(evaluations: Sequence[Evaluation], name: str) -> tuple[float, float] | None:
    """Figure and mean probability of a class, over the seeds that have both."""
    pairs = [
        (figure, probability)
        for e in evaluations
        if (figure := e.of_classes.get(name)) is not None
        and (probability := e.mean_probability.get(name)) is not None
    ]
    if not pairs:
        return None
    return statistics.fmean(f for f, _ in pairs), statistics.fmean(p for _, p in pairs)


def _sure(experiments: Sequence[Experiment], found: Sequence[Sequence[Evaluation]]) -> Markup:
    """Probability, share right and calibration error of all predictions together."""
    rows = []
    for experiment, evaluations in zip(experiments, found, strict=True):
        right = [e.accuracy if e.task == "classification" else e.pixel_accuracy for e in evaluations]
        columns = ([e.probability for e in evaluations], right, [e.calibration_error for e in evaluations])
        cells = [tag("td", table.percent(_interval(values)), class_="number") for values in columns]
        rows.append(tag("tr", tag("th", experiment.name, scope="row"), *cells))
    return grid(["experiment", "mean probability", "right", "calibration error"], rows)


def _interval(values: Sequence[float | None]) -> Interval | None:
    known = [value for value in values if value is not None]
    return mean_and_interval(known) if known else None


def _numbers(experiments: Sequence[Experiment], found: Sequence[Sequence[Evaluation]]) -> Markup:
    names = list(dict.fromkeys(name for evaluations in found for name in _names(evaluations)))
    rows = []
    for name in names:
        shares = [_interval([e.mean_probability.get(name) for e in evaluations]) for evaluations in found]
        cells = [tag("td", table.percent(share), class_="number") for share in shares]
        rows.append(tag("tr", tag("th", name, scope="row"), *cells))
    content = grid(["class", *(e.name for e in experiments)], rows, card=False)
    return tag("details", tag("summary", "Mean probability of each class in numbers"), content)
