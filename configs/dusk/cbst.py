"""Class-balanced self-training from day to dusk (Zou et al. 2018): a threshold for each class, three rounds.

    python -m experiments.train configs/dusk/cbst.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0
"""

from configs.dusk.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained("dusk-cbst", {"target": Term(losses.SoftmaxCrossEntropy(), domain="target")})
