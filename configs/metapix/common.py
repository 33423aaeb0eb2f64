"""What the recipes of the MetaPix paper's tables share (Jian and Gao, Image and Vision Computing 2021).

Adam 1e-4 with betas 0.9 and 0.999, poly with power 0.9, one image a domain and step, both domains at 512x1024, the
target alone mirrored (the released code), 150,000 steps of joint training. FCN-8s as in the released code. Its weights
are torchvision's VGG-16, and its input here is what these were trained with; the released code feeds them Caffe's BGR
less the mean. The score layers start at 0, where the released code takes 19 rows of ImageNet's classifier.

GTA5 and SYNTHIA are prepared at 512x1024, bicubically; Cityscapes is resized on the device, and scored at 1024x2048 on
the last checkpoint. `--target.resize 512 1024` scores as the released code does, at 512x1024, where the best snapshot
on the validation images is reported.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configs.street_recipes import CITYSCAPES_SIZE, recipe
from jaxseg import losses, models
from jaxseg.data import GTA5, Cityscapes, DataSet, Synthia
from jaxseg.data.augment import Augmentation, Mirror, Resize
from jaxseg.methods import Adam, MetaPix, Method, ObjectiveMethod, Optimizer, Poly, Summand, Term, WarmStart
from jaxseg.models import Network
from jaxseg.models.network import IMAGENET_NORMALIZATION
from jaxseg.train import Experiment

WEIGHTS = Path("vgg16-397923af.pth")
"""torchvision's VGG-16, trained on ImageNet."""
JOINT, META, WEIGHTED, GENERATIONS = 150_000, 10_000, 15_000, 3
LONGER = GENERATIONS * WEIGHTED
"""The steps that theta takes after joint training."""
OPTIMIZER: Optimizer = Adam(learning_rate=1e-4, b1=0.9, b2=0.999, schedule=Poly(power=0.9))
CROSS_ENTROPY = losses.SoftmaxCrossEntropy()
SOURCE, TARGET = Term(CROSS_ENTROPY), Term(CROSS_ENTROPY, domain="target")


def network(split: int, **options: Any) -> Network:
    """FCN-8s with the first `split` blocks apart."""
    return models.fcn8s(19, variant="metapix", split=split, normalization=IMAGENET_NORMALIZATION, **options)


def augment() -> dict[str, Augmentation]:
    """Target images at the source's size, half of them mirrored."""
    return {
        "resize": Resize(size=CITYSCAPES_SIZE, domain="target"),
        "mirror": Mirror(probability=0.5, domain="target"),
    }


def trained(name: str, method: Method) -> Experiment:
    """Training on labelled GTA5 and labelled Cityscapes."""
    data, target = GTA5(resize=CITYSCAPES_SIZE), Cityscapes()
    return recipe(name, data, target, method, augment(), weights=WEIGHTS)


def from_synthia(experiment: Experiment) -> Experiment:
    """The same with SYNTHIA in place of GTA5.

    The released code gives SYNTHIA's ids all of the 19 classes, of which terrain, truck and train have no pixels, and
    lane markings none. All 9,400 images are for training, as in the paper.
    """
    data: DataSet = Synthia(resize=CITYSCAPES_SIZE, classes=19, lane_marking="ignore", all_train=True)
    return dataclasses.replace(experiment, name=experiment.name.replace("gta5", "synthia"), data=data)


def baseline(
    name: str,
    objective: Mapping[str, Summand],
    *,
    steps: int = JOINT,
    split: int = 0,
    warm_start: WarmStart | None = None,
) -> Experiment:
    """A row without learned weights; no recipe is published, so it is that of joint training."""
    method = ObjectiveMethod(
        network=network(split), objective=objective, steps=steps, optimizer=OPTIMIZER, warm_start=warm_start
    )
    return trained(name, method)


def metapix(name: str, per: str = "pixel", **fields: Any) -> Experiment:
    """MetaPix with one weight a pixel, or one a class."""
    method = MetaPix(
        network=network(split=1),
        weighting=models.unet_weights(19, per=per),
        joint_steps=JOINT,
        meta_steps=META,
        weighted_steps=WEIGHTED,
        generations=GENERATIONS,
        optimizer=OPTIMIZER,
    )
    return trained(name, dataclasses.replace(method, **fields))
