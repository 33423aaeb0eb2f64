"""The Conservative loss paper's game with Eq. 5, a cubic whose root is 1/e: Loss2 of its Table 6.

    python -m experiments.train configs/streets/conservative_loss2.py --initialize runs/streets-source/seed0

The paper does not give lambda_2; with 5 e^3 (ours) the cubic is 5 CL near its root.

Measured: 30.9 ± 8.5 % mIoU on streets-real/test, 3 seeds, 1.5 minutes a run (median) on 1 x cpu
(conservative.table6).
"""

from configs.objectives import LOSS_2
from configs.streets.game import game
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("streets-conservative-loss2", LOSS_2)
