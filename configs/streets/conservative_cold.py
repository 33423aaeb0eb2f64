"""Conservative loss (Zhu et al. 2018), cold start: the clamped loss and the game from random weights.

    python -m experiments.train configs/streets/conservative_cold.py

As many steps as source-only training and adaptation take together, at the rate of the former. The paper clamps to 10
and does not say what; here it is the loss before lambda. After it: `--objective.source.loss.clamp-on scaled`.

Measured: 28.2 ± 5.9 % mIoU on streets-real/test, 3 seeds, 12.2 minutes a run (median) on 1 x cpu
(conservative.table5).
"""

from configs.streets.common import ADAPT_STEPS, PRETRAIN, PRETRAIN_STEPS
from configs.streets.game import game
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game(
        "streets-conservative-cold",
        losses.Conservative(clamp=10.0),
        steps=PRETRAIN_STEPS + ADAPT_STEPS,
        optimizer=PRETRAIN,
    )
