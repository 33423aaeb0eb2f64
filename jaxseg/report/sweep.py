"""The results of a sweep: one line a member, one row a setting, and how the figure depends on each axis."""

import csv
import dataclasses
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxseg.errors import InputError
from jaxseg.metrics import Interval, mean_and_interval
from jaxseg.report import _facts, _sections, table
from jaxseg.report._files import write_whole
from jaxseg.report._interaction import Effect, effects
from jaxseg.report._markup import Markup, join, tag
from jaxseg.report.page import document
from jaxseg.report.runs import Experiment, Run, read_run

FEW = 8
"""An axis of more values than this is drawn to scale, where they are numbers, and never against another."""


@dataclasses.dataclass(frozen=True)
class SweepRun:
    """One member of a sweep.

    Attributes:
      path: its run folder.
      setting: its values by axis, without the seed.
      seed: its seed.
      diverged: why it was given up, or None.
    """

    path: Path
    setting: Mapping[str, Any]
    seed: int
    diverged: str | None = None


def shown(value: Any, digits: str = "g") -> str:
    """A value in words, floats to 6 digits (`"g"`) or to all (`""`).

    >>> shown(1e-3), shown((64, 128)), shown(True)
    ('0.001', '64x128', 'True')
    >>> shown(1.0000001), shown(1.0000001, "")
    ('1', '1.0000001')
    """
    if isinstance(value, list | tuple):
        return "x".join(shown(each, digits) for each in value)
    return format(value, digits) if isinstance(value, float) else str(value)


def told_apart(values: Sequence[Any]) -> list[str]:
    """Different values in words, those with all their digits whose words would be the same.

    >>> told_apart([1.0000001, 1.0000002, 2.0])
    ['1.0000001', '1.0000002', '2']
    """
    words = [shown(value) for value in values]
    return [
        shown(value, "") if words.count(word) > 1 else word for value, word in zip(values, words, strict=True)
    ]


class Results:
    """Members of a sweep with what their folders hold.

    Args:
      members: the members, in the order in which they are told.
      split: the split whose evaluations count; None takes all there are.

    Raises:
      InputError: there are none, or a folder of one that did not diverge is no run folder.
    """

    def __init__(self, members: Sequence[SweepRun], split: str | None = None) -> None:
        if not members:
            raise InputError("sweep: no members; give at least one")
        self.members = tuple(members)
        self.axes = tuple(members[0].setting)
        self.runs = {m.path: _of_split(read_run(m.path), split) for m in members if m.diverged is None}
        self._told = {
            axis: dict(zip(map(json.dumps, values), told_apart(values), strict=True))
            for axis, values in ((axis, self.values(axis)) for axis in self.axes)
        }
        self.names = tuple(dict.fromkeys(name for run in self.runs.values() for name in run.evaluations))

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """The members that were trained to the end, by setting, named by it."""
        settings: dict[str, list[Run]] = {}
        for member in self.members:
            if member.diverged is None:
                words = self.words(member)
                run = dataclasses.replace(self.runs[member.path], name=words)
                settings.setdefault(words, []).append(run)
        return tuple(Experiment(name, tuple(runs)) for name, runs in settings.items())

    def words(self, member: SweepRun) -> str:
        """The setting of a member in words, which no other setting has."""
        return (
            ", ".join(f"{axis} {self._told[axis][json.dumps(member.setting[axis])]}" for axis in self.axes)
            or "base"
        )

    def csv(self) -> str:
        """One line a member and evaluation: its setting, seed, how it ended, and its figures as shares of 1."""
        entries = [entry for run in self.runs.values() for entry in run.evaluations.values()]
        figures = dict.fromkeys(key for entry in entries for key in entry.words.columns)
        figures |= dict.fromkeys(key for found in table.tables(self.experiments) for key in found.columns)
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([*self.axes, "seed", "ended", "evaluation", "step", *figures, "folder"])
        for member in self.members:
            start = [*(shown(member.setting[axis], "") for axis in self.axes), member.seed]
            if member.diverged is not None:
                writer.writerow([*start, "diverged", "", "", *("" for _ in figures), member.path])
                continue
            for name, entry in self.runs[member.path].evaluations.items():
                values = [table._figure(entry, key) for key in figures]
                words = ["" if value is None else repr(float(value)) for value in values]
                writer.writerow([*start, "done", name, entry.step, *words, member.path])
        return buffer.getvalue()

    def text(self, style: str = "text") -> str:
        """A table an evaluation, one row a setting: `"text"` or `"markdown"`."""
        write = table._text if style == "text" else table._markdown
        pieces = [write(found) for found in table.tables(self.experiments)] or [
            "No member has an evaluation yet.\n"
        ]
        return "\n".join([*pieces, *(f"{line}\n" for line in self.given_up())])

    def given_up(self) -> list[str]:
        """A line for each member that diverged."""
        return [
            f"{self.words(member)}, seed {member.seed}: diverged. {member.diverged}"
            for member in self.members
            if member.diverged is not None
        ]

    def at(self, name: str, where: Mapping[str, Any]) -> Interval | None:
        """The main figure of an evaluation over the members that have these values.

        The figure of a seed is the mean over its members, so the interval is over seeds. None where there is none.
        """
        seeds: dict[int, list[float]] = {}
        for member in self.members:
            entry = self.runs[member.path].evaluations.get(name) if member.diverged is None else None
            if entry is None or entry.main is None:
                continue
            if all(member.setting[axis] == value for axis, value in where.items()):
                seeds.setdefault(member.seed, []).append(entry.main)
        return mean_and_interval([sum(v) / len(v) for v in seeds.values()]) if seeds else None

    def values(self, axis: str) -> list[Any]:
        """The values of an axis, numbers by size."""
        found = list({json.dumps(m.setting[axis]): m.setting[axis] for m in self.members}.values())
        return sorted(found) if all(_is_number(value) for value in found) else found


