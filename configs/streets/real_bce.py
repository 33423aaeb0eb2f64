"""Sigmoid cross entropy, one classifier a class, on labelled real streets.

    python -m experiments.train configs/streets/real_bce.py

Settings are those of `configs/streets/supervised.py`.

Measured: 37.1 ± 4.6 % mIoU on streets-real/test, 3 seeds, 0.8 minutes a run (median) on 1 x cpu (structural.table6).
"""

from configs.objectives import binary
from configs.streets.supervised import trained
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("bce", binary())
