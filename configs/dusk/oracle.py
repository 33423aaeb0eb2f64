"""Oracle: the same training on the labelled train images of the dusk. The upper bound of the table.

    python -m experiments.train configs/dusk/oracle.py --data.dir CAMVID

There are 62 of them, of the sequence that the test images are of.

Measured: 37.0 ± 4.8 % mIoU on camvid-0001TP/test, 3 seeds, 1.0 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

import dataclasses

from configs.dusk.common import DUSK, base
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return dataclasses.replace(base("dusk-oracle"), data=DUSK, target=None)
