"""The compact network on CamVid with softmax cross entropy.

    python -m experiments.train configs/camvid/compact_ce.py --data.dir CAMVID

Settings are those of `configs/camvid/common.py`.

Measured: 33.9 ± 2.3 % mIoU on camvid/test, 3 seeds, 1.4 minutes a run (median) on 1 x cpu (structural.table1).
"""

from configs.camvid.common import trained
from configs.objectives import cross_entropy
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("compact", "ce", cross_entropy())
