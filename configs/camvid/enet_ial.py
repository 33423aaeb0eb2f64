"""ENet on CamVid with the importance-aware loss (Chen, Gong and Yang 2017), after cross entropy.

    python -m experiments.train configs/camvid/enet_ial.py --data.dir CAMVID --initialize runs/camvid-enet-ce/seed0

Settings are those of `configs/camvid/common.py`. The groups are CamVid's in `jaxseg.labels`.

Measured: 24.3 ± 4.4 % mIoU on camvid/test, 3 seeds, 0.8 minutes a run (median) on 1 x cpu (wasserstein.table2).
"""

from configs.camvid.common import tuned
from configs.transport import importance
from jaxseg.labels import CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return tuned("enet", "ial", importance(CAMVID))
