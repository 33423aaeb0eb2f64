"""Joint training with an adversary of the network's probabilities.

    python -m experiments.train configs/joint/gan.py

Discriminator and weight are those of `configs/streets/adapt_seg_net.py`.

Measured: 51.5 ± 2.2 % mIoU on streets-real/test, 3 seeds, 2.7 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import STREETS, Setting, adversarial
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return adversarial("gan", on)
