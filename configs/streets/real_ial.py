"""The importance-aware loss (Chen, Gong and Yang 2017) on labelled real streets, after cross entropy.

    python -m experiments.train configs/streets/real_ial.py --initialize runs/streets-oracle/seed0

Settings are those of `configs/streets/supervised.py`.

Measured: 45.1 ± 2.6 % mIoU on streets-real/test, 3 seeds, 0.3 minutes a run (median) on 1 x cpu (wasserstein.table1).
"""

from configs.streets.common import REAL
from configs.streets.supervised import tuned
from configs.transport import importance
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("ial", importance(REAL.labels))
