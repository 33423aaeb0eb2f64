"""Sections of a report: figures of every experiment, curves, classes."""

import statistics
from collections.abc import Iterable, Iterator, Sequence

from jaxseg.metrics import mean_and_interval
from jaxseg.report import figures, table
from jaxseg.report._markup import Markup, join, tag
from jaxseg.report._tasks import TASKS, Words
from jaxseg.report.runs import Experiment, Run, number

BARS = 7  # experiments that share a cluster of bars; beyond, bars are too thin and colours repeat
ACCURACIES = ("discriminator_accuracy", "domain_accuracy")
"""What names of metrics begin with that are shares of what an adversary takes for what it is, 0 to 1."""
_CLASSES = 6  # classes of one figure, where they are few; else two figures, or three


def key(experiments: Sequence[Experiment]) -> Markup:
    """Which colour is which experiment; empty for one."""
    if len(experiments) < 2:
        return Markup()
    return swatches((_stroke(index), experiment.name) for index, experiment in enumerate(experiments))


def swatches(entries: Iterable[tuple[Markup, str]]) -> Markup:
    """A key: drawings of 26 x 12, and the words for each."""
    return tag(
        "ul",
        *(
            tag("li", tag("svg", drawing, viewBox="0 0 26 12", aria_hidden="true"), words)
            for drawing, words in entries
        ),
        class_="key",
    )


def _stroke(series: int) -> Markup:
    colour, dashes = figures.look(series)
    return tag(
        "path", d="M2 6H24", style=f"fill:none;stroke:{colour};stroke-width:4;stroke-dasharray:{dashes}"
    )


def tiles(run: Run) -> Markup:
    """The figures of a single run, large."""
    shown: list[tuple[str, str]] = []
    for evaluation in run.evaluations.values():
        if evaluation.main is not None:
            shown.append((f"{100 * evaluation.main:.1f}%", f"{evaluation.words.main} on {evaluation.on}"))
    if run.train:
        shown.append((f"{run.train[-1]['step']:,}", "training steps"))
    rate = speed(run)
    if rate is not None:
        shown.append((f"{rate:.3g}", "images a second in training"))
    cards = [tag("div", tag("b", value), tag("span", title), class_="card") for value, title in shown]
    return tag("div", *cards, class_="tiles") if cards else Markup()


def summary(tables: Sequence[table.Table]) -> Markup:
    """One table an evaluation."""
    if not tables:
        return tag("p", "No run has an evaluation yet.", class_="lead")
    notes = [tag("p", " ".join(table.footnotes(entry)), class_="note") for entry in tables]
    same = len(set(notes)) == 1
    parts = [
        join(_summary(entry), note if not same else "") for entry, note in zip(tables, notes, strict=True)
    ]
    return join(*parts, notes[0] if same else "")


def _summary(entry: table.Table) -> Markup:
    titles, body = table.cells(entry)
    rows = []
    for row, words in zip(entry.rows, body, strict=True):
        badge = tag("span", "best", class_="badge") if row.best else Markup()
        cells = [tag("td", word, class_="number" if i else "number main") for i, word in enumerate(words[1:])]
        rows.append(
            tag("tr", tag("th", words[0], badge, scope="row"), *cells, class_="best" if row.best else None)
        )
    return join(
        tag("h3", entry.on),
        *(tag("p", text, class_="note") for text in entry.protocols),
        grid(titles, rows),
    )


def grid(
    titles: Sequence[str], rows: Sequence[Markup], *, numbers_from: int = 1, card: bool = True
) -> Markup:
    """A table that scrolls sideways where it is wider than the page."""
    heads = [
        tag("th", t, scope="col", class_="number" if i >= numbers_from else None)
        for i, t in enumerate(titles)
    ]
    content = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    return tag("div", content, class_="card scroll" if card else "scroll", tabindex="0")


def curves(experiments: Sequence[Experiment], prefixes: Iterator[str]) -> Markup:
    """Loss, its terms, mIoU and adversaries' accuracy against the step; learning rate and the like behind a fold."""
    terms = dict.fromkeys(
        str(name) for e in experiments for run in e.runs for record in run.train for name in _terms(record)
    )
    main = [_plot("loss", _train(experiments, "loss"), prefixes)]
    if len(terms) > 1 or len(experiments) > 1:
        main += [_plot(f"term: {name}", _term(experiments, name), prefixes) for name in terms]
    for on in dict.fromkeys(
        str(record.get("on")) for e in experiments for run in e.runs for record in run.progress
    ):
        for words in TASKS.values():
            plot = _plot(
                f"{words.main} (%) on {on}", _progress(experiments, on, words), prefixes, percent=True
            )
            main += [plot] if plot else []
    judged = dict.fromkeys(
        str(name)
        for e in experiments
        for run in e.runs
        for record in run.train
        for name in record
        if str(name).startswith(ACCURACIES)
    )
    main += [
        _plot(f"{name.replace('_', ' ')} (%)", _train(experiments, name), prefixes, percent=True)
        for name in judged
    ]
    more = [
        _plot(title, _train(experiments, name), prefixes)
        for title, name in (
            ("learning rate", "learning_rate"),
            ("norm of the gradient", "gradient_norm"),
            ("images a second", "images_per_second"),
        )
    ]
    shown, folded = [plot for plot in main if plot], [plot for plot in more if plot]
    if not shown:
        return tag("p", "No run has logged a training step yet.", class_="lead")
    told = ["More than 60 records of a run are drawn as means over 60 stretches of steps."]
    if any(len(e.runs) > 1 for e in experiments):
        told.insert(0, "Each line is one run; the seeds of an experiment share a colour.")
    fold = tag(
        "details",
        tag("summary", "Learning rate, gradient norm, speed"),
        tag("div", *folded, class_="plots pair"),
    )
    return join(
        key(experiments),
        tag("div", *shown, class_="plots pair" if len(shown) in (1, 2, 4) else "plots"),
        tag("p", " ".join([*told, *phases(experiments)]), class_="note"),
        fold if folded else Markup(),
    )


