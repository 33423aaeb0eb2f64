"""AdaptSegNet, single-level, from day to dusk (Tsai et al. 2018): a discriminator of the probabilities.

    python -m experiments.train configs/dusk/adapt_seg_net.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

What is ours is as in `configs/streets/adapt_seg_net.py`.

Measured: 19.0 ± 10.1 % mIoU on camvid-0001TP/test, 3 seeds, 1.4 minutes a run (median) on 1 x cpu (maxsquare.dusk).
"""

from configs.dusk.common import adversarial
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adversarial("dusk-adapt-seg-net", maps="probabilities")
