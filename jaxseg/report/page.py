"""The report: one HTML file that needs nothing else, for a run or a group of runs."""

import datetime
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import jaxseg
from jaxseg.report import _adaptation, _facts, _sections, _shares
from jaxseg.report._files import write_whole
from jaxseg.report._markup import Markup, join, tag
from jaxseg.report._panels import panels
from jaxseg.report._style import STYLE
from jaxseg.report.runs import Experiment, group, read_runs
from jaxseg.report.table import tables


def write(
    runs: Iterable[Path | str],
    out: Path | str,
    *,
    title: str | None = None,
    notes: str = "",
    pictures: int = 6,
) -> Path:
    """Writes the report of one run or of a group of runs: a single HTML file that opens without a network.

    Runs of one experiment name are its seeds; the first experiment is the baseline of the others' gain. What
    a run lacks (evaluations, pictures, the end of its last line) is said on the page, not an error.

    Args:
      runs: run folders.
      out: the file, written whole or not at all; folders above it are made.
      title: heading; None names the experiments.
      notes: text below the heading; an empty line begins a new paragraph.
      pictures: number of pictures shown for each evaluation, at most.

    Returns:
      The path of the file.

    Raises:
      InputError: a folder is no run, none is given, or the file cannot be written.
    """
    experiments, dropped = group(read_runs(runs))
    heading = title or _title(experiments)
    body = _body(experiments, dropped, heading, notes, pictures)
    return write_whole(Path(out), document(heading, body))


def document(heading: str, body: Markup) -> bytes:
    """A whole page: one HTML file that needs nothing else."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", heading),
        tag("style", Markup(STYLE)),
    )
    page = join(Markup("<!DOCTYPE html>\n"), tag("html", head, tag("body", body), lang="en"), "\n")
    return page.encode("utf-8")


def _body(
    experiments: Sequence[Experiment], dropped: Sequence[str], heading: str, notes: str, pictures: int
) -> Markup:
    prefixes = (f"plot{index}-" for index in itertools.count(1))
    found = tables(experiments)
    single = sum(len(e.runs) for e in experiments) == 1
    names = [entry.name for entry in found]
    sections: list[tuple[str, str, Markup]] = [
        (
            "figures",
            "Figures",
            join(_sections.tiles(experiments[0].runs[0]) if single else "", _sections.summary(found)),
        ),
    ]
    trained = [e for e in experiments if not all(run.ensemble for run in e.runs)]
    if trained:
        sections.append(("curves", "Training", _sections.curves(experiments, prefixes)))
    adaptation = _adaptation.domains(experiments, prefixes)
    if adaptation:
        sections.append(("adaptation", "Target and source", adaptation))
    pushing = _shares.shares(experiments, prefixes)
    if pushing:
        sections.append(("shares", "Where the gradient comes from", pushing))
    if found:
        parts = [
            join(tag("h3", entry.on), _sections.classes(experiments, entry.name, prefixes)) for entry in found
        ]
        sections.append(("classes", "Classes", join(_sections.key(experiments[: _sections.BARS]), *parts)))
    sure = _adaptation.confidence(experiments, names, prefixes)
    if sure:
        sections.append(("confidence", "How sure the predictions are", sure))
    shown = _pictures(experiments, names, pictures)
    if shown:
        sections.append(("pictures", "Pictures", shown))
    sections += [
        ("measured", "How the figures were measured", _facts.protocols(experiments)),
        ("runs", "Runs", _facts.runs(experiments)),
        ("config", "Config", join(_facts.configs(experiments), _facts.versions(experiments))),
    ]
    remarks = [*dropped, *_facts.remarks(experiments)]
    warning = (
        tag(
            "div",
            tag("b", "Please note"),
            tag("ul", *(tag("li", remark) for remark in remarks)),
            class_="card warn",
        )
        if remarks
        else Markup()
    )
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return join(
        tag(
            "header",
            tag("h1", heading),
            tag("p", _lead(experiments), class_="lead"),
            *(tag("p", paragraph) for paragraph in notes.split("\n\n") if paragraph.strip()),
            tag(
                "nav",
                *(tag("a", name, href=f"#{anchor}") for anchor, name, _ in sections),
                aria_label="Sections",
            ),
            warning,
        ),
        tag(
            "main",
            *(tag("section", tag("h2", name), content, id=anchor) for anchor, name, content in sections),
        ),
        tag("footer", tag("p", f"Written {now} by jaxseg {jaxseg.__version__}.", class_="note")),
    )


def _pictures(experiments: Sequence[Experiment], evaluated: Sequence[str], limit: int) -> Markup:
    everyone = [run for e in experiments for run in e.runs]
    names = dict.fromkeys([*evaluated, *(name for run in everyone for name in run.pictures)])
    parts = []
    for name in names:
        known = [run.evaluations[name] for run in everyone if name in run.evaluations]
        content = panels(experiments, name, limit)
        if content:
            parts.append(join(tag("h3", known[0].on if known else name), content))
    return join(*parts)


def _title(experiments: Sequence[Experiment]) -> str:
    """
    >>> _title([Experiment("max-squares", ()), Experiment("oracle", ())])
    'max-squares, oracle'
    """
    names = [experiment.name for experiment in experiments]
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _lead(experiments: Sequence[Experiment]) -> str:
    """What the page is about, in a line."""
    everyone = [run for e in experiments for run in e.runs]
    if len(everyone) == 1:
        run = everyone[0]
        members = len(run.ensemble.get("members", ()))
        what = (
            f"An ensemble of {members} runs"
            if members > 1
            else "One run, scored apart"
            if members
            else "One run"
        )
        parts = [what, "" if run.seed is None else f"seed {run.seed}", run.config_file]
        return ", ".join(part for part in parts if part) + "."
    seeds = sorted({run.seed for run in everyone if run.seed is not None})
    told = f", seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else ""
    count = f"{len(experiments)} experiments, " if len(experiments) > 1 else ""
    return f"{count}{len(everyone)} runs{told}."
