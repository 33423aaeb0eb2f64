"""What an item is, in words: the list, and the paper's numbers as a table."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from experiments._rows import Row
from experiments.reproduce import _measured
from experiments.reproduce.items.item import Item, Numbers

WIDTH = 110


def listed(item: Item) -> str:
    """An item's lines of the list."""
    lines = [item.name, f"  {item.title}"]
    if item.rows:
        lines += _wrapped("rows", ", ".join(row.name for row in item.rows))
    if item.figure is not None:
        lines.append(
            "  figure: drawn from the rows" if item.rows else "  figure: computed, nothing is trained"
        )
    seeds = f"; {item.seeds} seed{'s' if item.seeds > 1 else ''}" if item.rows else ""
    lines += _wrapped("small", f"{item.data}{seeds}; {item.cost}")
    lines += _wrapped("small configs", _configs(item.rows))
    lines += _wrapped("paper", _configs(item.published))
    lines += _wrapped("paper's scale costs", item.paper_cost)
    if item.paper:
        lines += ["  the paper's:", *(f"    {line}" for line in aligned(item.paper))]
    if found := _measured.lines(item.name):
        lines += ["  measured here, mean and 95% interval:", *(f"    {line}" for line in found)]
    lines += _wrapped("the paper leaves unstated", item.unstated)
    lines += _wrapped("notes", item.notes)
    return "\n".join(lines)


def _wrapped(what: str, words: str) -> list[str]:
    """A line of the list, broken where it is long; none where there is nothing to say."""
    if not words:
        return []
    return textwrap.wrap(
        f"{what}: {words}",
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _configs(rows: Sequence[Row]) -> str:
    """The config files of rows, by folder."""
    folders: dict[Path, dict[str, None]] = {}
    for row in rows:
        if row.config is not None:
            folders.setdefault(row.config.parent, {})[row.config.name] = None
    return "; ".join(f"{folder}/ {', '.join(names)}" for folder, names in folders.items())


def _cells(table: Numbers) -> tuple[list[str], list[list[str]]]:
    """Column names, and the rows as words, each column with as many digits as its longest number, one at least."""
    columns = list(dict.fromkeys(name for row in table.values() for name in row))
    digits = {
        column: max(
            max(len(f"{row[column]:.3f}".rstrip("0").split(".")[1]), 1)
            for row in table.values()
            if column in row
        )
        for column in columns
    }
    body = [
        [name, *(f"{row[column]:.{digits[column]}f}" if column in row else "" for column in columns)]
        for name, row in table.items()
    ]
    return ["", *columns], body


def aligned(table: Numbers) -> list[str]:
    """Lines of a table whose columns stand under each other.

    >>> aligned({"CE": {"car": 89.3, "mIoU": 57.0}, "IAL": {"mIoU": 65.7}})
    ['      car mIoU', 'CE   89.3 57.0', 'IAL       65.7']
    """
    titles, body = _cells(table)
    widths = [max(map(len, column)) for column in zip(titles, *body, strict=True)]
    return [
        " ".join(
            [
                row[0].ljust(widths[0] + 1),
                *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in (titles, *body)
    ]


def markdown(table: Numbers, heading: str) -> str:
    """The table as Markdown, under a heading."""
    titles, body = _cells(table)
    lines = [f"| {' | '.join(row)} |" for row in (titles, ["---", *["---:"] * (len(titles) - 1)], *body)]
    return "\n".join([f"**{heading}**", "", *lines, ""])


def found_in(items: Sequence[Item], prefix: str) -> list[Item]:
    """The items whose name begins so; a whole name is that item alone, a config file all that have it as a row."""
    if prefix.endswith(".py"):
        return with_config(items, Path(prefix))
    exact = [item for item in items if item.name == prefix]
    return exact or [item for item in items if item.name.startswith(prefix)]


def with_config(items: Sequence[Item], config: Path) -> list[Item]:
    """The items that have a config file as a row, at either scale."""
    place = config.resolve()
    return [
        item
        for item in items
        if any(row.config and row.config.resolve() == place for row in (*item.rows, *item.published))
    ]
