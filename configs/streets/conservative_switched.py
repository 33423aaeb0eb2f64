"""The Conservative loss paper's game with what its text describes (ours): above p = 1/a the gradient is ascended.

    python -m experiments.train configs/streets/conservative_switched.py --initialize runs/streets-source/seed0

In no table of the paper; its own loss never ascends. The game is that of `conservative.py`.

Measured: 26.3 ± 7.1 % mIoU on streets-real/test, 3 seeds, 1.1 minutes a run (median) on 1 x cpu
(conservative.table6).
"""

from configs.streets.game import game
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("streets-conservative-switched", losses.ConservativeSwitched())
