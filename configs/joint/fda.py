"""FDA with labels of both domains: the source in the target's amplitudes, and robust entropy on the target.

    python -m experiments.train configs/joint/fda.py

Band and weight as in `configs/streets/fda.py`.

Measured: 54.1 ± 2.2 % mIoU on streets-real/test, 3 seeds, 2.0 minutes a run (median) on 1 x cpu (metapix.table1).
"""

import dataclasses

from configs.joint.common import SOURCE, STREETS, TARGET, Setting, baseline
from configs.streets.fda import BETA, ENTROPY_WEIGHT
from jaxseg import losses
from jaxseg.data.augment import FourierSwap
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    entropy = Term(losses.RobustEntropy(eta=2.0), weight=ENTROPY_WEIGHT, domain="target")
    built = baseline("fda", {"source": SOURCE, "target": TARGET, "entropy": entropy}, on=on)
    return dataclasses.replace(built, translate=FourierSwap(beta=BETA))
