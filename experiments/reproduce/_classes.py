"""Who gains and who pays: the IoU of every class, of group 4 and of the rest, less that of another row."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from jaxseg.labels import LabelSpace
from jaxseg.metrics import mean_and_interval
from jaxseg.report.table import percent

IMPORTANT = 4
"""The group of the classes whose errors are dangerous."""


def who_pays(rows: Sequence[Mapping[str, Any]], against: str, space: LabelSpace) -> str:
    """Tables in Markdown, one for every evaluation that all rows have: classes down, rows across.

    A cell is the mean over seeds of the row's IoU less that of the row `against` with the same seed, in points, and its
    95% interval. The last lines are means: of all classes, of group 4, of the classes that are not in it.

    Args:
      rows: of `experiments._rows.record`.
      against: name of the row with which the others are compared; without it there is nothing to say.
      space: of the labels; its groups make the last lines.
    """
    reference = next((row for row in rows if row["row"] == against), None)
    others = [row for row in rows if row["row"] != against]
    if reference is None or not others:
        return ""
    shared = [on for on in _evaluations(reference) if all(on in _evaluations(row) for row in others)]
    return "\n".join(_table(others, reference, on, space) for on in shared)


def _evaluations(row: Mapping[str, Any]) -> list[str]:
    """Names of the evaluations that every seed of a row has, with figures of single classes."""
    seeds = list(row["seeds"].values())
    names = seeds[0]["scores"] if seeds else {}
    return [on for on in names if all("iou" in seed["scores"].get(on, {}) for seed in seeds)]


def _table(
    others: Sequence[Mapping[str, Any]], reference: Mapping[str, Any], on: str, space: LabelSpace
) -> str:
    lines = {name: (name,) for name in space.names} | {"all classes": space.names}
    if space.groups is not None:
        group = dict(zip(space.names, space.groups, strict=True))
        important = tuple(name for name in space.names if group[name] == IMPORTANT)
        rest = tuple(name for name in space.names if group[name] != IMPORTANT)
        lines |= {f"group {IMPORTANT} ({len(important)})": important}
        lines |= {f"the others ({len(rest)})": rest}
    titles = [str(row["row"]) for row in others]
    body = [
        f"| {title} | {' | '.join(_cell(row, reference, on, names) for row in others)} |"
        for title, names in lines.items()
    ]
    heading = f"**{on}**: IoU less that of {reference['row']}, seed by seed, in points"
    return "\n".join([heading, "", f"| | {' | '.join(titles)} |", f"|---|{'---:|' * len(titles)}", *body, ""])


def _cell(row: Mapping[str, Any], reference: Mapping[str, Any], on: str, names: Sequence[str]) -> str:
    gains = []
    for seed, found in row["seeds"].items():
        if seed not in reference["seeds"]:
            continue
        ours, theirs = (side["scores"][on]["iou"] for side in (found, reference["seeds"][seed]))
        known = [name for name in names if ours.get(name) is not None and theirs.get(name) is not None]
        if known:
            gains.append(statistics.fmean(ours[name] - theirs[name] for name in known))
    return percent(mean_and_interval(gains) if gains else None, signed=True)
