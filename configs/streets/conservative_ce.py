"""The Conservative loss paper's game with cross entropy: GAN+CE of its Tables 3, 4 and 6.

    python -m experiments.train configs/streets/conservative_ce.py --initialize runs/streets-source/seed0

The game is that of `conservative.py`.

Measured: 25.7 ± 20.3 % mIoU on streets-real/test, 3 seeds, 8.0 minutes a run (median) on 1 x cpu
(conservative.table3).
"""

from configs.streets.game import game
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("streets-conservative-ce", losses.SoftmaxCrossEntropy())
