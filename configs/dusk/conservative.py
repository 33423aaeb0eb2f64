r"""Conservative loss (Zhu et al. 2018), warm start: the game and the loss with a = e, lambda = 5, from day to dusk.

    python -m experiments.train configs/dusk/conservative.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

The setting of all main results of the paper.

Measured: 13.4 ± 11.6 % mIoU on camvid-0001TP/test, 3 seeds, 3.1 minutes a run (median) on 1 x cpu
(conservative.table2).
"""

from configs.dusk.game import game
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("dusk-conservative", losses.Conservative())
