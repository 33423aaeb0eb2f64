"""The spatial prior of CBST-SP: how often the source has each class at each place."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from jaxseg.data import DataSource
from jaxseg.data._prepared import PreparedSource
from jaxseg.data._views import ids_of
from jaxseg.train.run import write_json

ROWS = 128
"""Rows of the grid on which classes are counted, at most (ours)."""

SMOOTHING = 1 / 30
"""Deviation of the Gaussian that smooths the counts, in heights of the image (ours)."""


def spatial_prior(
    source: DataSource, classes: int, size: tuple[int, int], folder: Path
) -> Float[np.ndarray, "h w C"]:
    """The share of each class among the source's labels at each place, in a grid over the image.

        q_n(c) = n_c(n) / sum_k n_k(n),    n_c(n) smoothed counts of class c around the place n

    Labels of any size are laid over the grid as a whole. Where the source has no label nearby, all classes are alike.
    CBST multiplies the probabilities by such a prior and does not normalise the product; its grid, its smoothing and
    whether the prior itself sums to 1 over the classes are ours.

    Args:
      source: labelled examples.
      classes: C.
      size: height and width of the images that it is for; the grid has their aspect.
      folder: where it is kept, to be counted once.

    Returns:
      [h, w, C] float32.
    """
    grid = (min(size[0], ROWS), max(round(size[1] * min(size[0], ROWS) / size[0]), 1))
    made_of = {"ids": ids_of(source), "classes": classes, "grid": list(grid), "smoothing": SMOOTHING}
    known, kept = folder / "prior.json", folder / "prior.npy"
    if known.is_file() and json.loads(known.read_text()) == made_of:
        return np.load(kept)
    counts = np.zeros((grid[0] * grid[1], classes), np.float64)
    cells = np.arange(len(counts))
    for index in range(len(source)):
        label = source.label(index) if isinstance(source, PreparedSource) else source[index]["label"]
        whole = np.asarray(label)
        rows, columns = (
            np.minimum(((np.arange(n) + 0.5) * side / n).astype(int), side - 1)
            for n, side in zip(grid, whole.shape, strict=True)
        )
        ids = whole[rows][:, columns].ravel()
        true = ids < classes
        counts[cells[true], ids[true]] += 1.0
    smooth = ndimage.gaussian_filter(
        counts.reshape(*grid, classes), SMOOTHING * grid[0], axes=(0, 1), mode="nearest"
    )
    total = smooth.sum(axis=-1, keepdims=True)
    prior = np.where(total > 0, smooth / np.where(total > 0, total, 1.0), 1.0 / classes).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(kept, prior)
    write_json(known, made_of)
    return prior
