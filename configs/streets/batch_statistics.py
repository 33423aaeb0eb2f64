"""Control: the target passes through the network with weight 0, so only the batch statistics adapt.

    python -m experiments.train configs/streets/batch_statistics.py --initialize runs/streets-source/seed0

In training the released methods of this family forward target images through batch normalisation. What that alone gains
must be known before a loss is credited with it (AdaptSegNet's users found 41 against 36 mIoU on GTA5 to Cityscapes).

Measured: 41.8 ± 1.5 % mIoU on streets-real/test, 3 seeds, 0.3 minutes a run (median) on 1 x cpu (wasserstein.table3).
"""

from configs.streets.common import adapted
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adapted("streets-batch-statistics", Term(losses.MaximumSquares(), weight=0.0, domain="target"))
