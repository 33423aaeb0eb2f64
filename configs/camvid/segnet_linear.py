"""SegNet on CamVid with the Wasserstein loss L_d (Liu et al. 2020), after cross entropy.

    python -m experiments.train configs/camvid/segnet_linear.py --data.dir CAMVID \
        --initialize runs/camvid-segnet-ce/seed0

Settings are those of `configs/camvid/common.py`. The ground metric is that of `configs/transport.py`.

Measured: 20.6 ± 1.3 % mIoU on camvid/test, 3 seeds, 2.5 minutes a run (median) on 1 x cpu (wasserstein.table2).
"""

from configs.camvid.common import tuned
from configs.transport import labelled, linear
from jaxseg.labels import CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("segnet", "linear", labelled(CAMVID, linear))
