"""Conservative loss (Zhu et al. 2018), warm start: the game and the loss with a = e, lambda = 5.

    python -m experiments.train configs/streets/conservative.py --initialize runs/streets-source/seed0

The setting of all main results of the paper.

Measured: 34.8 ± 4.6 % mIoU on streets-real/test, 3 seeds, 2.0 minutes a run (median) on 1 x cpu
(conservative.table1).
"""

from configs.streets.game import game
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("streets-conservative", losses.Conservative())
