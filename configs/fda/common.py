"""What the recipes of Fourier domain adaptation share (Yang and Soatto, CVPR 2020)."""

import dataclasses

from configs.street_recipes import CITYSCAPES_SIZE, GTA5_SIZE, recipe, resized, sgd
from jaxseg import losses
from jaxseg.data import GTA5, Cityscapes
from jaxseg.data.augment import FourierSwap, RandomCrop
from jaxseg.methods import SGD, Method, Summand, Term
from jaxseg.train import Experiment

STEPS, COUNTED = 100_000, 150_000
SCORED = (576, 1344)
"""Height and width of the images that are scored: distorted, as in the released code."""
LABEL_SCALE = 0.5
"""Of the target's images, when they are labelled: 512x1024 of 1024x2048, as in the released code."""


def optimizer() -> SGD:
    """The schedule counts to 150,000 and is stopped at 100,000; batch-norm scales and biases are held fixed."""
    return sgd(stretch=COUNTED / STEPS, norm=False)


def objective() -> dict[str, Summand]:
    """Cross entropy of the source in the target's style, and the robust entropy of the target."""
    return {
        "source": Term(losses.SoftmaxCrossEntropy()),
        "target": Term(losses.RobustEntropy(eta=2.0), weight=0.005, domain="target"),
    }


def transferred(name: str, method: Method) -> Experiment:
    """Source crops of 512x1024 from 720x1280, in the style of target images resized to that."""
    augment = {**resized(), "crop": RandomCrop(size=CITYSCAPES_SIZE)}
    built = recipe(name, GTA5(resize=GTA5_SIZE), Cityscapes(), method, augment, size=SCORED)
    return dataclasses.replace(built, translate=FourierSwap(beta=0.01))
