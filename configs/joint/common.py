"""What joint training on `streets` shares: 512 labelled synthetic images and 26 labelled real ones, 5% of 512.

Data, network, crop and optimiser are those of `configs/streets`; image i of a split is drawn the same however many
there are, so the 26 are the first of the 512. Every number here is ours, for two cores: 300 joint steps, then 150 more,
which is what MetaPix takes on the segmentation network in three generations; rows of one part take 450. The weighting
network is the paper's U-Net with 16 channels instead of 64, for images in -1..1 as the other network's.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from configs.streets.common import (
    ADAPT_DISCRIMINATOR,
    ADVERSARIAL_WEIGHT,
    DISCRIMINATOR,
    PRETRAIN,
    PRETRAIN_STEPS,
    SIZE,
    SYNTHETIC,
    augment,
)
from jaxseg import losses, models
from jaxseg.data import DataSet, Streets
from jaxseg.methods import (
    Adam,
    AdversarialMethod,
    Constant,
    Level,
    MetaPix,
    Method,
    ObjectiveMethod,
    Optimizer,
    Reweight,
    Summand,
    Term,
    WarmStart,
)
from jaxseg.models import Network
from jaxseg.models.network import UNIT_NORMALIZATION
from jaxseg.train import Experiment

FEW = Streets(domain="real", size=SIZE, images=(26, 64, 128))
JOINT, META, WEIGHTED, GENERATIONS = PRETRAIN_STEPS, 50, 50, 3
LONGER = GENERATIONS * WEIGHTED
OPTIMIZER: Optimizer = PRETRAIN
WEIGHTING_OPTIMIZER: Optimizer = Adam(learning_rate=1e-3, schedule=Constant())
INNER_RATE = 0.1
"""Of the virtual step: plain gradient descent needs a rate of its own where the network learns by Adam at 0.004."""
CROSS_ENTROPY = losses.SoftmaxCrossEntropy()
SOURCE, TARGET = Term(CROSS_ENTROPY), Term(CROSS_ENTROPY, domain="target")


def network(split: int = 0) -> Network:
    """The network of `configs/streets`, with the first `split` blocks of its encoder for each domain."""
    return models.compact(19, width=16, split=split)


def trained(name: str, method: Method, data: DataSet = SYNTHETIC) -> Experiment:
    """Training on labelled synthetic and few labelled real images, scored on real ones."""
    return Experiment(name=name, data=data, target=FEW, method=method, augment=augment())


def baseline(
    name: str,
    objective: Mapping[str, Summand],
    *,
    steps: int = JOINT + LONGER,
    warm_start: WarmStart | None = None,
    data: DataSet = SYNTHETIC,
) -> Experiment:
    """A row without learned weights, of as many steps as MetaPix takes on the segmentation network."""
    method = ObjectiveMethod(
        network=network(), objective=objective, steps=steps, optimizer=OPTIMIZER, warm_start=warm_start
    )
    return trained(name, method, data)


def metapix(name: str, per: str = "pixel", data: DataSet = SYNTHETIC, **fields: Any) -> Experiment:
    """MetaPix with one weight a pixel, or one a class."""
    method = MetaPix(
        network=network(),
        weighting=models.unet_weights(19, per=per, width=16, normalization=UNIT_NORMALIZATION),
        joint_steps=JOINT,
        meta_steps=META,
        weighted_steps=WEIGHTED,
        generations=GENERATIONS,
        optimizer=OPTIMIZER,
        weighting_optimizer=WEIGHTING_OPTIMIZER,
        inner_rate=INNER_RATE,
        class_weights=True,
    )
    return trained(name, dataclasses.replace(method, **fields), data)


def reweighted(name: str, per: str, data: DataSet = SYNTHETIC) -> Experiment:
    """Learning to reweight, of images or pixels, and the target's own loss."""
    method = Reweight(
        network=network(), steps=JOINT + LONGER, per=per, target_weight=1.0, optimizer=OPTIMIZER
    )
    return trained(name, method, data)


def adversarial(name: str) -> Experiment:
    """Joint training with a discriminator of the probabilities."""
    method = AdversarialMethod(
        network=network(),
        discriminator=DISCRIMINATOR,
        objective={"source": SOURCE, "target": TARGET},
        steps=JOINT + LONGER,
        levels={"main": Level(weight=ADVERSARIAL_WEIGHT)},
        optimizer=OPTIMIZER,
        discriminator_optimizer=ADAPT_DISCRIMINATOR,
    )
    return trained(name, method)
