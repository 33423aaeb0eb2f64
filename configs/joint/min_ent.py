"""MinEnt with labels of both domains: and the entropy of the target.

    python -m experiments.train configs/joint/min_ent.py

The weight is AdvEnt's 0.001: the target's labels are there, so its entropy needs no more.

Measured: 51.5 ± 2.4 % mIoU on streets-real/test, 3 seeds, 1.9 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import SOURCE, STREETS, TARGET, Setting, baseline
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    entropy = Term(losses.Entropy(normalized=True), weight=0.001, domain="target")
    return baseline("min-ent", {"source": SOURCE, "target": TARGET, "entropy": entropy}, on=on)
