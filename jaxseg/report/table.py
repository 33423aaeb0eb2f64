"""Tables of experiments: mean and 95% interval over seeds, as text, Markdown or CSV."""

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from jaxseg.errors import InputError
from jaxseg.metrics import Interval, mean_and_interval, paired_difference
from jaxseg.report._markup import printable
from jaxseg.report.runs import Evaluation, Experiment, group, read_runs

Seeds = Mapping[int | None, Evaluation]
MISSING = "\u2013"


@dataclasses.dataclass(frozen=True)
class Row:
    """The figures of one experiment on one evaluation.

    Attributes:
      experiment: its name.
      seeds: seeds of the runs that have this evaluation.
      figures: column to mean and interval over them, as shares of 1; None where no run has the figure.
      gain: main figure (mIoU, or accuracy) less that of the first row, seed by seed; None for the first row and without
        common seeds.
      best: whether its main figure exceeds every other row's by more than the interval of the differences by seed.
    """

    experiment: str
    seeds: tuple[int | None, ...]
    figures: dict[str, Interval | None]
    gain: Interval | None
    best: bool


@dataclasses.dataclass(frozen=True)
class Table:
    """One evaluation of every experiment.

    Attributes:
      name: name of the evaluation.
      on: what was evaluated.
      protocols: the different ways in which its figures were measured, in words; one, it is hoped.
      columns: keys of `Row.figures` to titles.
      rows: one an experiment, in the order given.
      notes: what the columns of subsets of the classes are, in sentences.
    """

    name: str
    on: str
    protocols: tuple[str, ...]
    columns: dict[str, str]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def tables(experiments: Sequence[Experiment]) -> tuple[Table, ...]:
    """A table for each evaluation that any run has, by name of the evaluation.

    With figures `x_s` of the seeds `s`, a cell holds their mean and its 95% Student interval
    (`jaxseg.metrics.mean_and_interval`); the gain over the first row is that of the differences
    `x_s - x_s(first)` over common seeds (`jaxseg.metrics.paired_difference`).
    """
    names = dict.fromkeys(name for e in experiments for run in e.runs for name in sorted(run.evaluations))
    return tuple(_table(name, experiments) for name in names)


def _table(name: str, experiments: Sequence[Experiment]) -> Table:
    found = {
        e.name: {run.seed: run.evaluations[name] for run in e.runs if name in run.evaluations}
        for e in experiments
    }
    every = [evaluation for seeds in found.values() for evaluation in seeds.values()]
    groups = sorted({key for evaluation in every for key in evaluation.group_mean_iou}, key=_numerically)
    (main, title), *others = every[0].words.columns.items()
    subsets = dict.fromkeys(word for evaluation in every for word in evaluation.subset_mean_iou)
    others = [(key, title) for key, title in others if any(_figure(e, key) is not None for e in every)]
    columns = {main: title, **{f"{main}_{word}": f"{title} ({word})" for word in subsets}, **dict(others)}
    columns |= {f"group_{key}_mean_iou": f"group {key}" for key in groups}
    first = next(iter(found.values()))
    best = _best(found)
    rows = tuple(
        Row(
            experiment=experiment,
            seeds=tuple(seeds),
            figures={
                key: _interval(_figure(evaluation, key) for evaluation in seeds.values()) for key in columns
            },
            gain=None if position == 0 else _ahead(seeds, first),
            best=experiment == best,
        )
        for position, (experiment, seeds) in enumerate(found.items())
    )
    return Table(
        name=name,
        on=" / ".join(dict.fromkeys(evaluation.on for evaluation in every)),
        protocols=tuple(dict.fromkeys(protocol(evaluation) for evaluation in every)),
        columns=columns,
        rows=rows,
        notes=tuple(_subset_note(f"{title} ({word})", word, every) for word in subsets),
    )


def _subset_note(title: str, word: str, every: Sequence[Evaluation]) -> str:
    """Over which classes a column's mean is."""
    evaluation = next((entry for entry in every if word in entry.subsets), None)
    if evaluation is None:
        return f"{title}: the mean over some of the classes."
    chosen, names = evaluation.subsets[word], evaluation.labels.names
    left_out = [name for name in names if name not in chosen]
    without = f", without {', '.join(left_out)}" if left_out else ""
    return f"{title}: the mean over {len(chosen)} of the {len(names)} classes{without}."


def protocol(evaluation: Evaluation) -> str:
    """How the figures of an evaluation were measured, as one phrase."""
    facts = [
        f"{evaluation.labels.classes} classes ({evaluation.labels.name})",
        f"{evaluation.images} images" if evaluation.images is not None else "",
        evaluation.protocol,
    ]
    return "; ".join(fact for fact in facts if fact)


