"""SegNet on Cityscapes with cross entropy: 57.0 mIoU in the paper (Liu et al., AAAI 2020, Table 1).

    python -m experiments.train configs/wasserstein/cityscapes_segnet_ce_paper.py --data.dir CITYSCAPES

What the paper leaves open, which is all but network, classes and the order of the losses, is settled in
`configs/wasserstein/common.py`. Not measured here.
"""

from configs.wasserstein.common import segnet
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return segnet("cityscapes-segnet-ce")