def phases(experiments: Sequence[Experiment]) -> list[str]:
    """When the phases of training begin, for experiments that have several; those that agree are told together."""
    alike: dict[str, list[str]] = {}
    for experiment in experiments:
        starts: dict[str, int | float] = {}
        for record in experiment.runs[0].train:
            starts.setdefault(str(record.get("phase")), record["step"])
        if len(starts) > 1:
            parts = ", ".join(f"{phase} from step {step:g}" for phase, step in starts.items())
            alike.setdefault(parts, []).append(experiment.name)
    return [f"Phases of {', '.join(names)}: {parts}." for parts, names in alike.items()]


def classes(experiments: Sequence[Experiment], name: str, prefixes: Iterator[str]) -> Markup:
    """IoU or accuracy of each class on one evaluation: bars, and the numbers behind a fold."""
    found = [[run.evaluations[name] for run in e.runs if name in run.evaluations] for e in experiments]
    every = [evaluation for evaluations in found for evaluation in evaluations]
    words = every[0].words
    names = list(
        dict.fromkeys([*every[0].labels.names, *(c for evaluation in every for c in evaluation.of_classes)])
    )
    intervals = {
        c: [
            mean_and_interval(values)
            if (values := [v for e in evaluations if (v := e.of_classes.get(c)) is not None])
            else None
            for evaluations in found
        ]
        for c in names
    }
    shown = [c for c in names if any(intervals[c])]
    absent = [c for c in names if c not in shown]
    if not shown:
        return tag("p", "The evaluation has no figures of single classes.", class_="lead")
    parts = 1 if len(shown) <= _CLASSES else 2 if len(shown) <= 4 * _CLASSES else 3
    size = -(-len(shown) // parts)
    drawn = min(len(experiments), BARS)
    plots = []
    for start in range(0, len(shown), size):
        some = shown[start : start + size]
        means = [
            [None if (i := intervals[c][e]) is None else float(i.mean) for c in some] for e in range(drawn)
        ]
        halves = [
            [
                None if (i := intervals[c][e]) is None or not table.known(i) else float(i.half_width)
                for c in some
            ]
            for e in range(drawn)
        ]
        title = f"{words.of_class} of {some[0]} to {some[-1]}"
        drawing = figures.bars(
            some, means, halves, prefix=next(prefixes), label=title, x_label=f"{words.of_class} (%)"
        )
        plots.append(tag("figure", drawing, class_="card"))
    rows = [
        tag(
            "tr",
            tag("th", c, scope="row"),
            *(tag("td", table.percent(i), class_="number") for i in intervals[c]),
        )
        for c in shown
    ]
    numbers = grid(["class", *(e.name for e in experiments)], rows, numbers_from=1, card=False)
    told = []
    if any(i and table.known(i) for c in shown for i in intervals[c]):
        told.append("Bars are means over seeds, thin lines the 95% interval.")
    if absent:
        told.append(f"Left out, as {words.absent}: {', '.join(absent)}.")
    if drawn < len(experiments):
        told.append(f"Bars show the first {drawn} experiments; the table has all.")
    return join(
        tag("div", *plots, class_="plots pair" if len(plots) < 3 else "plots"),
        tag("p", " ".join(told), class_="note") if told else Markup(),
        tag("details", tag("summary", "The same in numbers"), numbers),
    )


def speed(run: Run) -> float | None:
    """Median of the images a second that training logged."""
    rates = [rate for record in run.train if (rate := number(record.get("images_per_second"))) is not None]
    return statistics.median(rates) if rates else None


def _plot(title: str, lines: list[figures.Line], prefixes: Iterator[str], percent: bool = False) -> Markup:
    drawable = [line for line in lines if line.values]
    if not drawable:
        return Markup()
    drawing = figures.curves(
        drawable, prefix=next(prefixes), label=f"{title} against training step", percent=percent
    )
    return tag("figure", tag("figcaption", title), drawing, class_="card")


def _terms(record: object) -> dict[str, object]:
    terms = record.get("terms") if isinstance(record, dict) else None
    return terms if isinstance(terms, dict) else {}


def _train(experiments: Sequence[Experiment], name: str) -> list[figures.Line]:
    return [
        _line([(record["step"], record.get(name)) for record in run.train], series)
        for series, e in enumerate(experiments)
        for run in e.runs
    ]


def _term(experiments: Sequence[Experiment], name: str) -> list[figures.Line]:
    return [
        _line([(record["step"], _terms(record).get(name)) for record in run.train], series)
        for series, e in enumerate(experiments)
        for run in e.runs
    ]


def _progress(experiments: Sequence[Experiment], on: str, words: Words) -> list[figures.Line]:
    key = next(iter(words.columns))
    return [
        _line(
            [(r["step"], r.get(key)) for r in run.progress if str(r.get("on")) == on],
            series,
            sparse=True,
        )
        for series, e in enumerate(experiments)
        for run in e.runs
    ]


def _line(points: Sequence[tuple[int | float, object]], series: int, sparse: bool = False) -> figures.Line:
    finite = [(step, value) for step, given in points if (value := number(given)) is not None]
    return figures.Line([step for step, _ in finite], [value for _, value in finite], series, sparse)
