"""CRST from day to dusk with the model regularised (Zou et al. 2019): hard labels and MRKLD, alpha 0.1, three rounds.

    python -m experiments.train configs/dusk/crst_mrkld.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

Measured: 14.1 ± 13.0 % mIoU on camvid-0001TP/test, 3 seeds, 1.4 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained("dusk-crst-mrkld", {"target": Term(losses.MRKLD(alpha=0.1), domain="target")})
