"""Figures of MetaPix (Jian and Gao 2021): 3 and 4, and how well learned weights find planted noise."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.reproduce.figures._drawing import Runs, common_seeds, of_row, panels, rounded, save

WEIGHED = ("metapix", "metapix_w19")
IMAGES, SHOWN = 64, (0, 1, 2, 3)
"""Source images whose weights are counted, from the first on, and those that are drawn."""
ENDS = (0.01, 0.99)
"""Shares of the pixels below the weight that is drawn black, and the one drawn white (ours)."""
BLOCKS = range(6)
TRAININGS = ("joint", "metapix")


def figure3(runs: Runs, place: Path) -> Mapping[str, Any]:
    """Source images beside their labels and weight maps, of the first seed; histograms of the weights of each class.

    Written down are the means of every class over all pixels that have it, so that the pictures, whose black and white
    are chosen, can be placed.
    """
    from experiments import weight_maps
    from experiments._weights import SourceWeights

    told: dict[str, Any] = {}
    for row in WEIGHED:
        folder = of_row(runs, row)[0]
        learned = SourceWeights(folder)
        data = learned.experiment.data
        kept, classes = [], []
        for example, weights in learned.of(range(min(IMAGES, len(data.source("train"))))):
            known = example["label"] < data.labels.classes
            kept.append(weights[known])
            classes.append(example["label"][known])
        values, of = np.concatenate(kept), np.concatenate(classes)
        low, high = (float(end) for end in np.quantile(values, ENDS))
        images = [str(number) for number in SHOWN]
        words = [str(folder), "--images", *images, "--count", str(IMAGES), "--out", str(place)]
        weight_maps.main([*words, "--range", str(low), str(max(high, low + 1e-6))])
        drawn = {}
        for name, title in (
            ("weights.png", "maps.png"),
            ("weights.svg", "histograms.svg"),
            ("weights_over_training.svg", "over_training.svg"),
        ):
            if (place / name).is_file():
                new = f"figure3_{row}_{title}"
                (place / name).replace(place / new)
                drawn[title.split(".")[0]] = new
        told[row] = {
            "step": learned.step,
            "images": len(kept),
            "mean": rounded(values.mean()),
            "black and white": rounded([low, high]),
            "class means": {
                name: rounded(values[of == number].mean())
                for number, name in enumerate(data.labels.names)
                if (of == number).any()
            },
            "pictures": drawn,
        }
    return told


def split_row(training: str, block: int) -> str:
    """The row of a training with the first blocks apart.

    >>> split_row("joint", 0), split_row("metapix", 3)
    ('joint', 'metapix_split3')
    """
    return f"{training}_split{block}" if block else training


def figure4(runs: Runs, place: Path) -> Mapping[str, Any]:
    """mIoU on the target against the last block that the domains have apart, 0 to 5, direct joint training and MetaPix.

    The paper's figure is of direct joint training; MetaPix beside it is ours. Gains are those over no split, seed by
    seed, so their intervals do not hold what the seeds have in common.
    """
    from jaxseg.metrics import mean_and_interval, paired_difference

    figure, axes = panels(1, 1, (6.5, 3.8))
    told: dict[str, Any] = {}
    for shift, training in zip((-0.2, 0.2), TRAININGS, strict=True):
        scores = {block: _miou(of_row(runs, split_row(training, block))) for block in BLOCKS}
        bars = {block: mean_and_interval(values) for block, values in scores.items()}
        gains = {
            block: paired_difference(*_paired(runs, split_row(training, block), training))
            for block in BLOCKS
            if block
        }
        axes[0, 0].bar(
            [block + shift for block in BLOCKS],
            [bar.mean for bar in bars.values()],
            width=0.4,
            yerr=[0.0 if np.isnan(bar.half_width) else bar.half_width for bar in bars.values()],
            capsize=2,
            label=training,
        )
        told[training] = {
            f"S@{block}" if block else "no split": {
                "mIoU": _told(bars[block]),
                **({"gain": _told(gains[block])} if block else {}),
            }
            for block in BLOCKS
        }
    alone = mean_and_interval(_miou(of_row(runs, "target_only")))
    axes[0, 0].axhline(alone.mean, color="0.4", linestyle="--", label="target only")
    axes[0, 0].set(ylabel="mIoU on the target", xlabel="own blocks of either domain")
    axes[0, 0].set_xticks(list(BLOCKS), ["none", *(f"S@{block}" for block in BLOCKS if block)])
    axes[0, 0].legend(fontsize=8, loc="lower left")
    return {**told, "target only": _told(alone), "picture": save(figure, place / "figure4.png")}


def planted(runs: Runs, place: Path) -> Mapping[str, Any]:
    """How often a clean pixel has a higher weight than a corrupted one, of every seed, and pictures of the first.

    And how far the target's mIoU is above that of direct joint training on the same noise, seed by seed.
    """
    from experiments import weight_maps
    from experiments.planted import scored
    from jaxseg.metrics import mean_and_interval, paired_difference

    folders = of_row(runs, "planted")
    found = [scored(folder) for folder in folders]
    images = [str(number) for number in SHOWN]
    weight_maps.main([str(folders[0]), "--images", *images, "--out", str(place)])
    gain = paired_difference(*_paired(runs, "planted", "planted_joint"))
    keys = ("auc", "auc_within", "auc_images", "clean", "corrupted")
    return {
        **{key: {"seeds": rounded([one[key] for one in found])} for key in keys},
        "auc over seeds": _told(mean_and_interval([one["auc"] for one in found]), 4),
        "gain over joint": _told(gain),
        "pictures": ["weights.png", "weights.svg", "weights_over_training.svg"],
    }


def _paired(runs: Runs, row: str, other: str) -> tuple[list[float], list[float]]:
    """The mIoU of two rows, of the same seeds."""
    ours, theirs = zip(*common_seeds(runs, row, other), strict=True)
    return _miou(ours), _miou(theirs)


def _miou(folders: Sequence[Path]) -> list[float]:
    """mIoU in percent on the first data set that each run was scored on, its target, on test."""
    from jaxseg.train import RunFolder

    found = []
    for folder in folders:
        target = next(iter(RunFolder(folder).experiment().scored))
        (path,) = (
            path
            for path in sorted((folder / "evaluations").glob("*-test.json"))
            if json.loads(path.read_text())["on"] == f"{target}/test"
        )
        found.append(100 * float(json.loads(path.read_text())["mean_iou"]))
    return found


def _told(interval: Any, digits: int = 2) -> dict[str, Any]:
    return {
        "mean": rounded(interval.mean, digits),
        "half width": rounded(interval.half_width, digits),
        "seeds": interval.n,
    }
