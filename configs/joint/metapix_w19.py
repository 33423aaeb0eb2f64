"""MetaPix W^19: one learned weight for every source pixel and class.

    python -m experiments.train configs/joint/metapix_w19.py

As `metapix.py` otherwise.

Measured: 49.9 ± 2.6 % mIoU on streets-real/test, 3 seeds, 4.0 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import STREETS, Setting, metapix
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return metapix("metapix-w19", per="class", on=on)
