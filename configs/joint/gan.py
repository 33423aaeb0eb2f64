"""Joint training with an adversary of the network's probabilities.

    python -m experiments.train configs/joint/gan.py

Discriminator and weight are those of `configs/streets/adapt_seg_net.py`.
"""

from configs.joint.common import adversarial
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adversarial("joint-gan")
