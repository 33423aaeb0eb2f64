"""Oracle: the same training on labelled real streets. The upper bound of every adaptation table.

python -m experiments.train configs/streets/oracle.py

Measured: 48.1 ± 3.8 % mIoU on streets-real/test, 3 seeds, 0.6 minutes a run (median) on 1 x cpu (wasserstein.table1).
"""

import dataclasses

from configs.streets.common import REAL, base
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return dataclasses.replace(base("streets-oracle"), data=REAL, target=None)
