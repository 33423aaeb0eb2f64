"""The compact network on CamVid with the affinity field loss (Ke et al. 2018) and softmax cross entropy.

    python -m experiments.train configs/camvid/compact_affinity.py --data.dir CAMVID

Settings are those of `configs/camvid/common.py`. Both terms have the weight 1; in the code of
Ke et al. their weights fall as 10^(-step/steps), and labels are lowered to the network's size.

Measured: 34.1 ± 2.6 % mIoU on camvid/test, 3 seeds, 2.4 minutes a run (median) on 1 x cpu (structural.table5).
"""

from configs.camvid.common import trained
from configs.objectives import affinity
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("compact", "affinity", affinity())
