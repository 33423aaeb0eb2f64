"""Whether learned weights find planted noise: `python -m experiments.planted RUN`.

RUN is a MetaPix run whose source is a `data.Planted`. Every labelled source pixel is either clean or known to be
corrupted; the figure is the chance that a clean one has the higher weight of the two, the area under the ROC curve:

    AUC = P(W_clean > W_corrupted) + P(W_clean = W_corrupted) / 2

once over all pixels, once within the images that have both, and once between images: those that are corrupted
throughout by their mean weight, the others by that of their clean pixels.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from jaxtyping import Float

from experiments._command import parse_all, run
from jaxseg.errors import InputError


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Score the learned weights of corrupted pixels against those of clean ones."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run folder that training with MetaPix on planted noise wrote."""
    count: int | None = None
    """Images, from the first on; by default all."""
    out: Path | None = None
    """Write the figures as JSON to this file as well."""


def main(arguments: Sequence[str]) -> int:
    """Scores; returns the exit status."""
    own = parse_all(Arguments, arguments, "experiments.planted")
    figures = scored(own.run, own.count)
    print(
        f"{figures['images']} images, step {figures['step']}: AUC {figures['auc']:.4f} over all pixels, "
        f"{figures['auc_within']:.4f} within images, {figures['auc_images']:.4f} between images; "
        f"mean weight {figures['clean']:.4f} clean, {figures['corrupted']:.4f} corrupted"
    )
    if own.out is not None:
        own.out.parent.mkdir(parents=True, exist_ok=True)
        own.out.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def scored(folder: Path, count: int | None = None) -> dict[str, Any]:
    """The figures of a run.

    Raises:
      InputError: the run is not MetaPix's, its source has no planted noise, or `count` is below 1.
    """
    from experiments._weights import SourceWeights
    from jaxseg.data import Planted

    learned = SourceWeights(folder)
    data = learned.experiment.data
    if not isinstance(data, Planted):
        raise InputError(
            f"run: the source of {folder} is {data.name}; planted noise is known in data.Planted alone"
        )
    size = len(data.source("train"))
    if count is not None and count < 1:
        raise InputError(f"count: {count}; it is at least 1")
    clean, corrupted, within, wholes, others = [], [], [], [], []
    for example, weights in learned.of(range(min(size, count or size))):
        known, planted = example["label"] < data.labels.classes, example["planted"]
        good, bad = weights[known & ~planted], weights[planted]
        clean.append(good)
        corrupted.append(bad)
        if good.size and bad.size:
            within.append(area_under_curve(good, bad))
        if good.size:
            others.append(float(good.mean()))
        elif bad.size:
            wholes.append(float(bad.mean()))
    all_clean, all_corrupted = np.concatenate(clean), np.concatenate(corrupted)
    return {
        "images": len(clean),
        "step": learned.step,
        "auc": area_under_curve(all_clean, all_corrupted),
        "auc_within": float(np.mean(within)) if within else float("nan"),
        "auc_images": area_under_curve(np.array(others), np.array(wholes)),
        "clean": float(all_clean.mean()) if all_clean.size else float("nan"),
        "corrupted": float(all_corrupted.mean()) if all_corrupted.size else float("nan"),
    }


def area_under_curve(high: Float[np.ndarray, " N"], low: Float[np.ndarray, " M"]) -> float:
    """The chance that one of `high` is above one of `low`, ties counting half; NaN where either is empty.

    >>> area_under_curve(np.array([0.9, 0.5]), np.array([0.5, 0.1]))
    0.875
    """
    if not high.size or not low.size:
        return float("nan")
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, side="left") + np.searchsorted(ordered, high, side="right")
    return float(below.sum(dtype=np.float64) / (2.0 * high.size * low.size))


if __name__ == "__main__":
    run(main)
