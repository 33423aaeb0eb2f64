"""Source only: cross entropy by day, scored at dusk. The lower bound of the table.

    python -m experiments.train configs/dusk/source.py --data.dir CAMVID --target.dir CAMVID

All settings and the jitter are in `configs/dusk/common.py`.

Measured: 8.2 ± 3.1 % mIoU on camvid-0001TP/test, 3 seeds, 0.9 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import base
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return base("dusk-source")
