"""Maximum squares from day to dusk (Chen et al. 2019).

    python -m experiments.train configs/dusk/max_squares.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

Settings are in `configs/dusk/common.py`.

Measured: 19.7 ± 10.7 % mIoU on camvid-0001TP/test, 3 seeds, 0.8 minutes a run (median) on 1 x cpu (maxsquare.dusk).
"""

from configs.dusk.common import adapted
from configs.streets.common import TARGET_WEIGHT
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    target = Term(losses.MaximumSquares(), weight=TARGET_WEIGHT, domain="target")
    return adapted("dusk-max-squares", {"target": target})
