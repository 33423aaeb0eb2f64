"""What the experiments on `streets` share: data, network, crop, schedule. All values are ours, chosen for two cores.

Images are drawn at 64x128 and cropped to 64x128 after scaling by 1 to 1.5. The network is the small encoder-decoder of
`models.compact`: ENet learns far less in 300 steps (8 mIoU on its own domain, against 61 for `compact` at width 24).
"""

import dataclasses
from typing import Any

from jaxseg import losses, models
from jaxseg.data import Streets
from jaxseg.data.augment import Augmentation, ScaleCropFlip
from jaxseg.methods import (
    Adam,
    AdversarialMethod,
    Constant,
    Level,
    ObjectiveMethod,
    Optimizer,
    Portions,
    SelfTraining,
    Term,
)
from jaxseg.train import Experiment

SIZE = (64, 128)
PRETRAIN_STEPS, ADAPT_STEPS = 300, 100
PRETRAIN: Optimizer = Adam(learning_rate=4e-3)
ADAPT: Optimizer = Adam(learning_rate=1e-3)
NETWORK = models.compact(19, width=16)
NETWORK_OF_TWO_HEADS = models.compact(19, width=16, aux=True)
TARGET_WEIGHT = 1.0
TARGET_WEIGHT_IW = 1.0
ADVERSARIAL_WEIGHT = 0.01
DISCRIMINATOR = models.output_discriminator(19, width=16)
ADAPT_DISCRIMINATOR: Optimizer = Adam(learning_rate=1e-3, b1=0.9, b2=0.99)
ROUNDS, ROUND_STEPS = 3, 50
ADAPT_ROUND: Optimizer = Adam(learning_rate=5e-4, schedule=Constant())
SYNTHETIC = Streets(domain="synthetic", size=SIZE)
REAL = Streets(domain="real", size=SIZE)
SOURCE_TERM = Term(losses.SoftmaxCrossEntropy())


def augment() -> dict[str, Augmentation]:
    """Random scale, crop and flip."""
    return {"crop": ScaleCropFlip(size=SIZE, scale=(1.0, 1.5))}


def base(name: str) -> Experiment:
    """Source-only training on the synthetic domain, scored on the real one."""
    return Experiment(
        name=name,
        data=SYNTHETIC,
        target=REAL,
        method=ObjectiveMethod(
            network=NETWORK,
            objective={"source": SOURCE_TERM},
            steps=PRETRAIN_STEPS,
            optimizer=PRETRAIN,
        ),
        augment=augment(),
    )


def adapted(name: str, target: Term) -> Experiment:
    """Source cross entropy plus a term on the unlabelled target.

    Give `--initialize` the folder of a source-only run, or set a warm start, to begin as the papers do.
    """
    method = ObjectiveMethod(
        network=NETWORK,
        objective={"source": SOURCE_TERM, "target": target},
        steps=ADAPT_STEPS,
        optimizer=ADAPT,
    )
    return dataclasses.replace(base(name), method=method)


def adversarial(name: str, maps: str) -> Experiment:
    """Source cross entropy and a discriminator of the main head's maps; start as in `adapted`."""
    method = AdversarialMethod(
        network=NETWORK,
        discriminator=DISCRIMINATOR,
        objective={"source": SOURCE_TERM},
        steps=ADAPT_STEPS,
        levels={"main": Level(weight=ADVERSARIAL_WEIGHT)},
        maps=maps,
        optimizer=ADAPT,
        discriminator_optimizer=ADAPT_DISCRIMINATOR,
    )
    return dataclasses.replace(base(name), method=method)


def self_trained(name: str, target: Term, **fields: Any) -> Experiment:
    """Rounds of pseudo-labels on the target and training on them and the source; start as in `adapted`.

    The portions are CRST's on GTA5 to Cityscapes, 20% and 5% more every round; all source images are used. After every
    round it is scored on val.
    """
    method = SelfTraining(
        network=NETWORK,
        objective={"source": SOURCE_TERM, "target": target},
        steps=ROUND_STEPS,
        rounds=ROUNDS,
        portion=Portions(0.2, 0.05, 0.5),
        optimizer=ADAPT_ROUND,
        **fields,
    )
    return dataclasses.replace(base(name), method=method, evaluate_every=ROUND_STEPS)
