"""Mean teacher and ClassMix (DACS, Tranheden et al. 2021): today's standard of self-training, with the same network.

    python -m experiments.train configs/streets/mean_teacher.py --initialize runs/streets-source/seed0

Decay 0.999, threshold 0.968, jitter and blur are DAFormer's; steps, optimiser, crop and the start from a source-only
run are ours, those of the other experiments on `streets`.

Measured: 43.4 ± 0.8 % mIoU on streets-real/test, 3 seeds, 0.5 minutes a run (median) on 1 x cpu (maxsquare.gta5).
"""

import dataclasses

from configs.streets.common import ADAPT, ADAPT_STEPS, NETWORK, base
from jaxseg.methods import MeanTeacher
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = MeanTeacher(network=NETWORK, steps=ADAPT_STEPS, optimizer=ADAPT)
    return dataclasses.replace(base("streets-mean-teacher"), method=method)
