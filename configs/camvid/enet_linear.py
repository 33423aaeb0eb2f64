"""ENet on CamVid with the Wasserstein loss L_d (Liu et al. 2020), after cross entropy.

    python -m experiments.train configs/camvid/enet_linear.py --data.dir CAMVID \
        --initialize runs/camvid-enet-ce/seed0

Settings are those of `configs/camvid/common.py`. The ground metric is that of `configs/transport.py`.

Measured: 23.2 ± 1.4 % mIoU on camvid/test, 3 seeds, 0.9 minutes a run (median) on 1 x cpu (wasserstein.table2).
"""

from configs.camvid.common import tuned
from configs.transport import labelled, linear
from jaxseg.labels import CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("enet", "linear", labelled(CAMVID, linear))
