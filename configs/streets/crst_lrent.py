"""CRST with label entropy (Zou et al. 2019): soft labels, alpha 0.25, three rounds.

python -m experiments.train configs/streets/crst_lrent.py --initialize runs/streets-source/seed0

Measured: 33.6 ± 10.9 % mIoU on streets-real/test, 3 seeds, 2.5 minutes a run (median) on 1 x cpu
(wasserstein.table3).
"""

from configs.streets.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "streets-crst-lrent", Term(losses.SoftCrossEntropy(), domain="target"), labels="lrent", alpha=0.25
    )
