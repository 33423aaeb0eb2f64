"""AdvEnt (Vu et al. 2019), single-level: a discriminator of the weighted self-information -p log2 p / log2 C.

    python -m experiments.train configs/streets/advent.py --initialize runs/streets-source/seed0

Its settings are those of `adapt_seg_net.py`, what is ours included.

Measured: 42.7 ± 1.1 % mIoU on streets-real/test, 3 seeds, 1.0 minutes a run (median) on 1 x cpu (maxsquare.gta5).
"""

from configs.streets.common import adversarial
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adversarial("streets-advent", maps="self_information")
