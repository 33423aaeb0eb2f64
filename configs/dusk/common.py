"""What the experiments from day to dusk on CamVid share: data, network, crop, jitter, schedule. All values are ours.

    python -m experiments.train configs/dusk/source.py --data.dir CAMVID --target.dir CAMVID
    python -m experiments.train configs/dusk/max_squares.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0
    python -m experiments.evaluate runs/dusk-max-squares/seed0 --split test

The source is the train images of the day sequences 0016E5 and 0006R0, with labels; the target the 62 train images
of the dusk sequence 0001TP, without. Figures are those of the 62 test images of 0001TP, labels at their 360x480.
There is nothing to choose settings on: val has no image of the dusk. So weights and rates are those of
`configs/streets`, where they were chosen on a val split; MinEnt's weight alone is twice that of its row there.

Photometric jitter decides how much of a shift in brightness is left to adapt to. It is off here and is turned on
for any of these, the source-only run first of all, by the same options (`JITTER`):

    --augment.color.brightness 0.5 --augment.color.contrast 0.5

with a name of its own, such as `--name dusk-source-jitter`. It is the same for every method: the mean teacher's
mixed images have no jitter beyond it.

The network has an auxiliary head for multi-level guidance; every run trains it with the weight 0.1, so that one
source-only run starts them all. 300 steps on the source and 100 of adaptation, 96x128 pixels, two CPU cores.

Self-training takes three rounds of 50 steps. Its labels are made at the scale of training, 96x128, and brought to
360x480; the target's terms are on the main head. Without a val image of the dusk, no round but the last is scored.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from configs.streets.common import (
    ADAPT,
    ADAPT_DISCRIMINATOR,
    ADAPT_ROUND,
    ADAPT_STEPS,
    ADVERSARIAL_WEIGHT,
    PRETRAIN,
    PRETRAIN_STEPS,
    ROUND_STEPS,
    ROUNDS,
)
from jaxseg import losses, models
from jaxseg.data import CamVid
from jaxseg.data.augment import Augmentation, ColorJitter, ScaleCropFlip
from jaxseg.methods import AdversarialMethod, Level, ObjectiveMethod, Portions, SelfTraining, Summand, Term
from jaxseg.train import EvaluationProtocol, Experiment

SIZE, NATIVE = (96, 128), (360, 480)
DAY = CamVid(sequences=("0016E5", "0006R0"))
DUSK = CamVid(sequences=("0001TP",))
NETWORK = models.compact(11, width=16, aux=True)
DISCRIMINATOR = models.output_discriminator(11, width=16)
AUX = 0.1
JITTER = ("--augment.color.brightness", "0.5", "--augment.color.contrast", "0.5")


def source() -> dict[str, Term]:
    """Cross entropy of both heads on the source."""
    return {
        "source": Term(losses.SoftmaxCrossEntropy()),
        "source_aux": Term(losses.SoftmaxCrossEntropy(), weight=AUX, head="aux"),
    }


def augment() -> dict[str, Augmentation]:
    """Random scale, crop and flip; the jitter, off."""
    return {
        "crop": ScaleCropFlip(size=SIZE, scale=(1.0, 1.5)),
        "color": ColorJitter(brightness=0.0, contrast=0.0, saturation=0.0),
    }


def base(name: str) -> Experiment:
    """Source-only training by day, scored at dusk."""
    return Experiment(
        name=name,
        data=DAY,
        target=DUSK,
        method=ObjectiveMethod(network=NETWORK, objective=source(), steps=PRETRAIN_STEPS, optimizer=PRETRAIN),
        augment=augment(),
        evaluation=EvaluationProtocol(size=SIZE),
    )


def adapted(name: str, target: Mapping[str, Summand]) -> Experiment:
    """The source's cross entropy plus terms on the unlabelled target."""
    method = ObjectiveMethod(
        network=NETWORK, objective={**source(), **target}, steps=ADAPT_STEPS, optimizer=ADAPT
    )
    return dataclasses.replace(base(name), method=method)


def adversarial(name: str, maps: str) -> Experiment:
    """The source's cross entropy and a discriminator of the main head's maps."""
    method = AdversarialMethod(
        network=NETWORK,
        discriminator=DISCRIMINATOR,
        objective=source(),
        steps=ADAPT_STEPS,
        levels={"main": Level(weight=ADVERSARIAL_WEIGHT)},
        maps=maps,
        optimizer=ADAPT,
        discriminator_optimizer=ADAPT_DISCRIMINATOR,
    )
    return dataclasses.replace(base(name), method=method)


def self_trained(name: str, target: Mapping[str, Summand], **fields: Any) -> Experiment:
    """Rounds of pseudo-labels on the target and training on them and the source; portions as in `configs/streets`."""
    method = SelfTraining(
        network=NETWORK,
        objective={**source(), **target},
        steps=ROUND_STEPS,
        rounds=ROUNDS,
        portion=Portions(0.2, 0.05, 0.5),
        scales=(SIZE[0] / NATIVE[0],),
        optimizer=ADAPT_ROUND,
        **fields,
    )
    return dataclasses.replace(base(name), method=method)
