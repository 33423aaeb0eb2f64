"""What joint training on two labelled domains shares: `configs/joint` on streets, `configs/joint_camvid` on CamVid.

On streets: 512 labelled synthetic images and 26 labelled real ones, 5% of 512. Data, network, crop and optimiser are
those of `configs/streets`; image i of a split is drawn the same however many there are, so the 26 are the first of the
512. Every number here is ours, for two cores: 300 joint steps, then 150 more, which is what MetaPix takes on the
segmentation network in three generations; rows of one part take 450. The weighting network is the paper's U-Net with 16
channels instead of 64, for images in -1..1 as the other network's. Generator and discriminator of PixelDA have 16
channels instead of 64, and 2 units instead of 6.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from configs.streets.common import (
    ADAPT_DISCRIMINATOR,
    ADVERSARIAL_WEIGHT,
    PRETRAIN,
    PRETRAIN_STEPS,
    SIZE,
    SYNTHETIC,
    augment,
)
from jaxseg import losses, models
from jaxseg.data import DataSet, Streets
from jaxseg.data.augment import Augmentation
from jaxseg.methods import (
    Adam,
    AdversarialMethod,
    ConfidenceMask,
    Constant,
    HRSelect,
    Level,
    MetaPix,
    Method,
    ObjectiveMethod,
    Optimizer,
    PixelDA,
    PixelDAWeights,
    Reconstruction,
    Reweight,
    Summand,
    Term,
    WarmStart,
    Weighted,
)
from jaxseg.models import Network
from jaxseg.models.network import UNIT_NORMALIZATION
from jaxseg.train import EvaluationProtocol, Experiment

FEW = Streets(domain="real", size=SIZE, images=(26, 64, 128))
JOINT, META, WEIGHTED, GENERATIONS = PRETRAIN_STEPS, 50, 50, 3
LONGER = GENERATIONS * WEIGHTED
OPTIMIZER: Optimizer = PRETRAIN
WEIGHTING_OPTIMIZER: Optimizer = Adam(learning_rate=1e-3, schedule=Constant())
PLAYER: Optimizer = Adam(learning_rate=1e-3, b1=0.5)
"""Of generators and discriminators of images."""
INNER_RATE = 0.1
"""Of the virtual step: plain gradient descent needs a rate of its own where the network learns by Adam at 0.004."""
CROSS_ENTROPY = losses.SoftmaxCrossEntropy()
SOURCE, TARGET = Term(CROSS_ENTROPY), Term(CROSS_ENTROPY, domain="target")


@dataclasses.dataclass(frozen=True)
class Setting:
    """A pair of labelled domains.

    Attributes:
      prefix: of the experiments' names.
      data: the source.
      target: the target.
      augment: what happens to a batch.
      evaluation: how the target is scored.
    """

    prefix: str
    data: DataSet
    target: DataSet
    augment: Mapping[str, Augmentation]
    evaluation: EvaluationProtocol = EvaluationProtocol()

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.data.labels.classes


STREETS = Setting("joint", SYNTHETIC, FEW, augment())


def network(split: int = 0, on: Setting = STREETS) -> Network:
    """The network of `configs/streets`, with the first `split` blocks of its encoder for each domain."""
    return models.compact(on.classes, width=16, split=split)


def trained(name: str, method: Method, on: Setting = STREETS) -> Experiment:
    """Training on labelled synthetic and few labelled real images, scored on real ones."""
    return Experiment(
        name=f"{on.prefix}-{name}",
        data=on.data,
        target=on.target,
        method=method,
        augment=on.augment,
        evaluation=on.evaluation,
    )


def baseline(
    name: str,
    objective: Mapping[str, Summand],
    *,
    steps: int = JOINT + LONGER,
    warm_start: WarmStart | None = None,
    split: int = 0,
    on: Setting = STREETS,
) -> Experiment:
    """A row without learned weights, of as many steps as MetaPix takes on the segmentation network."""
    method = ObjectiveMethod(
        network=network(split, on),
        objective=objective,
        steps=steps,
        optimizer=OPTIMIZER,
        warm_start=warm_start,
    )
    return trained(name, method, on)


def metapix(
    name: str, per: str = "pixel", *, split: int = 0, on: Setting = STREETS, **fields: Any
) -> Experiment:
    """MetaPix with one weight a pixel, or one a class."""
    method = MetaPix(
        network=network(split, on),
        weighting=models.unet_weights(on.classes, per=per, width=16, normalization=UNIT_NORMALIZATION),
        joint_steps=JOINT,
        meta_steps=META,
        weighted_steps=WEIGHTED,
        generations=GENERATIONS,
        optimizer=OPTIMIZER,
        weighting_optimizer=WEIGHTING_OPTIMIZER,
        inner_rate=INNER_RATE,
        class_weights=True,
    )
    return trained(name, dataclasses.replace(method, **fields), on)


def reweighted(name: str, per: str, on: Setting = STREETS) -> Experiment:
    """Learning to reweight, of images or pixels, and the target's own loss."""
    method = Reweight(
        network=network(on=on), steps=JOINT + LONGER, per=per, target_weight=1.0, optimizer=OPTIMIZER
    )
    return trained(name, method, on)


