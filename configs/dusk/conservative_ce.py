r"""The Conservative loss paper's game with cross entropy: GAN+CE of its Tables 3, 4 and 6, from day to dusk.

    python -m experiments.train configs/dusk/conservative_ce.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

The game is that of `conservative.py`.

Measured: 11.8 ± 9.8 % mIoU on camvid-0001TP/test, 3 seeds, 2.5 minutes a run (median) on 1 x cpu
(conservative.table3_dusk).
"""

from configs.dusk.game import game
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("dusk-conservative-ce", losses.SoftmaxCrossEntropy())
