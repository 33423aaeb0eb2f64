"""The Conservative loss paper's game with the focal loss, alpha 5 and gamma 2: FL of its Table 6.

    python -m experiments.train configs/streets/conservative_focal.py --initialize runs/streets-source/seed0

The game is that of `conservative.py`.

Measured: 34.7 ± 8.6 % mIoU on streets-real/test, 3 seeds, 1.2 minutes a run (median) on 1 x cpu
(conservative.table6).
"""

from configs.objectives import FOCAL
from configs.streets.game import game
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("streets-conservative-focal", FOCAL)
