"""Class-balanced self-training (Zou et al. 2018): hard labels, a threshold for each class, three rounds.

python -m experiments.train configs/streets/cbst.py --initialize runs/streets-source/seed0
"""

from configs.streets.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained("streets-cbst", Term(losses.SoftmaxCrossEntropy(), domain="target"))
