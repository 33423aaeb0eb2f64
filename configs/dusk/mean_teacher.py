"""Mean teacher on mixed images from day to dusk (DACS, Tranheden et al. 2021).

    python -m experiments.train configs/dusk/mean_teacher.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

Decay 0.99 and threshold 0.968 are those of DACS. The mixed images are blurred as there and have no jitter of their
own. It trains the main head alone.

Measured: 25.9 ± 8.0 % mIoU on camvid-0001TP/test, 3 seeds, 0.8 minutes a run (median) on 1 x cpu (maxsquare.dusk).
"""

import dataclasses

from configs.dusk.common import NETWORK, base
from configs.streets.common import ADAPT, ADAPT_STEPS
from jaxseg.methods import MeanTeacher
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = MeanTeacher(network=NETWORK, steps=ADAPT_STEPS, optimizer=ADAPT, decay=0.99, color=None)
    return dataclasses.replace(base("dusk-mean-teacher"), method=method)
