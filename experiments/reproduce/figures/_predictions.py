"""What a run's network says of images, for figures that look at single images and pixels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.features import resized
from jaxseg.errors import InputError


def predicted(folder: Path, split: str, count: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Image [H, W, 3], label [H, W] and logits [H, W, C], all at the label's size, evenly spaced over a split.

    Args:
      folder: of a run; of its data the target is looked at, where there is one.
      split: `"val"` or another that the data has.
      count: images, at most.

    Raises:
      InputError: the data has no such split.
    """
    from jaxseg.train import RunFolder, variables_of

    run = RunFolder(folder)
    experiment = run.experiment()
    network, (_, variables) = experiment.method.network, variables_of(run)
    name, data = next(iter(experiment.scored.items()))
    if not data.has(split):
        raise InputError(f"run: {folder}: {name} has no {split} split; give a run on data that has one")
    source, seen_as = data.source(split), experiment.domain_of(data)

    @jax.jit
    def scores(image: Any, like: Any) -> Any:
        ready = network.normalization(image[None])
        logits = network.apply(variables, ready, train=False, domain=seen_as)[0].logits
        return network.upsample(logits, (like.shape[0], like.shape[1]))[0]

    for index in np.unique(np.linspace(0, len(source) - 1, min(count, len(source))).round().astype(int)):
        example = source[int(index)]
        image, label = np.asarray(example["image"]), np.asarray(example["label"])
        small, _ = resized(example, experiment.evaluation.size)
        yield image, label, np.asarray(scores(small.astype(np.float32), label))
