"""The Conservative loss paper's game with Eq. 4, a cubic whose root is 1/2: Loss1 of its Table 6.

    python -m experiments.train configs/streets/conservative_loss1.py --initialize runs/streets-source/seed0

The paper does not give lambda_1; here it is 5 e^3 (ours), that of `conservative_loss2.py`.

Measured: 35.0 ± 3.4 % mIoU on streets-real/test, 3 seeds, 0.9 minutes a run (median) on 1 x cpu
(conservative.table6).
"""

from configs.objectives import LOSS_1
from configs.streets.game import game
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("streets-conservative-loss1", LOSS_1)