def _of_split(run: Run, split: str | None) -> Run:
    if split is None:
        return run
    kept = {name: entry for name, entry in run.evaluations.items() if name.endswith(f"-{split}")}
    return dataclasses.replace(run, evaluations=kept)


def write_sweep(
    members: Sequence[SweepRun], out: Path, *, title: str, notes: str = "", split: str | None = None
) -> str:
    """Writes `results.csv`, `results.md` and `report.html` into a folder; returns the tables as text.

    Args:
      members: of the sweep.
      out: the folder.
      title: heading of the page.
      notes: a paragraph below it.
      split: the split whose evaluations count; None takes all there are.

    Raises:
      InputError: see `Results`; or a file cannot be written.
    """
    results = Results(members, split)
    write_whole(out / "results.csv", results.csv().encode())
    write_whole(out / "results.md", results.text("markdown").encode())
    write_whole(out / "report.html", document(title, _body(results, title, notes)))
    return results.text()


def _body(results: Results, title: str, notes: str) -> Markup:
    prefixes = (f"plot{index}-" for index in itertools.count(1))
    experiments = results.experiments
    count = f"{len(results.members)} members, {len(set(map(results.words, results.members)))} settings."
    sections = [("Figures", _sections.summary(table.tables(experiments)))]
    plots = [
        join(tag("h3", name), *_plots(results, name, prefixes)) for name in results.names if results.axes
    ]
    if plots:
        note = (
            "Each point is the mean over all members that have this value, with the 95% Student interval over seeds, "
            "where a seed's figure is the mean over its members. Members that diverged are left out."
        )
        sections.append(("What the axes do", join(*plots, tag("p", note, class_="note"))))
    lost = results.given_up()
    if lost:
        sections.append(("Diverged", tag("ul", *(tag("li", line) for line in lost), class_="card warn")))
    if experiments:
        sections.append(("Members", _facts.runs(experiments)))
    return join(
        tag(
            "header", tag("h1", title), tag("p", count, class_="lead"), tag("p", notes) if notes else Markup()
        ),
        tag("main", *(tag("section", tag("h2", name), content) for name, content in sections)),
    )


def _plots(results: Results, name: str, prefixes: Iterator[str]) -> Iterable[Markup]:
    """The main effect of every axis, then every pair of axes of few values."""
    figure = next(
        run.evaluations[name] for run in results.runs.values() if name in run.evaluations
    ).words.main
    moving = [axis for axis in results.axes if len(results.values(axis)) > 1]
    alone = [_plot(results, name, axis, None, figure, prefixes) for axis in moving]
    few = [axis for axis in moving if len(results.values(axis)) <= FEW]
    pairs = []
    for first, second in itertools.combinations(few, 2):
        along, by = sorted((first, second), key=lambda axis: -len(results.values(axis)))
        pairs.append(_plot(results, name, along, by, figure, prefixes))
    for plots in (alone, pairs):
        if plots:
            yield tag("div", *plots, class_="plots pair" if len(plots) in (1, 2, 4) else "plots")


def _plot(
    results: Results, name: str, along: str, by: str | None, figure: str, prefixes: Iterator[str]
) -> Markup:
    values = results.values(along)
    to_scale = len(values) > FEW and all(_is_number(value) for value in values)
    lines, key = [], []
    others = results.values(by) if by is not None else [None]
    for series, (other, words) in enumerate(zip(others, told_apart(others), strict=True)):
        where = {} if by is None else {by: other}
        found = [(place, results.at(name, where | {along: value})) for place, value in enumerate(values)]
        known = [(place, interval) for place, interval in found if interval is not None]
        places = [float(values[place]) if to_scale else float(place) for place, _ in known]
        lines.append(Effect(places, [interval for _, interval in known], series))
        key.append((_sections._stroke(series), words))
    caption = along if by is None else f"{along} by {by}"
    drawing = effects(
        lines,
        ticks=() if to_scale else told_apart(values),
        joined=not to_scale,
        logarithmic=to_scale and min(values) > 0 and max(values) >= 100 * min(values),
        x_label=along,
        y_label=f"{figure} (%)",
        prefix=next(prefixes),
        label=f"{figure} against {caption} on {name}",
    )
    legend = _sections.swatches(key) if by is not None else Markup()
    return tag("figure", tag("figcaption", caption), drawing, legend, class_="card")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
