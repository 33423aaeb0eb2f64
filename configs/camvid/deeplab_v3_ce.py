"""DeepLabv3 on CamVid with softmax cross entropy.

    python -m experiments.train configs/camvid/deeplab_v3_ce.py --data.dir CAMVID

Settings are those of `configs/camvid/common.py`.
"""

from configs.camvid.common import trained
from configs.objectives import cross_entropy
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("deeplab_v3", "ce", cross_entropy())
