"""Learning to reweight images (Ren et al. 2018), with the target's own loss.

    python -m experiments.train configs/joint/reweight.py

Weights of images are made anew in every step; the paper does not train on its clean set, here it is joint training.

Measured: 49.0 ± 2.0 % mIoU on streets-real/test, 3 seeds, 1.6 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import STREETS, Setting, reweighted
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return reweighted("reweight", per="image", on=on)