def percent(interval: Interval | None, *, signed: bool = False) -> str:
    """`mean ± half width` in percent, one digit after the point; one seed gives a mean alone.

    >>> percent(Interval(0.4321, 0.0123, 3)), percent(Interval(0.05, math.nan, 1), signed=True), percent(None)
    ('43.2 ± 1.2', '+5.0', '–')
    """
    if interval is None:
        return MISSING
    mean = f"{100 * interval.mean:+.1f}" if signed else f"{100 * interval.mean:.1f}"
    return f"{mean} \u00b1 {100 * interval.half_width:.1f}" if known(interval) else mean


def known(interval: Interval) -> bool:
    """Whether there are seeds enough for a half width."""
    return interval.n > 1 and math.isfinite(interval.half_width)


def summary_table(runs: Iterable[Path | str], style: str = "text") -> str:
    """A table of run folders for the terminal, a README or a spreadsheet.

    Args:
      runs: run folders; those of one experiment name are its seeds. The first experiment is the baseline.
      style: `"text"` and `"markdown"` give percent with the interval over seeds; `"csv"` gives all
        digits, as shares of 1.

    Returns:
      The tables, one an evaluation, ending in a newline.

    Raises:
      InputError: a folder is no run, none is given, or the style is not known.
    """
    experiments, remarks = group(read_runs(runs))
    found = tables(experiments)
    if style == "csv":
        return _csv(found)
    if style not in ("text", "markdown"):
        raise InputError(f"style: {style!r} is not known; use 'text', 'markdown' or 'csv'")
    write = _text if style == "text" else _markdown
    pieces = [write(table) for table in found] or ["No run has an evaluation yet.\n"]
    return "\n".join([*pieces, *(f"{remark}\n" for remark in remarks)])


