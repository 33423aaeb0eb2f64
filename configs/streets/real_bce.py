"""Sigmoid cross entropy, one classifier a class, on labelled real streets.

    python -m experiments.train configs/streets/real_bce.py

Settings are those of `configs/streets/supervised.py`.
"""

from configs.objectives import binary
from configs.streets.supervised import trained
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("bce", binary())
