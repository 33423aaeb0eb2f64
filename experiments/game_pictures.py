"""Images of a game: `python -m experiments.game_pictures RUN`, for a run of `ConservativeGAN`.

For each complete checkpoint of the run, or the last alone, `OUT/step000100.png`: images of the source and of the
target, what the generator makes of their embeddings, and how far the discriminator takes each patch of that for a real
image of the source and of the target (black: not at all). A run keeps its last two checkpoints; what it looked like
at others is drawn while it trains, with `--pictures-every 500`.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from experiments._command import parse_all, run
from jaxseg.errors import InputError

if TYPE_CHECKING:
    from jaxseg.methods import State
    from jaxseg.train import RunFolder


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Draw what generator and discriminator of a run make of its images."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run folder that training wrote."""
    out: Path | None = None
    """Folder of the pictures; RUN/game by default."""
    images: int = 3
    """Images of each domain."""
    last: bool = False
    """The last checkpoint alone."""


def main(arguments: Sequence[str]) -> int:
    """Draws; returns the exit status."""
    own = parse_all(Arguments, arguments, "experiments.game_pictures")
    if own.images < 1:
        raise InputError(f"images: {own.images}; at least 1")

    from jaxseg.methods import Draws
    from jaxseg.train import RunFolder
    from jaxseg.train._pictures import Album

    folder = RunFolder(own.run)
    experiment = folder.experiment()
    method = experiment.method
    if not isinstance(method, Draws):
        raise InputError(
            f"run: {own.run} was trained by {type(method).__name__}, which makes no pictures; give a run of "
            "ConservativeGAN"
        )
    album = Album(experiment, own.out or own.run / "game", own.images)
    for step, state in states(folder, own.last):
        print(album.add(step, method, state))
    return 0


def states(folder: "RunFolder", last: bool) -> Iterator[tuple[int, "State"]]:
    """Step and state of the complete checkpoints, in order."""
    import jax

    from jaxseg.train._variables import drawing_size
    from jaxseg.train.checkpoint import Checkpoints, abstract_state, complete_steps

    steps = complete_steps(folder.checkpoints)
    if not steps:
        raise InputError(f"run: {folder.path} has no complete checkpoint; train it first")
    method = folder.experiment().method
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with Checkpoints(folder.checkpoints, write=False) as checkpoints:
        for step in steps[-1:] if last else steps:
            like = abstract_state(method, step, drawing_size(method.network), one)
            yield step, checkpoints.restore(step, like)


if __name__ == "__main__":
    run(main)
