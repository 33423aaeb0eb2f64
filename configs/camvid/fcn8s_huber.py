"""FCN-8s on CamVid with the Wasserstein loss L_H (Liu et al. 2020), after cross entropy.

    python -m experiments.train configs/camvid/fcn8s_huber.py --data.dir CAMVID \
        --initialize runs/camvid-fcn8s-ce/seed0

Settings are those of `configs/camvid/common.py`. The ground metric is that of `configs/transport.py`.

Measured: 32.5 ± 1.3 % mIoU on camvid/test, 3 seeds, 1.9 minutes a run (median) on 1 x cpu (wasserstein.table2).
"""

from configs.camvid.common import tuned
from configs.transport import huber, labelled
from jaxseg.labels import CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("fcn8s", "huber", labelled(CAMVID, huber))
