"""AdvEnt, single-level, from day to dusk (Vu et al. 2019): a discriminator of the weighted self-information.

    python -m experiments.train configs/dusk/advent.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

What is ours is as in `configs/streets/adapt_seg_net.py`.
"""

from configs.dusk.common import adversarial
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adversarial("dusk-advent", maps="self_information")
