"""Control: the dusk passes through the network with weight 0, so only the batch statistics adapt.

    python -m experiments.train configs/dusk/batch_statistics.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

What that alone gains must be known before a loss is credited with it.

Measured: 17.5 ± 10.1 % mIoU on camvid-0001TP/test, 3 seeds, 0.9 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import adapted
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    target = Term(losses.MaximumSquares(), weight=0.0, domain="target")
    return adapted("dusk-batch-statistics", {"target": target})
