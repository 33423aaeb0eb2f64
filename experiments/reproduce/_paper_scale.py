"""The published recipes of an item: what they lack on this machine, and the commands that run them."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

from experiments._rows import Row, target_names, with_fields
from experiments.reproduce.items.item import Item
from jaxseg.errors import InputError
from jaxseg.train import Experiment, load_config, with_arguments
from jaxseg.train.plan import lacking

PROGRAM = "python -m experiments.reproduce"


def commands(item: Item, fields: Sequence[str], seeds: int = 1) -> list[str]:
    """One command a recipe and seed, in the order in which they must run.

    Args:
      item: with recipes.
      fields: options for every experiment; those of a target go to the data of one that trains on the target.
      seeds: how many.

    Raises:
      InputError: data sets, weights or runs are missing that no earlier recipe makes; one line names them all.
    """
    targets = target_names(item.published)
    missing: dict[str, None] = {}
    lines: list[str] = []
    for seed in range(seeds):
        made: dict[str, Path] = {}
        folders: set[Path | None] = set()  # recipes of one name in different folders have one entry in `made`
        for row in item.published:
            if row.together:
                first, *others = (str(made[name]) for name in row.together)
                with_others = ["--with", *others, "--average", row.average] if others else []
                apart = [] if others else ["--name", f"{Path(first).parent.name}-{row.name}"]
                # As training scores at its end: labels of the test split are withheld.
                words = ["experiments.evaluate", first, "--split", "val", *with_others, *apart, *row.options]
                lines.append(f"python -m {shlex.join(words)}")
                continue
            options, experiment = _experiment(row, fields, targets, made, seed)
            start = experiment.initialize
            known = start in folders
            missing |= dict.fromkeys(
                lacking(dataclasses.replace(experiment, initialize=None) if known else experiment)
            )
            made[row.name] = Path("runs") / experiment.name / f"seed{seed}"
            folders.add(made[row.name])
            lines.append(f"python -m experiments.train {row.config} {shlex.join(options)}".rstrip())
    if missing:
        raise InputError(f"scale: {item.name} needs what is not here: " + "; ".join(missing))
    return lines


def _experiment(
    row: Row, fields: Sequence[str], targets: set[str], made: dict[str, Path], seed: int
) -> tuple[list[str], Experiment]:
    """The options of a recipe, and what it is with them."""
    assert row.config is not None
    config = load_config(row.config)
    # Those of the row after those for all, for they say what it is.
    options = [*with_fields(config, fields, targets), *row.options]
    if row.after is not None:
        options += ["--initialize", str(made[row.after])]
    if row.options or row.after:
        # Recipes that differ in options alone must not share a folder.
        own = "".join(letter if letter.isalnum() or letter in ".-_" else "-" for letter in row.name)
        options += ["--name", f"{config.name}-{own}"]
    elif seed and config.initialize is not None and (start := str(config.initialize)).endswith("seed0"):
        options += ["--initialize", f"{start.removesuffix('0')}{seed}"]
    if seed:
        options += ["--seed", str(seed)]
    return options, with_arguments(config, options, PROGRAM) if options else config