def cells(table: Table) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of a table as strings; the gain has a column only where there is one."""
    gains = any(row.gain is not None for row in table.rows)
    keys = list(table.columns)
    titles = ["experiment", table.columns[keys[0]], *(["gain"] if gains else [])]
    titles += [*(table.columns[key] for key in keys[1:]), "seeds"]
    body = []
    for row in table.rows:
        figures = [_counted(row.figures[key], row) for key in keys]
        gain = [_counted(row.gain, row, signed=True)] if gains else []
        body.append([row.experiment, figures[0], *gain, *figures[1:], str(len(row.seeds))])
    return titles, body


def _counted(interval: Interval | None, row: Row, *, signed: bool = False) -> str:
    """A cell, with the number of its seeds where it is not that of its row."""
    text = percent(interval, signed=signed)
    return text if interval is None or interval.n == len(row.seeds) else f"{text} (n={interval.n})"


def footnotes(table: Table) -> list[str]:
    """What a reader must know to read the table."""
    notes = []
    main = next(iter(table.columns.values()))
    repeated = any(interval and known(interval) for row in table.rows for interval in row.figures.values())
    if repeated:
        notes.append("Percent: mean \u00b1 half width of the 95% Student interval over seeds.")
    else:
        notes.append(f"Percent; one seed{' each' if len(table.rows) > 1 else ''}, so no interval.")
    if any(row.gain is not None for row in table.rows):
        notes.append(f"Gain: {main} less that of {table.rows[0].experiment}, seed by seed.")
    if any("(n=" in cell for line in cells(table)[1] for cell in line[1:]):
        notes.append(
            "(n=...): over so many seeds only; the others have no such figure, or nothing to compare it with."
        )
    notes += table.notes
    if any(key.startswith("group_") for key in table.columns):
        notes.append("Group: mIoU over the classes of that importance, 1 the least.")
    if "mean_boundary_iou" in table.columns:
        notes.append(
            "Boundary IoU: of the pixels within 2% of the image's diagonal of an edge; mean over classes."
        )
    if "calibration_error" in table.columns:
        notes.append(
            "Calibration error: how far probabilities are from the share that is right; less is better."
        )
    if any(row.best for row in table.rows):
        notes.append(
            f"Best: ahead of every other row in {main} by more than the 95% interval of the differences by seed."
        )
    elif repeated and len(table.rows) > 1:
        notes.append("No row is ahead of every other by more than the interval, so none is marked best.")
    if len(table.protocols) > 1:
        notes.append("The rows were not measured alike, see the protocols.")
    return notes


_WIDE = 110
"""Columns of a terminal beyond which the heads of a table take two lines."""


def _text(table: Table) -> str:
    titles, body = cells(table)
    body = [
        [f"{words[0]} *" if row.best else words[0], *words[1:]]
        for row, words in zip(table.rows, body, strict=True)
    ]
    rows = [[printable(cell).replace("\n", " ") for cell in line] for line in body]

    def widest(heads: list[list[str]]) -> list[int]:
        return [max(map(len, column)) for column in zip(*heads, *rows, strict=True)]

    heads = [[printable(title) for title in titles]]
    if sum(widest(heads)) + 2 * len(titles) > _WIDE:
        split = [title.rpartition(" ") for title in heads[0]]
        heads = [[first for first, _, _ in split], [last for _, _, last in split]]
        heads = [line for line in heads if any(line)]
    widths = widest(heads)

    def aligned(line: list[str]) -> str:
        words = [
            cell.rjust(w) if i else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(words).rstrip()

    rule = "  ".join("-" * width for width in widths)
    heading = [f"{printable(table.on)}: {text}" for text in table.protocols]
    notes = [note.replace("Best:", "* Best:") for note in footnotes(table)]
    return "\n".join([*heading, "", *map(aligned, heads), rule, *map(aligned, rows), "", *notes, ""])


def _markdown(table: Table) -> str:
    titles, body = cells(table)

    def line(words: Iterable[str]) -> str:
        safe = (printable(word).replace("|", "\\|").replace("\n", " ") for word in words)
        return f"| {' | '.join(safe)} |"

    rows = [line([f"**{c[0]}**", *c[1:]] if row.best else c) for row, c in zip(table.rows, body, strict=True)]
    rule = f"|---|{'---:|' * (len(titles) - 1)}"
    heading = [f"**{printable(table.on)}**: {text}" for text in table.protocols]
    return "\n".join([*heading, "", line(titles), rule, *rows, "", *footnotes(table), ""])


def _csv(found: Sequence[Table]) -> str:
    columns = list(dict.fromkeys(key for table in found for key in table.columns))
    names = [*columns, "gain"]
    parts = ("", "_half_width", "_n")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["evaluation", "on", "experiment", "seeds", *(name + part for name in names for part in parts)]
    )
    for table in found:
        for row in table.rows:
            intervals = [*(row.figures.get(key) for key in columns), row.gain]
            figures = [word for interval in intervals for word in _csv_words(interval)]
            seeds = " ".join(str(seed) for seed in row.seeds if seed is not None)
            writer.writerow([table.name, table.on, row.experiment, seeds, *figures])
    return buffer.getvalue()


def _csv_words(interval: Interval | None) -> tuple[str, str, str]:
    if interval is None:
        return "", "", "0"
    return (
        repr(float(interval.mean)),
        repr(float(interval.half_width)) if known(interval) else "",
        str(interval.n),
    )


def _figure(evaluation: Evaluation, key: str) -> float | None:
    known_figures = {
        "mean_iou": evaluation.mean_iou,
        "pixel_accuracy": evaluation.pixel_accuracy,
        "accuracy": evaluation.accuracy,
        "mean_class_accuracy": evaluation.mean_class_accuracy,
        "mean_boundary_iou": evaluation.mean_boundary_iou,
        "calibration_error": evaluation.calibration_error,
    }
    if key in known_figures:
        return known_figures[key]
    if key.startswith("mean_iou_"):
        return evaluation.subset_mean_iou.get(key.removeprefix("mean_iou_"))
    return evaluation.group_mean_iou.get(key.removeprefix("group_").removesuffix("_mean_iou"))


def _interval(values: Iterable[float | None]) -> Interval | None:
    numbers = [value for value in values if value is not None]
    return mean_and_interval(numbers) if numbers else None


def _ahead(seeds: Seeds, other: Seeds) -> Interval | None:
    """How much higher the main figure of some runs is than that of others, over their common seeds."""
    pairs = [(seeds[seed].main, other[seed].main) for seed in seeds if seed in other]
    known_pairs = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not known_pairs:
        return None
    return paired_difference([a for a, _ in known_pairs], [b for _, b in known_pairs])


def _best(found: Mapping[str, Seeds]) -> str | None:
    """The experiment that is ahead of every other by more than the interval of the differences, if one is."""
    for name, seeds in found.items():
        ahead = [_ahead(seeds, other) for rival, other in found.items() if rival != name and other]
        if ahead and all(interval is not None and interval.above() for interval in ahead):
            return name
    return None


def _numerically(key: str) -> tuple[bool, float, str]:
    try:
        return False, float(key), key
    except ValueError:
        return True, 0.0, key
