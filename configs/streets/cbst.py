"""Class-balanced self-training (Zou et al. 2018): hard labels, a threshold for each class, three rounds.

python -m experiments.train configs/streets/cbst.py --initialize runs/streets-source/seed0

Measured: 35.4 ± 10.0 % mIoU on streets-real/test, 3 seeds, 1.0 minutes a run (median) on 1 x cpu
(wasserstein.table3).
"""

from configs.streets.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained("streets-cbst", Term(losses.SoftmaxCrossEntropy(), domain="target"))
