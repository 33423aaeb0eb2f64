"""FCN-8s on CamVid with cross entropy: where the other losses of this network start, and their control.

    python -m experiments.train configs/camvid/fcn8s_ce.py --data.dir CAMVID

Settings are those of `configs/camvid/common.py`.

Measured: 34.9 ± 1.2 % mIoU on camvid/test, 3 seeds, 6.7 minutes a run (median) on 1 x cpu (wasserstein.table2).
"""

from configs.camvid.common import trained
from configs.objectives import cross_entropy
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("fcn8s", "ce", cross_entropy())
