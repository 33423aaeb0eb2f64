"""Joint training and then more of it, without weights: the control of the paper's Table 3.

    python -m experiments.train configs/joint/longer.py

The optimiser and its schedule begin afresh for the second part.

Measured: 51.0 ± 2.2 % mIoU on streets-real/test, 3 seeds, 1.4 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import JOINT, LONGER, OPTIMIZER, SOURCE, STREETS, TARGET, Setting, baseline
from jaxseg.methods import WarmStart
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    objective = {"source": SOURCE, "target": TARGET}
    first = WarmStart(steps=JOINT, objective=objective, optimizer=OPTIMIZER)
    return baseline("longer", objective, steps=LONGER, warm_start=first, on=on)
