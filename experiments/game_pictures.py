"""Images of a game: `python -m experiments.game_pictures RUN`, for a run of `ConservativeGAN`.

For each complete checkpoint of the run, or the last alone, `OUT/step000100.png`: images of the source and of the
target, what the generator makes of their embeddings, and how far the discriminator takes each patch of that for a real
image of the source and of the target (black: not at all). A run keeps its last two checkpoints.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from PIL import Image

from experiments._command import parse_all, run
from jaxseg.errors import InputError

if TYPE_CHECKING:
    from jaxseg.data import DataSet
    from jaxseg.methods import State
    from jaxseg.train import Experiment, RunFolder

TITLES = ("image", "generated", "as source", "as target")


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

    import jax

    from jaxseg import report
    from jaxseg.methods import ConservativeGAN
    from jaxseg.methods._game_views import view
    from jaxseg.train import RunFolder

    folder = RunFolder(own.run)
    experiment = folder.experiment()
    method = experiment.method
    if not isinstance(method, ConservativeGAN):
        raise InputError(
            f"run: {own.run} was trained by {type(method).__name__}, which has no generator; give a run of "
            "ConservativeGAN"
        )
    chosen = {domain: some_images(experiment, domain, own.images) for domain in ("source", "target")}
    out = own.out or own.run / "game"
    out.mkdir(parents=True, exist_ok=True)
    look = jax.jit(functools.partial(view, method), static_argnames=("domain",))
    for step, state in states(folder, own.last):
        rows = []
        for domain, images in chosen.items():
            for image in images:
                found = jax.device_get(look(state, image[None].astype(np.float32), domain=domain))
                generated = np.floor(255.0 * found.generated[0] + 0.5).astype(np.uint8)
                rows.append(
                    [image, generated, *(grey(one[0], image) for one in (found.of_source, found.of_target))]
                )
        file = out / f"step{step:06}.png"
        Image.fromarray(report.contact_sheet(rows, TITLES)).save(file)
        print(file)
    return 0


def states(folder: "RunFolder", last: bool) -> Iterator[tuple[int, "State"]]:
    """Step and state of the complete checkpoints, in order."""
    import jax

    from jaxseg.train.checkpoint import Checkpoints, abstract_state, complete_steps

    steps = complete_steps(folder.checkpoints)
    if not steps:
        raise InputError(f"run: {folder.path} has no complete checkpoint; train it first")
    method = folder.experiment().method
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with Checkpoints(folder.checkpoints, write=False) as checkpoints:
        for step in steps[-1:] if last else steps:
            yield step, checkpoints.restore(step, abstract_state(method, step, (64, 64), one))


def some_images(experiment: "Experiment", domain: str, count: int) -> list[np.ndarray]:
    """The first images of a domain, of val where it has one, at the size of training."""
    from jaxseg.train._inputs import image_size

    data = data_of(experiment, domain)
    source = data.source("val" if data.has("val") else experiment.train_split)
    found = []
    for index in range(min(count, len(source))):
        image = np.asarray(source[index]["image"])
        height, width = image_size(experiment.augment, (image.shape[0], image.shape[1]), domain)
        found.append(np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)))
    return found


def data_of(experiment: "Experiment", domain: str) -> "DataSet":
    """The data set of a domain.

    Raises:
      InputError: the experiment has no target.
    """
    data = experiment.data if domain == "source" else experiment.target
    if data is None:
        raise InputError(f"run: {experiment.name!r} has no target")
    return data


def grey(shares: np.ndarray, image: np.ndarray) -> np.ndarray:
    """A map of shares as a grey picture of an image's size.

    >>> grey(np.array([[0.0, 1.0]]), np.zeros((2, 4, 3), np.uint8))[:, :, 0].tolist()
    [[0, 0, 255, 255], [0, 0, 255, 255]]
    """
    picture = Image.fromarray(np.floor(255.0 * shares + 0.5).astype(np.uint8))
    wide = picture.resize((image.shape[1], image.shape[0]), Image.Resampling.NEAREST)
    return np.repeat(np.asarray(wide)[..., None], 3, axis=-1)


if __name__ == "__main__":
    run(main)
