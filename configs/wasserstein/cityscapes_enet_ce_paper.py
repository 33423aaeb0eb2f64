"""ENet on Cityscapes with cross entropy: 58.3 mIoU in the paper (Liu et al., AAAI 2020, Table 1).

    python -m experiments.train configs/wasserstein/cityscapes_enet_ce_paper.py --data.dir CITYSCAPES

What the paper leaves open, which is all but network, classes and the order of the losses, is settled in
`configs/wasserstein/common.py`. Not measured here.
"""

from configs.wasserstein.common import enet
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return enet("cityscapes-enet-ce")
