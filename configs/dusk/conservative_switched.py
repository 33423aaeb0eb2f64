r"""The Conservative loss paper's game with what its text describes (ours): above p = 1/a the gradient is ascended.

    python -m experiments.train configs/dusk/conservative_switched.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

In no table of the paper; its own loss never ascends. The game is that of `conservative.py`.

Measured: 10.3 ± 8.4 % mIoU on camvid-0001TP/test, 3 seeds, 1.2 minutes a run (median) on 1 x cpu
(conservative.table6_dusk).
"""

from configs.dusk.game import game
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("dusk-conservative-switched", losses.ConservativeSwitched())
