"""CRST from day to dusk with the square of the label (after Zou et al. 2019): soft, sparse labels, three rounds.

    python -m experiments.train configs/dusk/label_l2.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

CRST names no such variant of the label; the rule follows from its problem, and alpha is LRENT's (ours).

Measured: 16.8 ± 10.3 % mIoU on camvid-0001TP/test, 3 seeds, 4.6 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "dusk-label-l2", {"target": Term(losses.SoftCrossEntropy(), domain="target")}, labels="l2", alpha=0.25
    )
