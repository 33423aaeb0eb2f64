"""Self-training from day to dusk with one threshold for all classes (ST in Zou et al. 2018): hard labels, three rounds.

    python -m experiments.train configs/dusk/self_training.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

Measured: 15.1 ± 11.6 % mIoU on camvid-0001TP/test, 3 seeds, 1.4 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "dusk-self-training", {"target": Term(losses.SoftmaxCrossEntropy(), domain="target")}, policy="global"
    )
