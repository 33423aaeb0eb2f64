"""Plots of maximum squares (Chen et al. 2019): the imbalance of gradients, and mean probability against IoU."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.reproduce.figures._drawing import Runs, of_row, panels, rounded, save

SHOWN = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def imbalance(runs: Runs, place: Path) -> Mapping[str, Any]:
    """Sizes of the gradients of entropy and of maximum squares, in p and in the logit, of two classes.

    The poster's are in p: |log p - log(1 - p)| and |4p - 2|. The gradient that reaches the logit is that times
    p (1 - p), and vanishes at p = 1 for both. Written down: each at some p, as a share of its value at p = 0.9.
    """
    from experiments.losses_tour import POINTS, gradients, unsupervised_gradients

    told: dict[str, Any] = {"p": list(SHOWN)}
    for name, sizes in unsupervised_gradients().items():
        for where, values in zip(("in p", "in the logit"), sizes, strict=True):
            at = np.interp(SHOWN, POINTS, values)
            told[f"{name}, {where}"] = {
                "size": rounded(at, 4),
                "over that at 0.9": rounded(at / np.interp(0.9, POINTS, values), 3),
            }
    return {**told, "picture": save(gradients(), place / "imbalance.png")}


def prediction(runs: Runs, place: Path) -> Mapping[str, Any]:
    """Mean probability of the pixels predicted as a class against the class's IoU on the target, by row.

    Of each seed: both figures of every class, and their rank correlation over the classes (Spearman). The poster's
    reading is that classes of high IoU have high probability, so that they get most of the gradient of entropy.
    """
    figure, axes = panels(1, len(runs), (4.4, 4.2))
    told: dict[str, Any] = {}
    for axis, row in zip(axes[0], runs, strict=True):
        told[row] = {"rank_correlation": [], "seeds": []}
        for number, folder in enumerate(of_row(runs, row)):
            scored = _on_the_target(folder)
            pairs = {
                name: (probability, scored["iou"][name])
                for name, probability in scored["mean_probability"].items()
                if probability is not None and scored["iou"].get(name) is not None
            }
            p, iou = np.array(list(pairs.values())).T
            told[row]["rank_correlation"].append(rounded(_rank_correlation(p, iou), 3))
            told[row]["seeds"].append({name: rounded(pair, 4) for name, pair in pairs.items()})
            axis.plot(100 * p, 100 * iou, "o", markersize=4, alpha=0.6, color=f"C{number}")
            if number == 0:
                for name, (at, score) in pairs.items():
                    axis.annotate(name, (100 * at, 100 * score), fontsize=6, color="0.3")
        axis.set(title=row, xlabel="mean probability of its predictions (%)", ylabel="IoU on the target (%)")
        axis.set(xlim=(20, 100), ylim=(0, 100))  # alike, so that panels can be compared
    return {"rows": told, "picture": save(figure, place / "prediction.png")}


def _on_the_target(folder: Path) -> Mapping[str, Any]:
    """The score of a run on the test split of its target."""
    from jaxseg.train import RunFolder

    run = RunFolder(folder)
    target = next(iter(run.experiment().scored))
    found: Mapping[str, Any] = json.loads((run.evaluations / f"{target}-test.json").read_text())
    return found


def _rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's, ties in the middle of their ranks.

    >>> round(_rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 9.0, 4.0])), 3)
    0.5
    """

    def ranks(values: np.ndarray) -> np.ndarray:
        return np.array([(values < value).sum() + 0.5 * (values == value).sum() for value in values])

    return float(np.corrcoef(ranks(x), ranks(y))[0, 1])
