"""The Wasserstein loss L_d (Liu et al. 2020) on labelled real streets, after cross entropy.

    python -m experiments.train configs/streets/real_linear.py --initialize runs/streets-oracle/seed0

Settings are those of `configs/streets/supervised.py`. The ground metric is that of `configs/transport.py`.
"""

from configs.streets.common import REAL
from configs.streets.supervised import tuned
from configs.transport import labelled, linear
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("linear", labelled(REAL.labels, linear))
