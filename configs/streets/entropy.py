"""Entropy minimisation (MinEnt of Vu et al. 2019): source cross entropy and the entropy of unlabelled target pixels.

    python -m experiments.train configs/streets/entropy.py --initialize runs/streets-source/seed0

The entropy is divided by log C, as ADVENT's, whose weight for a network pretrained on ImageNet alone is 0.001. The
weight here is ours, not tuned: at 1 / 2 a pixel may lose as much as it may under `max_squares`, from 0 to -1 / 2.

Measured: 43.1 ± 1.4 % mIoU on streets-real/test, 3 seeds, 0.4 minutes a run (median) on 1 x cpu (maxsquare.gta5).
"""

from configs.streets.common import TARGET_WEIGHT, adapted
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adapted("streets-entropy", Term(losses.Entropy(), weight=TARGET_WEIGHT / 2, domain="target"))
