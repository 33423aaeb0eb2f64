"""Class-balanced self-training from day to dusk (Zou et al. 2018): a threshold for each class, three rounds.

    python -m experiments.train configs/dusk/cbst.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

Measured: 14.7 ± 13.7 % mIoU on camvid-0001TP/test, 3 seeds, 1.3 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained("dusk-cbst", {"target": Term(losses.SoftmaxCrossEntropy(), domain="target")})
