"""CRST from day to dusk with label entropy (Zou et al. 2019): soft labels, alpha 0.25, three rounds.

    python -m experiments.train configs/dusk/crst_lrent.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

Measured: 13.5 ± 9.9 % mIoU on camvid-0001TP/test, 3 seeds, 2.0 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "dusk-crst-lrent",
        {"target": Term(losses.SoftCrossEntropy(), domain="target")},
        labels="lrent",
        alpha=0.25,
    )
