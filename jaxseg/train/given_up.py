"""Runs that diverged: marked in their folder, so that who trains many of them goes on, and does not try again."""

import json

import jax

from jaxseg.train.experiment import Experiment, resolved
from jaxseg.train.run import RunFolder, write_json

MARK = "diverged.json"
"""File in the folder of a run that diverged: what it was, and what was said. Without it the run is tried again."""


def given_up(folder: RunFolder, experiment: Experiment) -> str | None:
    """Why the run was given up; None where it was not, or was that of another config, whose mark is removed."""
    mark = folder.path / MARK
    if not mark.is_file():
        return None
    found = json.loads(mark.read_text())
    if found["resolved"] == json.loads(json.dumps(resolved(experiment))):
        return str(found["message"])
    mark.unlink()
    return None


def give_up(folder: RunFolder, experiment: Experiment, message: str) -> None:
    """Marks a run that diverged; of several processes, the first does so."""
    if jax.process_index() == 0:
        write_json(folder.path / MARK, {"message": message, "resolved": resolved(experiment)})
