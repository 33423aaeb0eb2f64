"""What the recipes of maximum squares share (Chen, Xue and Cai, ICCV 2019): pretraining, schedules, weights.

The paper trains on the source first; here that is the warm start, after which the optimiser begins afresh.
Adaptation takes ten passes over the 2,975 images of Cityscapes; the schedule counts ten times 2,976.

The weight 0.1 is that of the released code, whose loss is divided by the number of classes C: 0.1 / C on the
paper's loss, the default here. The code's image-wise weighted loss is twice that at alpha 0, so its 0.1 is 2 x 0.1
/ C.
"""

from collections.abc import Mapping
from typing import Any

from configs.street_recipes import sgd
from jaxseg import losses, models
from jaxseg.data.augment import Augmentation, GaussianBlur, Mirror
from jaxseg.methods import Guided, ObjectiveMethod, Summand, Term, WarmStart

PRETRAIN_STEPS, PRETRAIN_COUNTED = 80_000, 200_000
STEPS, COUNTED = 10 * 2975, 10 * 2976
WEIGHT, WEIGHT_MULTI = 0.1, 0.09
AUX = 0.1
ALPHA, THRESHOLD = 0.2, 0.95


def plain(classes: int) -> dict[str, Summand]:
    """Maximum squares on the target."""
    return {"target": Term(losses.MaximumSquares(), weight=WEIGHT / classes, domain="target")}


def entropy(classes: int) -> dict[str, Summand]:
    """Entropy on the target, in nats: the poster's own MinEnt. Its weight is not published: that of `plain` (ours)."""
    loss = losses.Entropy(normalized=False)
    return {"target": Term(loss, weight=WEIGHT / classes, domain="target")}


def image_wise(classes: int, weight: float = WEIGHT) -> dict[str, Summand]:
    """Maximum squares with image-wise weights on the target."""
    loss = losses.MaximumSquaresImageWise(alpha=ALPHA)
    return {"target": Term(loss, weight=2 * weight / classes, domain="target")}


def guided(classes: int, weight: float = WEIGHT_MULTI) -> dict[str, Summand]:
    """The same on the main head, and the auxiliary one guided by the labels of both."""
    guidance = Guided(weight=AUX * weight, threshold=THRESHOLD)
    return {**image_wise(classes, weight), "guidance": guidance}


def method(classes: int, target: Mapping[str, Summand]) -> ObjectiveMethod:
    """Pretraining on the source, then adaptation with terms on the target.

    Args:
      classes: number of classes.
      target: the terms; with a `Guided` one the network has two heads, trained together from the beginning.
    """
    multi = any(isinstance(term, Guided) for term in target.values())
    source: dict[str, Summand] = {"source": Term(losses.SoftmaxCrossEntropy())}
    if multi:
        source["source_aux"] = Term(losses.SoftmaxCrossEntropy(), weight=AUX, head="aux")
    return ObjectiveMethod(
        network=models.deeplab_v2(classes, multi_level=multi),
        objective={**source, **target},
        steps=STEPS,
        optimizer=sgd(stretch=COUNTED / STEPS),
        warm_start=WarmStart(
            steps=PRETRAIN_STEPS,
            objective=source,
            optimizer=sgd(stretch=PRETRAIN_COUNTED / PRETRAIN_STEPS),
        ),
    )


def source_only(classes: int) -> ObjectiveMethod:
    """The pretraining on the source alone, with one head."""
    return ObjectiveMethod(
        network=models.deeplab_v2(classes),
        objective={"source": Term(losses.SoftmaxCrossEntropy())},
        steps=PRETRAIN_STEPS,
        optimizer=sgd(stretch=PRETRAIN_COUNTED / PRETRAIN_STEPS),
    )


def augment(first: Mapping[str, Augmentation]) -> dict[str, Any]:
    """Mirrored and blurred at random, on both domains, after what comes first."""
    return {**first, "mirror": Mirror(), "blur": GaussianBlur(probability=0.5, sigma=(0.0, 1.0))}
