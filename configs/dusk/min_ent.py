"""Entropy minimisation from day to dusk (MinEnt, Vu et al. 2019): the normalised entropy of the target.

    python -m experiments.train configs/dusk/min_ent.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

The weight is the one that maximum squares has, twice that of `configs/streets/entropy.py`: neither was chosen here.

Measured: 19.2 ± 10.9 % mIoU on camvid-0001TP/test, 3 seeds, 1.1 minutes a run (median) on 1 x cpu (maxsquare.dusk).
"""

from configs.dusk.common import adapted
from configs.streets.common import TARGET_WEIGHT
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    target = Term(losses.Entropy(), weight=TARGET_WEIGHT, domain="target")
    return adapted("dusk-min-ent", {"target": target})
