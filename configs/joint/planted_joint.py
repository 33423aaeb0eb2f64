"""Direct joint training on the source with planted noise of `planted.py`.

    python -m experiments.train configs/joint/planted_joint.py

The row that learned weights have to beat there.

Measured: 35.6 ± 2.3 % mIoU on streets-real/test, 5 seeds, 1.1 minutes a run (median) on 1 x cpu (metapix.planted).
"""

from configs.joint.common import SOURCE, TARGET, baseline
from configs.joint.planted import NOISY
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return baseline("planted-joint", {"source": SOURCE, "target": TARGET}, on=NOISY)
