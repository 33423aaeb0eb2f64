"""Oracle: the same training on labelled real streets. The upper bound of every adaptation table.

python -m experiments.train configs/streets/oracle.py
"""

import dataclasses

from configs.streets.common import REAL, base
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return dataclasses.replace(base("streets-oracle"), data=REAL, target=None)
