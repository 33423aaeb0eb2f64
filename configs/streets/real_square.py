"""The Wasserstein loss L_d2 (Liu et al. 2020) on labelled real streets, after cross entropy.

    python -m experiments.train configs/streets/real_square.py --initialize runs/streets-oracle/seed0

Settings are those of `configs/streets/supervised.py`. The ground metric is that of `configs/transport.py`.

Measured: 41.6 ± 3.6 % mIoU on streets-real/test, 3 seeds, 0.2 minutes a run (median) on 1 x cpu (wasserstein.table1).
"""

from configs.streets.common import REAL
from configs.streets.supervised import tuned
from configs.transport import labelled, square
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("square", labelled(REAL.labels, square))
