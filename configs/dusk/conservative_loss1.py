r"""The Conservative loss paper's game with Eq. 4, a cubic whose root is 1/2: Loss1 of its Table 6, from day to dusk.

    python -m experiments.train configs/dusk/conservative_loss1.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

The paper does not give lambda_1; here it is 5 e^3 (ours), that of `conservative_loss2.py`.

Measured: 16.6 ± 7.6 % mIoU on camvid-0001TP/test, 3 seeds, 1.6 minutes a run (median) on 1 x cpu
(conservative.table6_dusk).
"""

from configs.dusk.game import game
from configs.objectives import LOSS_1
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("dusk-conservative-loss1", LOSS_1)