def adversarial(name: str, on: Setting = STREETS) -> Experiment:
    """Joint training with a discriminator of the probabilities."""
    method = AdversarialMethod(
        network=network(on=on),
        discriminator=models.output_discriminator(on.classes, width=16),
        objective={"source": SOURCE, "target": TARGET},
        steps=JOINT + LONGER,
        levels={"main": Level(weight=ADVERSARIAL_WEIGHT)},
        optimizer=OPTIMIZER,
        discriminator_optimizer=ADAPT_DISCRIMINATOR,
    )
    return trained(name, method, on)


def masked(name: str, on: Setting = STREETS) -> Experiment:
    """A judge of the target alone, then joint training on the source pixels that it is confident of."""
    method = ConfidenceMask(
        network=network(on=on),
        objective={"source": Weighted(CROSS_ENTROPY), "target": TARGET},
        steps=JOINT + LONGER,
        judge_steps=JOINT,
        optimizer=OPTIMIZER,
        judge_optimizer=OPTIMIZER,
    )
    return trained(name, method, on)


def similar(name: str, *, reconstruction: bool = False, on: Setting = STREETS) -> Experiment:
    """HRSelect's W^1 of predictions, with L_rec and L_adv on the features if asked."""
    game = Reconstruction(
        generator=models.generator(on.classes, embedding=(32,), strides=(2,), width=4, noise=0),
        discriminator=models.patchgan(2, width=16),
        generator_optimizer=PLAYER,
        discriminator_optimizer=PLAYER,
    )
    method = HRSelect(
        network=network(on=on),
        weighting=models.unet_weights(on.classes, channels=on.classes, width=16),
        objective={"source": Weighted(CROSS_ENTROPY), "target": TARGET},
        steps=JOINT + LONGER,
        optimizer=OPTIMIZER,
        weighting_optimizer=WEIGHTING_OPTIMIZER,
        reconstruction=game if reconstruction else None,
    )
    return trained(name, method, on)


def redrawn(name: str, on: Setting = STREETS) -> Experiment:
    """PixelDA with the target's labels."""
    method = PixelDA(
        network=network(on=on),
        generator=models.redrawer(width=16, blocks=2),
        discriminator=models.redrawn_discriminator(width=16),
        objective={"source": SOURCE, "target": TARGET},
        steps=JOINT + LONGER,
        weights=PixelDAWeights(adversarial=0.1, content=10.0),
        optimizer=OPTIMIZER,
        generator_optimizer=PLAYER,
        discriminator_optimizer=PLAYER,
    )
    return trained(name, method, on)
