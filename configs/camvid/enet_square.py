"""ENet on CamVid with the Wasserstein loss L_d2 (Liu et al. 2020), after cross entropy.

    python -m experiments.train configs/camvid/enet_square.py --data.dir CAMVID \
        --initialize runs/camvid-enet-ce/seed0

Settings are those of `configs/camvid/common.py`. The ground metric is that of `configs/transport.py`.

Measured: 22.7 ± 3.5 % mIoU on camvid/test, 3 seeds, 0.8 minutes a run (median) on 1 x cpu (wasserstein.table2).
"""

from configs.camvid.common import tuned
from configs.transport import labelled, square
from jaxseg.labels import CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("enet", "square", labelled(CAMVID, square))
