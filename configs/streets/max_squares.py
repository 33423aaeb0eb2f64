"""Maximum squares (Chen et al. 2019): source cross entropy and -1/2 sum p^2 on the unlabelled target.

python -m experiments.train configs/streets/max_squares.py --initialize runs/streets-source/seed0

Measured: 43.4 ± 1.6 % mIoU on streets-real/test, 3 seeds, 0.4 minutes a run (median) on 1 x cpu (maxsquare.gta5).
"""

from configs.streets.common import TARGET_WEIGHT, adapted
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adapted(
        "streets-max-squares", Term(losses.MaximumSquares(), weight=TARGET_WEIGHT, domain="target")
    )
