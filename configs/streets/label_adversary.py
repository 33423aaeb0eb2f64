"""Luc et al. (2016): a discriminator that tells predictions from labels, on the labelled domain alone.

    python -m experiments.train configs/streets/label_adversary.py --initialize runs/streets-source/seed0

From the paper: binary cross entropy for both players, the product of label map and image as the discriminator's input.
Ours: its layers (a PatchGAN that sees 34x34 pixels, as the paper's LargeFOV does), both rates, and the weight. Scored
on the real domain too, which it never sees.
"""

import dataclasses

from configs.streets.common import ADAPT, ADAPT_DISCRIMINATOR, ADAPT_STEPS, NETWORK, SOURCE_TERM, base
from jaxseg import models
from jaxseg.methods import LabelAdversary
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = LabelAdversary(
        network=NETWORK,
        discriminator=models.patchgan(channels=3 * 19, layers=2, width=16, norm="batch"),
        objective={"source": SOURCE_TERM},
        steps=ADAPT_STEPS,
        inputs="product",
        optimizer=ADAPT,
        discriminator_optimizer=ADAPT_DISCRIMINATOR,
    )
    return dataclasses.replace(base("streets-label-adversary"), method=method)
