"""Cross entropy without a game: FCN8s+CE of the Conservative loss paper's Table 3, for as many steps as the game takes.

    python -m experiments.train configs/streets/conservative_no_game.py --initialize runs/streets-source/seed0

No network sees the target. Beside `configs/streets/source.py` it shows what the further steps on the source do.

Measured: 29.0 ± 1.9 % mIoU on streets-real/test, 3 seeds, 1.1 minutes a run (median) on 1 x cpu
(conservative.table3).
"""

import dataclasses

from configs.streets.common import ADAPT, ADAPT_STEPS, NETWORK, SOURCE_TERM, base
from jaxseg.methods import ObjectiveMethod
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = ObjectiveMethod(NETWORK, {"source": SOURCE_TERM}, ADAPT_STEPS, ADAPT)
    return dataclasses.replace(base("streets-conservative-no-game"), method=method)
