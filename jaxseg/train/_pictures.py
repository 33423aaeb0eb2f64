"""Pictures of what a method makes of a few images, the same ones at every step that is drawn."""

import functools
import io
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float, UInt8
from PIL import Image

from jaxseg._sheet import sheet
from jaxseg.methods import State
from jaxseg.train._inputs import image_size
from jaxseg.train.experiment import Experiment
from jaxseg.train.run import write_bytes

IMAGES = 3
"""Images of each domain on a sheet (ours)."""

Images = Mapping[str, Sequence[UInt8[np.ndarray, "H W 3"]]]


class Album:
    """The sheets of a run: one file a step that is drawn, of the same images.

    Args:
      experiment: whose method has pictures.
      folder: where the files go.
      count: images of each domain.
    """

    def __init__(self, experiment: Experiment, folder: Path, count: int = IMAGES) -> None:
        self.folder, self.images = folder, some_images(experiment, count)

    def add(self, step: int, method: Any, state: State) -> Path:
        """Draws the state after `step` steps; of several processes, all take part and the first writes the file."""
        pictures = contact_sheet(method, state, self.images)
        path = self.folder / f"step{step:06}.png"
        if jax.process_index() == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = io.BytesIO()
            Image.fromarray(pictures).save(file, format="PNG")
            write_bytes(path, file.getvalue())
        return path


def some_images(experiment: Experiment, count: int) -> Images:
    """The first images of each domain that is trained on, of val where it has one, at the size of training."""
    found: dict[str, list[np.ndarray]] = {}
    for domain, data in experiment.domains.items():
        source = data.source("val" if data.has("val") else experiment.train_split)
        found[domain] = []
        for index in range(min(count, len(source))):
            image = np.asarray(source[index]["image"])
            height, width = image_size(experiment.augment, (image.shape[0], image.shape[1]), domain)
            resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
            found[domain].append(np.asarray(resized))
    return found


def contact_sheet(method: Any, state: State, images: Images) -> UInt8[np.ndarray, "h w 3"]:
    """Each image in a row with the pictures that a method makes of it, see `jaxseg.methods.Draws`."""
    rows, titles = [], ["image"]
    for domain, several in images.items():
        for image in several:
            made = jax.device_get(_drawn(method, state, image[None].astype(np.float32), domain))
            titles = ["image", *made]
            rows.append([image, *(_of_size(picture[0], image) for picture in made.values())])
    return sheet(rows, titles)


@functools.partial(jax.jit, static_argnames=("domain",))
def _drawn(
    method: Any, state: State, image: Float[Array, "1 H W 3"], domain: str
) -> Mapping[str, UInt8[Array, "1 ..."]]:
    """A method's pictures in 0..255; each device has state and pictures whole."""
    several = not jax.sharding.get_abstract_mesh().empty
    if several:
        state = jax.lax.with_sharding_constraint(state, PartitionSpec())
    made = method.pictures(state, image, domain)
    rounded = OrderedDict(  # jit would sort a dict by title
        (title, jnp.floor(255.0 * jnp.clip(jnp.nan_to_num(picture), 0.0, 1.0) + 0.5).astype(jnp.uint8))
        for title, picture in made.items()
    )
    return jax.lax.with_sharding_constraint(rounded, PartitionSpec()) if several else rounded


def _of_size(picture: UInt8[np.ndarray, "h w *C"], image: UInt8[np.ndarray, "H W 3"]) -> np.ndarray:
    """A picture in colour and of an image's size, each of its pixels a block.

    >>> _of_size(np.array([[0, 255]], np.uint8), np.zeros((2, 4, 3), np.uint8))[:, :, 0].tolist()
    [[0, 0, 255, 255], [0, 0, 255, 255]]
    """
    wide = Image.fromarray(picture).resize((image.shape[1], image.shape[0]), Image.Resampling.NEAREST)
    return np.asarray(wide.convert("RGB"))
