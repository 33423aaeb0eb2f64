"""Direct joint training: cross entropy of both domains, unweighted, 450 steps.

    python -m experiments.train configs/joint/joint.py

The row that learned weights have to beat.

Measured: 51.4 ± 2.4 % mIoU on streets-real/test, 3 seeds, 1.5 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import SOURCE, STREETS, TARGET, Setting, baseline
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return baseline("joint", {"source": SOURCE, "target": TARGET}, on=on)
