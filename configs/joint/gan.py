"""Joint training with an adversary of the network's probabilities.

    python -m experiments.train configs/joint/gan.py

Discriminator and weight are those of `configs/streets/adapt_seg_net.py`.
"""

from configs.joint.common import STREETS, Setting, adversarial
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return adversarial("gan", on)
