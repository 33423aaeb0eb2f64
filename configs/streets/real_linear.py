"""The Wasserstein loss L_d (Liu et al. 2020) on labelled real streets, after cross entropy.

    python -m experiments.train configs/streets/real_linear.py --initialize runs/streets-oracle/seed0

Settings are those of `configs/streets/supervised.py`. The ground metric is that of `configs/transport.py`.

Measured: 44.0 ± 5.0 % mIoU on streets-real/test, 3 seeds, 0.3 minutes a run (median) on 1 x cpu (wasserstein.table1).
"""

from configs.streets.common import REAL
from configs.streets.supervised import tuned
from configs.transport import labelled, linear
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("linear", labelled(REAL.labels, linear))
