"""Source only: cross entropy on synthetic streets, scored on real ones. The lower bound of every adaptation table.

python -m experiments.train configs/streets/source.py
"""

from configs.streets.common import base
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return base("streets-source")
