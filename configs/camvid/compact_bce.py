"""The compact network on CamVid with sigmoid cross entropy, one classifier a class.

    python -m experiments.train configs/camvid/compact_bce.py --data.dir CAMVID

Settings are those of `configs/camvid/common.py`.

Measured: 33.3 ± 1.7 % mIoU on camvid/test, 3 seeds, 1.8 minutes a run (median) on 1 x cpu (structural.table2).
"""

from configs.camvid.common import trained
from configs.objectives import binary
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("compact", "bce", binary())
