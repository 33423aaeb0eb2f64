"""Joint training with focal loss on both domains.

    python -m experiments.train configs/joint/focal.py

Gamma 2, focal loss's own; no recipe is published for this row of the paper's table.

Measured: 49.9 ± 2.0 % mIoU on streets-real/test, 3 seeds, 1.3 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import STREETS, Setting, baseline
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    focal = losses.Focal(gamma=2.0)
    return baseline("focal", {"source": Term(focal), "target": Term(focal, domain="target")}, on=on)
