"""Figures of the structural similarity loss's paper (Zhao et al. 2019): 2, 3 and 4."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.reproduce.figures._drawing import Runs, lines, of_row, panels, rounded, save

BETAS = (0.01, 0.02, 0.04, 0.06, 0.08, 0.09, 0.10, 0.11, 0.12, 0.14, 0.2, 0.3, 0.5)
IMAGES = 40


def figure2(runs: Runs, place: Path) -> Mapping[str, Any]:
    """The maps of Figure 2 with their sums and the centre's share: as the figure has them, and as the loss trains."""
    from experiments.losses_tour import figure_2, structural

    told = {
        name: {
            "map": rounded(values, 4),
            "sum": rounded(values.sum(), 4),
            "centre": rounded(values[1, 1] / values.sum(), 4),
        }
        for name, values in figure_2().items()
    }
    return {"maps": told, "picture": save(structural(), place / "figure2.png")}


def figure3(runs: Runs, place: Path) -> Mapping[str, Any]:
    """Extremes of the normalised maps, and maximum, mean and median of the error e, against the step.

    Each figure is over the pixels and classes of a step's batch, as the run logged it; drawn is the mean over seeds.
    """
    courses: dict[str, list[list[float]]] = {}
    steps: list[int] = []
    for folder in of_row(runs, "watched"):
        logged = list(lines(folder, "train"))
        steps = [line["step"] for line in logged]
        for name in logged[0]["terms"]:
            if name.startswith("watch_"):
                courses.setdefault(name.removeprefix("watch_"), []).append(
                    [line["terms"][name] for line in logged]
                )
    means = {name: np.mean(values, axis=0) for name, values in courses.items()}
    figure, axes = panels(1, 1, (6.5, 4.4))
    for name, values in means.items():
        style = "--" if name.startswith("label") else ":" if name.startswith("prediction") else "-"
        axes[0, 0].plot(steps, values, style, label=name.replace("_", " "))
    axes[0, 0].axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
    axes[0, 0].set(xlabel="step", ylabel="normalised value", title="e and the normalised maps while training")
    figure.legend(fontsize=8, ncols=4, loc="outside lower center")  # curves leave no room within
    told = {name: rounded(values, 4) for name, values in means.items()}
    return {"steps": steps, **told, "picture": save(figure, place / "figure3.png")}


def figure4(runs: Runs, place: Path) -> Mapping[str, Any]:
    """The share of pixels and classes that are hard against beta, on val, of networks after training.

    One curve is the network trained with beta 0.10 under every beta, points are networks trained with theirs.
    """
    from experiments.reproduce.figures._predictions import predicted
    from jaxseg import losses
    from jaxseg.train import RunFolder

    def shares(folder: Path, betas: tuple[float, ...]) -> np.ndarray:
        hard, count = np.zeros(len(betas)), 0
        for _, label, logits in predicted(folder, "val", IMAGES):
            valid = label < logits.shape[-1]
            error = np.asarray(losses.structural_error(logits, label.astype(np.int32)))[valid]
            hard += [(error > beta * largest).sum() for beta in betas]
            count += error.size
        return 100 * hard / count

    largest = float(losses.largest_structural_error(3, 1.5))
    curve = np.stack([shares(folder, BETAS) for folder in of_row(runs, "ssl")])
    own: dict[float, list[float]] = {}
    for row, folders in runs.items():
        for folder in folders:
            method: Any = RunFolder(folder).experiment().method
            loss = method.objective["structure"].loss
            if row != "ssl":
                beta = round(float(loss.beta), 4)
                own.setdefault(beta, []).append(float(shares(folder, (beta,))[0]))
    figure, axes = panels(1, 1, (6.0, 4.0))
    axes[0, 0].plot(BETAS, curve.mean(axis=0), label="trained with 0.10")
    for number, (beta, values) in enumerate(sorted(own.items())):
        label = None if number else "trained with its own"
        axes[0, 0].plot([beta] * len(values), values, "o", color="C1", markersize=4, label=label)
    axes[0, 0].set(xlabel="beta", ylabel="hard pixels and classes (%), val", yscale="log")
    axes[0, 0].legend(fontsize=8)
    return {
        "beta": list(BETAS),
        "hard_percent": rounded(curve, 3),
        "hard_percent_of_own": {f"{beta:g}": rounded(values, 3) for beta, values in sorted(own.items())},
        "picture": save(figure, place / "figure4.png"),
    }
