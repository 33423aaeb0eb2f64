"""Conservative loss (Zhu et al. 2018), cold start: the clamped loss and the game from random weights.

    python -m experiments.train configs/dusk/conservative_cold.py --data.dir CAMVID --target.dir CAMVID

As many steps as source-only training and adaptation take together, at the rate of the former. The paper clamps to 10
and does not say what; here it is the loss before lambda. After it: `--objective.source.loss.clamp-on scaled`.

Measured: 13.6 ± 18.6 % mIoU on camvid-0001TP/test, 3 seeds, 8.4 minutes a run (median) on 1 x cpu
(conservative.table5_dusk).
"""

from configs.dusk.common import ADAPT_STEPS, PRETRAIN, PRETRAIN_STEPS
from configs.dusk.game import game
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game(
        "dusk-conservative-cold",
        losses.Conservative(clamp=10.0),
        steps=PRETRAIN_STEPS + ADAPT_STEPS,
        optimizer=PRETRAIN,
    )
