"""Source only: cross entropy on synthetic streets, scored on real ones. The lower bound of every adaptation table.

python -m experiments.train configs/streets/source.py

Measured: 28.0 ± 3.6 % mIoU on streets-real/test, 3 seeds, 0.4 minutes a run (median) on 1 x cpu (wasserstein.table3).
"""

from configs.streets.common import base
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return base("streets-source")
