"""ENet on CamVid with the Wasserstein loss L_H (Liu et al. 2020), after cross entropy.

    python -m experiments.train configs/camvid/enet_huber.py --data.dir CAMVID \
        --initialize runs/camvid-enet-ce/seed0

Settings are those of `configs/camvid/common.py`. The ground metric is that of `configs/transport.py`.

Measured: 23.3 ± 1.3 % mIoU on camvid/test, 3 seeds, 0.8 minutes a run (median) on 1 x cpu (wasserstein.table2).
"""

from configs.camvid.common import tuned
from configs.transport import huber, labelled
from jaxseg.labels import CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("enet", "huber", labelled(CAMVID, huber))
