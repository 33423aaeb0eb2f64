"""The compact network on CamVid with the affinity field loss (Ke et al. 2018) and softmax cross entropy.

    python -m experiments.train configs/camvid/compact_affinity.py --data.dir CAMVID

Settings are those of `configs/camvid/common.py`. The weight 1 of both terms is that of Ke
et al.; the loss is at the labels' size, where their code lowers labels to the network's.
"""

from configs.camvid.common import trained
from configs.objectives import affinity
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("compact", "affinity", affinity())
