"""The weights that a run's weighting network gives the pixels of its source."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.errors import InputError
from jaxseg.methods import MetaPix
from jaxseg.methods.metapix import WEIGHTING
from jaxseg.train import Experiment, RunFolder, state_of


class SourceWeights:
    """Examples of a run's source at their own size, each with the weights of its pixels.

    Attributes:
      experiment: of the run.
      step: of the checkpoint that the weights are of.

    Raises:
      InputError: the run's method learns no such weights, or it has no checkpoint.
    """

    def __init__(self, run: Path) -> None:
        folder = RunFolder(run)
        self.experiment: Experiment = folder.experiment()
        method = self.experiment.method
        if not isinstance(method, MetaPix):
            raise InputError(f"run: {run} was trained by {type(method).__name__}; weights are MetaPix's")
        self.step, state = state_of(folder)
        phi, stats = state.params[WEIGHTING], state.batch_stats[WEIGHTING]

        def weights(image: jax.Array, label: jax.Array) -> jax.Array:
            part = {"image": image.astype(jnp.float32), "label": label}
            return method.weights(phi, stats, part, jax.random.key(0), train=False)[0]

        self._weights = jax.jit(weights)

    def of(
        self, indices: range | tuple[int, ...], split: str = "train"
    ) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
        """The examples with these places in a split, one after the other, each with weights [H, W].

        Raises:
          InputError: there is no such place.
        """
        source = self.experiment.data.source(split)
        for index in indices:
            if not 0 <= index < len(source):
                raise InputError(f"images: there is no image {index}; {split} has 0 to {len(source) - 1}")
            example = source[index]
            found = self._weights(jnp.asarray(example["image"])[None], jnp.asarray(example["label"])[None])
            yield example, np.asarray(found[0])
