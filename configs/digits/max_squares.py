"""Maximum squares on digits (Chen et al. 2019): source cross entropy and -1/2 sum p^2 on the unlabelled target.

    python -m experiments.train configs/digits/max_squares.py --data.dir DIGITS --target.dir DIGITS

The weight is ours: the paper trains on images of Office-31 and gives none.

Measured: 41.7 ± 1.7 % accuracy on digits-mnist/test, 5 seeds, 1.0 minutes a run (median) on 1 x cpu
(maxsquare.office31).
"""

from configs.digits.common import adapted
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment

WEIGHT = 0.3


def experiment() -> Experiment:
    """The experiment."""
    return adapted("digits-max-squares", Term(losses.MaximumSquares(), weight=WEIGHT, domain="target"))
