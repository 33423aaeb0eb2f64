"""Figures of the Conservative loss's paper (Zhu et al. 2018): 1, 3, 4 and 5."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.reproduce.figures._drawing import Runs, common_seeds, lines, of_row, panels, rounded, save

SHOWN = (0.01, 0.1, 0.3, 0.5, 0.6, 0.7, 0.9, 0.99)
"""The probabilities whose losses are written down."""


def figure1(runs: Runs, place: Path) -> Mapping[str, Any]:
    """mIoU on source and target against the step, source-only training: does the target's fall while the source rises?

    Of each seed: the step at which either is best on val, and by how much the target has fallen at the end. A step
    counts as best if it is the first of the highest score, so noise alone makes the best step earlier than the last:
    the last step of the source is its control.
    """
    courses: dict[str, list[np.ndarray]] = {}
    steps: list[int] = []
    for folder in of_row(runs, "source"):
        found: dict[str, dict[int, float]] = {}
        for line in lines(folder, "evaluation"):
            found.setdefault(line["on"], {})[line["step"]] = 100 * line["mean_iou"]
        steps = sorted(next(iter(found.values())))
        for on, values in found.items():
            courses.setdefault(on, []).append(np.array([values[step] for step in steps]))
    figure, axes = panels(1, 1, (6.0, 4.0))
    told = {}
    for number, (on, course) in enumerate(courses.items()):
        each = np.stack(course)
        axes[0, 0].plot(steps, each.T, ".", color=f"C{number}", markersize=4, alpha=0.6)
        axes[0, 0].plot(steps, each.mean(axis=0), color=f"C{number}", label=on)
        told[on] = {
            "mean_iou": rounded(each, 2),
            "best_step": [steps[index] for index in each.argmax(axis=1)],
            "fall_from_best": rounded(each.max(axis=1) - each[:, -1], 2),
        }
    axes[0, 0].set(
        xlabel="step", ylabel="mIoU (%), val", title="source-only training: dots are seeds, lines means"
    )
    axes[0, 0].legend(fontsize=8)
    return {"steps": steps, "on": told, "picture": save(figure, place / "figure1.png")}


def _values(loss: Any, p: np.ndarray) -> np.ndarray:
    """A loss of two classes at the probabilities of the true one."""
    import jax
    import jax.numpy as jnp

    from experiments.losses_tour import of_p

    return np.asarray(jax.vmap(of_p(loss))(jnp.asarray(p, jnp.float32)))


def _curves(
    given: Mapping[str, Any], title: str, limits: tuple[float, float], path: Path
) -> Mapping[str, Any]:
    points = np.linspace(0.002, 0.998, 499)
    figure, axes = panels(1, 1, (6.0, 4.2))
    for name, loss in given.items():
        axes[0, 0].plot(points, _values(loss, points), label=name)
    axes[0, 0].axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
    axes[0, 0].set(ylim=limits, xlabel="probability p of the true class", ylabel="loss", title=title)
    axes[0, 0].legend(fontsize=8)
    return {
        "p": list(SHOWN),
        "loss": {name: rounded(_values(loss, np.array(SHOWN)), 4) for name, loss in given.items()},
        "picture": save(figure, path),
    }


def figure3(runs: Runs, place: Path) -> Mapping[str, Any]:
    """The loss against the probability of the true class, unscaled, for bases 2, e, 3 and 4."""
    from experiments.losses_tour import BASES
    from jaxseg import losses

    given = {f"a = {name}": losses.Conservative(base=base, scale=1.0) for name, base in BASES}
    return _curves(given, "the Conservative loss, unscaled", (-4.0, 6.0), place / "figure3.png")


def figure4(runs: Runs, place: Path) -> Mapping[str, Any]:
    """t-SNE of class features, and the distance of the domains that t-SNE has no part in, before and after."""
    from experiments import features
    from jaxseg.train import RunFolder

    rows = ("source", "conservative")
    features.solver()
    told: dict[str, list[Any]] = {row: [] for row in rows}
    drawn: list[features.Points] = []
    chosen: list[int] = []
    for pair in common_seeds(runs, *rows):
        seed = int(pair[0].name.removeprefix("seed"))
        found = [features.points_of(RunFolder(path), 100, seed) for path in pair]
        four = features.shown_most(found[0], 4)
        found = [points.of(four) for points in found]
        for row, points in zip(rows, found, strict=True):
            told[row].append(rounded(features.apart(points), 3))
        if not drawn:
            drawn, chosen = found, four
    space = RunFolder(runs["source"][0]).experiment().data.labels
    own = features.Arguments(runs=(), out=place / "figure4.png")
    features.draw(drawn, rows, chosen, space, own)
    return {"apart": told, "classes": [space.names[one] for one in chosen], "picture": "figure4.png"}


def figure5(runs: Runs, place: Path) -> Mapping[str, Any]:
    """Cross entropy, the focal loss and the Conservative loss against the probability of the true class."""
    from jaxseg import losses

    given = {
        "CE": losses.SoftmaxCrossEntropy(),
        "FL, alpha 5, gamma 2": losses.Focal(gamma=2.0, alpha=5.0),
        "CL, a = e, lambda 5": losses.Conservative(),
    }
    return _curves(given, "three losses", (-10.0, 15.0), place / "figure5.png")
