"""AdvEnt, single-level, from day to dusk (Vu et al. 2019): a discriminator of the weighted self-information.

    python -m experiments.train configs/dusk/advent.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

What is ours is as in `configs/streets/adapt_seg_net.py`.

Measured: 19.7 ± 8.9 % mIoU on camvid-0001TP/test, 3 seeds, 1.1 minutes a run (median) on 1 x cpu (maxsquare.dusk).
"""

from configs.dusk.common import adversarial
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adversarial("dusk-advent", maps="self_information")
