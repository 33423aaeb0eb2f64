"""AdvEnt (Vu et al. 2019), single-level: a discriminator of the weighted self-information -p log2 p / log2 C.

    python -m experiments.train configs/streets/advent.py --initialize runs/streets-source/seed0

Its settings are those of `adapt_seg_net.py`, what is ours included.
"""

from configs.streets.common import adversarial
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adversarial("streets-advent", maps="self_information")
