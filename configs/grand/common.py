"""Every loss of the five papers under one network, one schedule and one budget: on real streets, and on CamVid.

    python -m experiments.train configs/grand/streets.py --objective.labels.chosen focal
    python -m experiments.reproduce grand.streets

All train `models.compact` on labelled images from random weights, with the steps and rates of
`configs/streets/oracle.py` and `configs/camvid/compact_ce.py`; nothing is tuned to a loss. Where a paper adds its loss
to a cross entropy, so does the row, with that paper's share; unsupervised losses are added to cross entropy on the same
labelled images, with the weight that `configs/streets` gives them on a target. Those choices, and every number below,
are ours: no paper has this table. The calibration error is that of the softmax, which the rows with sigmoid losses
(bce, ssim, ssl, rmi) do not train as such.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from configs.objectives import LOSS_1, LOSS_2, LOSS_3, affinity, binary, cross_entropy, mixed
from configs.streets.common import TARGET_WEIGHT, TARGET_WEIGHT_IW
from configs.transport import huber, importance, labelled, linear, square
from jaxseg import losses
from jaxseg.labels import LabelSpace
from jaxseg.losses import Loss
from jaxseg.methods import OneOf, Summand, Term
from jaxseg.train import Experiment

Objective = Mapping[str, Summand]


def alone(loss: Loss) -> Objective:
    """A loss and nothing else."""
    return {"source": Term(loss)}


def beside(loss: Loss, weight: float) -> Objective:
    """Cross entropy and a loss without labels on the same images."""
    return {**cross_entropy(), "sure": Term(loss, weight=weight)}


def objectives(space: LabelSpace) -> dict[str, Objective]:
    """By the name of the row."""
    return {
        "ce": cross_entropy(),
        "bce": binary(),
        "focal": alone(losses.Focal()),
        "ial": {"source": importance(space)},
        "linear": {"source": labelled(space, linear)},
        "square": {"source": labelled(space, square)},
        "huber": {"source": labelled(space, huber)},
        "conservative": alone(losses.Conservative()),
        "loss1": alone(LOSS_1),
        "loss2": alone(LOSS_2),
        "loss3": alone(LOSS_3),
        "switched": alone(losses.ConservativeSwitched()),
        "entropy": beside(losses.Entropy(), TARGET_WEIGHT / 2),
        "max_squares": beside(losses.MaximumSquares(), TARGET_WEIGHT),
        "max_squares_iw": beside(losses.MaximumSquaresImageWise(), TARGET_WEIGHT_IW),
        "affinity": affinity(),
        "ssim": mixed(losses.SSIM()),
        "ssl": mixed(losses.StructuralSimilarity()),
        "rmi": mixed(losses.RegionMutualInformation()),
    }


def composed(space: LabelSpace) -> Objective:
    """Cross entropy and a term of each of four papers, on the labels; those are out until they are given a weight."""
    return {
        **cross_entropy(),
        "huber": dataclasses.replace(labelled(space, huber), weight=0.0),
        "conservative": Term(losses.Conservative(scale=1.0), weight=0.0),
        "max_squares": Term(losses.MaximumSquares(), weight=0.0),
        "ssl": Term(losses.StructuralSimilarity(), weight=0.0),
    }


def choosing(base: Experiment, name: str) -> Experiment:
    """An experiment of an `ObjectiveMethod`, with a choice of losses instead of its own."""
    method: Any = base.method
    either = OneOf(objectives(base.data.labels), chosen="ce")
    return dataclasses.replace(
        base, name=name, method=dataclasses.replace(method, objective={"labels": either})
    )
