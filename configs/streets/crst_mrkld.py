"""CRST with the model regularised (Zou et al. 2019): hard labels and MRKLD, alpha 0.1, three rounds.

python -m experiments.train configs/streets/crst_mrkld.py --initialize runs/streets-source/seed0

Measured: 35.8 ± 8.0 % mIoU on streets-real/test, 3 seeds, 1.0 minutes a run (median) on 1 x cpu (wasserstein.table3).
"""

from configs.streets.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained("streets-crst-mrkld", Term(losses.MRKLD(alpha=0.1), domain="target"))
