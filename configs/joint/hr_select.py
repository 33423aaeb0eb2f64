"""HRSelect-W^1: source pixels weighted by how similar their prediction is to the target's.

    python -m experiments.train configs/joint/hr_select.py

The weighting network sees predictions, and learns in every step beside the other; rates are ours.

Measured: 48.6 ± 3.1 % mIoU on streets-real/test, 3 seeds, 4.8 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import STREETS, Setting, similar
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return similar("hr-select", on=on)
