"""SegNet on Cityscapes with the importance-aware loss, after cross entropy: 65.7 mIoU (Liu et al. 2020, Table 1).

    python -m experiments.train configs/wasserstein/cityscapes_segnet_ial_paper.py --data.dir CITYSCAPES

What the paper leaves open, which is all but network, classes and the order of the losses, is settled in
`configs/wasserstein/common.py`. Not measured here.
"""

from configs.transport import importance
from configs.wasserstein.common import segnet
from jaxseg.labels import CITYSCAPES
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return segnet("cityscapes-segnet-ial", importance(CITYSCAPES))
