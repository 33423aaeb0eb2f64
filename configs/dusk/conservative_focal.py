r"""The Conservative loss paper's game with the focal loss, alpha 5 and gamma 2: FL of its Table 6, from day to dusk.

    python -m experiments.train configs/dusk/conservative_focal.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

The game is that of `conservative.py`.

Measured: 14.9 ± 2.0 % mIoU on camvid-0001TP/test, 3 seeds, 1.8 minutes a run (median) on 1 x cpu
(conservative.table6_dusk).
"""

from configs.dusk.game import game
from configs.objectives import FOCAL
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("dusk-conservative-focal", FOCAL)
