r"""Cross entropy without a game, from day to dusk: FCN8s+CE of the Conservative loss paper's Table 3.

    python -m experiments.train configs/dusk/conservative_no_game.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

As many steps as the game takes. No network sees the target.

Measured: 8.8 ± 7.9 % mIoU on camvid-0001TP/test, 3 seeds, 0.3 minutes a run (median) on 1 x cpu
(conservative.table3_dusk).
"""

from configs.dusk.common import adapted
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adapted("dusk-conservative-no-game", {})
