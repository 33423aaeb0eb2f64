"""What the recipes of self-training share (CBST: Zou et al., ECCV 2018; CRST: Zou et al., ICCV 2019).

Every step has one image of the source and one of the target, where the released codes draw two from one list of both;
a round is two passes over the target, 2,975 images of Cityscapes. CRST's code lists 505 of these and takes both its
labels and its batches from them; its paper has all. Of GTA5 its code lists 19,984 images, of which 3% are 599; here
all 24,966 are the source's, in the training before the rounds, too. Learning rates are constant in a round (poly with
power 0 in CRST).

Scales are relative to the image as it is. They are drawn uniformly, in CRST in steps of 0.1. What a crop does not
cover is grey, there the mean colour. Every class that is rare may be cropped around; CBST looks at the three rarest
alone.

Scores are of the image as it is, at one scale; CRST averages the logits of 0.9, 1 and 1.2 and of mirror images, and
`--evaluation.scales 0.9 1 1.2 --evaluation.flip` the softmax of these.
"""

import dataclasses
from pathlib import Path
from typing import Any

from configs.scales import scaled
from configs.street_recipes import recipe
from jaxseg import losses, models
from jaxseg.data import DataSet
from jaxseg.data.augment import Augmentation, RareCentre
from jaxseg.methods import SGD, Constant, Groups, ObjectiveMethod, Portions, SelfTraining, Term
from jaxseg.models import Network
from jaxseg.models.network import IMAGENET_NORMALIZATION
from jaxseg.train import Experiment

GTA5_SIZE, SYNTHIA_SIZE, CITYSCAPES_SIZE = (1052, 1914), (760, 1280), (1024, 2048)
"""Height and width of the images as they are; those of GTA5 differ by some pixels and are brought to one size."""

CROP_GTA5, CROP_SYNTHIA, CROP_CBST = (512, 1024), (600, 900), (500, 500)
TARGET_IMAGES, CITY_IMAGES, PASSES = 2975, 3200, 2
"""Images for training of Cityscapes and of one city of NTHU, and passes over them in a round."""

STEPS, STEPS_CITY = PASSES * TARGET_IMAGES, PASSES * CITY_IMAGES
LABEL_SCALE, LABEL_SCALE_CBST = 0.9, 1850 / 2048
SOURCE = Term(losses.SoftmaxCrossEntropy())
HARD = Term(losses.SoftmaxCrossEntropy(), domain="target")
SOFT = Term(losses.SoftCrossEntropy(), domain="target")
MRKLD = Term(losses.MRKLD(alpha=0.1), domain="target")
"""With `average="released"`, since this alpha is that of CRST's code."""


def network(classes: int) -> Network:
    """DeepLabv2 with one head; batch normalisation as it was trained, input as CRST's code has it."""
    return models.deeplab_v2(classes, batch_norm="frozen", normalization=IMAGENET_NORMALIZATION)


def crops(
    crop: tuple[int, int],
    source: tuple[int, int],
    of_source: tuple[float, float],
    of_target: tuple[float, float],
) -> dict[str, Augmentation]:
    """Crops of both domains; the target's around rare classes with probability 0.8."""
    centre = RareCentre(probability=0.8, share=1e-3)
    return {
        "source_crop": scaled(crop, source, of_source, "source"),
        "target_crop": scaled(crop, CITYSCAPES_SIZE, of_target, "target", centre),
    }


def crops_of_gta5() -> dict[str, Augmentation]:
    """CRST's from GTA5."""
    return crops(CROP_GTA5, GTA5_SIZE, (0.5, 1.5), (0.5, 1.5))


def crops_of_synthia() -> dict[str, Augmentation]:
    """CRST's from SYNTHIA."""
    return crops(CROP_SYNTHIA, SYNTHIA_SIZE, (0.8, 1.2), (0.6, 1.5))


def sgd(rate: float) -> SGD:
    """Momentum 0.9, weight decay 5e-4, heads at ten times the rate, batch-norm scales and biases held fixed."""
    return SGD(
        learning_rate=rate,
        momentum=0.9,
        weight_decay=5e-4,
        schedule=Constant(),
        groups=Groups(head=10.0, norm=0.0),
    )


def pretrained(name: str, data: DataSet, target: DataSet, classes: int, size: tuple[int, int]) -> Experiment:
    """CRST's training on the source, from which the rounds start: 100,000 steps of four crops of 500x500."""
    method = ObjectiveMethod(
        network=network(classes),
        objective={"source": SOURCE},
        steps=100_000,
        optimizer=dataclasses.replace(sgd(2.5e-4), schedule=SGD().schedule),
    )
    augment = {"crop": scaled((500, 500), size, (0.5, 1.5), "source")}
    return recipe(name, data, target, method, augment, batch=4, size=CITYSCAPES_SIZE)


def rounds(
    name: str,
    data: DataSet,
    target: DataSet,
    labelled: Term,
    augment: dict[str, Augmentation],
    **fields: Any,
) -> Experiment:
    """Self-training from a network that `pretrained` has trained.

    Args:
      name: of the experiment.
      data: the source.
      target: the target.
      labelled: the term on the target's labels.
      augment: crops.
      fields: of `SelfTraining` that are not CRST's on GTA5 to Cityscapes.
    """
    source_start = 0.03 if data.name == "gta5" else 0.02
    given: dict[str, Any] = {
        "network": network(target.labels.classes),
        "objective": {"source": SOURCE, "target": labelled},
        "steps": STEPS,
        "rounds": 3,
        "optimizer": sgd(5e-5),
        "portion": Portions(0.2, 0.05, 0.5),
        "source_share": Portions(source_start, 0.0025, 0.06),
        "source_draw": "new",
        "scales": (LABEL_SCALE,),
        "flip": True,
    }
    method = SelfTraining(**(given | fields))
    start = Path(f"runs/{data.name}-crst-source/seed0")
    built = recipe(name, data, target, method, augment, size=CITYSCAPES_SIZE, weights=start)
    return dataclasses.replace(built, initialize_head=True, evaluate_every=method.steps)


CBST: dict[str, Any] = {
    "rounds": 6,
    "optimizer": sgd(1e-4),
    "round_rate": 0.5**0.5,
    "source_draw": "nested",
    "scales": (LABEL_SCALE_CBST,),
}
"""CBST's own fields: six rounds, the rate divided by sqrt(2) from one to the next, ever more source images."""
