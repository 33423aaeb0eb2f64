"""Learning to reweight images (Ren et al. 2018), with the target's own loss.

    python -m experiments.train configs/joint/reweight.py

Weights of images are made anew in every step; the paper does not train on its clean set, here it is joint training.
"""

from configs.joint.common import STREETS, Setting, reweighted
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return reweighted("reweight", per="image", on=on)
