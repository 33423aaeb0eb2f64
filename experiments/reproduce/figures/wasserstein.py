"""Figures of importance-aware Wasserstein training (Liu et al. 2020): 1 and 4."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.reproduce.figures._drawing import Runs, common_seeds, panels, rounded, save

TRUE, TAKEN_FOR = "car", ("bus", "road")
RIGHT, WRONG = 0.4, 0.5
"""Probability of the true class and of the one taken for it, the rest spread evenly (ours: the figure prints none)."""
IMAGES = 100


def predictions(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Both softmax predictions of Figure 1, by the class that the car is taken for."""
    found = {}
    for taken in TAKEN_FOR:
        p = np.full(len(names), (1 - RIGHT - WRONG) / (len(names) - 2))
        p[names.index(TRUE)], p[names.index(taken)] = RIGHT, WRONG
        found[taken] = p
    return found


def figure1(runs: Runs, place: Path) -> Mapping[str, Any]:
    """A car taken for a bus, and one taken for road, as sure of the car: one cross entropy, two Wasserstein losses.

    The ground metrics are those of the other items (`configs/transport.py`), each of mean 1. With them stands the
    importance-aware loss, which, like cross entropy, does not see what the car is taken for.
    """
    import jax.numpy as jnp

    from configs.transport import huber, linear, square
    from jaxseg import losses
    from jaxseg.labels import CITYSCAPES
    from jaxseg.losses import ground

    assert CITYSCAPES.groups is not None
    groups = tuple(group for group in CITYSCAPES.groups if group is not None)
    given: dict[str, Any] = {
        "CE": losses.SoftmaxCrossEntropy(),
        "IAL": losses.ImportanceAware(groups=groups),
    }
    for name, function in (("L_d", linear), ("L_d2", square), ("L_H", huber)):
        metric = function(ground.groups(groups))
        given[name] = losses.Wasserstein(ground=metric / metric.mean())
    both = predictions(CITYSCAPES.names)
    label = jnp.full((1, 1), CITYSCAPES.names.index(TRUE))
    told = {
        name: {
            taken: rounded(loss.average(jnp.log(jnp.asarray(p, jnp.float32))[None, None], label), 4)
            for taken, p in both.items()
        }
        for name, loss in given.items()
    }
    figure, axes = panels(1, 2, (7.0, 3.6))
    for shift, (taken, p) in zip((-0.2, 0.2), both.items(), strict=True):
        axes[0, 0].bar(np.arange(len(p)) + shift, p, width=0.4, label=f"taken for {taken}")
        heights = [told[name][taken] / told[name][TAKEN_FOR[0]] for name in given]
        axes[0, 1].bar(np.arange(len(given)) + shift, heights, width=0.4, label=f"taken for {taken}")
    axes[0, 0].set(title="two predictions for a pixel of a car", ylabel="probability")
    axes[0, 0].set_xticks(
        np.arange(len(CITYSCAPES.names)), CITYSCAPES.names, rotation=60, ha="right", fontsize=7
    )
    axes[0, 1].set(title="their losses", ylabel=f"loss, over that of taking it for {TAKEN_FOR[0]}")
    axes[0, 1].set_xticks(np.arange(len(given)), list(given))
    axes[0, 1].legend(fontsize=8)
    probability = {"true": RIGHT, "taken for": WRONG}
    return {"probability": probability, "loss": told, "picture": save(figure, place / "figure1.png")}


def figure4(runs: Runs, place: Path) -> Mapping[str, Any]:
    """Segmentations of cross entropy and of the Wasserstein loss: two networks, the same images.

    Not one chosen picture: of the test images, those where the mean IoU of group 4 gains least, as the median, and
    most. The gains of all of them are written down, so that the pictures can be placed.
    """
    import jax.numpy as jnp

    from experiments.reproduce.figures._predictions import predicted
    from jaxseg import metrics
    from jaxseg.train import RunFolder

    rows = ("longer", "huber")
    first = common_seeds(runs, *rows)[0]
    space = RunFolder(first[0]).experiment().data.labels
    assert space.groups is not None
    empty = metrics.ConfusionMatrix.zeros(space.classes)
    shown = []
    for one, other in zip(*(predicted(folder, "test", IMAGES) for folder in first), strict=True):
        image, label, _ = one
        maps = [logits.argmax(axis=-1) for _, _, logits in (one, other)]
        counts = [empty.update(jnp.asarray(map_), jnp.asarray(label)).counts() for map_ in maps]
        group4 = [100 * metrics.group_mean_iou(count, space.groups)[4] for count in counts]
        if np.isfinite(group4).all():
            mean = [100 * metrics.mean_iou(count) for count in counts]
            shown.append((group4[1] - group4[0], image, label, maps, group4, mean))
    shown.sort(key=lambda entry: entry[0])
    chosen = {"least": shown[0], "median": shown[len(shown) // 2], "most": shown[-1]}
    figure, axes = panels(len(chosen), 4, (3.6, 2.1))
    told: dict[str, Any] = {}
    for number, (name, (gain, image, label, maps, group4, mean)) in enumerate(chosen.items()):
        pictures = (image, space.colorize(label), *(space.colorize(map_) for map_ in maps))
        titles = (
            f"{name} gain: {gain:+.1f} in group 4",
            "truth",
            *(f"{row}: group 4 {g:.1f}, mIoU {m:.1f}" for row, g, m in zip(rows, group4, mean, strict=True)),
        )
        for axis, picture, title in zip(axes[number], pictures, titles, strict=True):
            axis.imshow(picture)
            axis.set(xticks=[], yticks=[])
            axis.set_title(title, fontsize=8)
        told[name] = {"group_4": dict(zip(rows, rounded(group4, 2), strict=True)), "mIoU": rounded(mean, 2)}
    gains = rounded([entry[0] for entry in shown], 2)
    return {"gains_of_group_4": gains, "shown": told, "picture": save(figure, place / "figure4.png")}
