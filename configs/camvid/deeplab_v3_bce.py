"""DeepLabv3 on CamVid with sigmoid cross entropy, one classifier a class.

    python -m experiments.train configs/camvid/deeplab_v3_bce.py --data.dir CAMVID

Settings are those of `configs/camvid/common.py`.
"""

from configs.camvid.common import trained
from configs.objectives import binary
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("deeplab_v3", "bce", binary())
