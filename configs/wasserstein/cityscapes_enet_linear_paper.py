"""ENet on Cityscapes with the Wasserstein loss L_d, after cross entropy: 69.1 mIoU (Liu et al. 2020, Table 1).

    python -m experiments.train configs/wasserstein/cityscapes_enet_linear_paper.py --data.dir CITYSCAPES

What the paper leaves open, which is all but network, classes and the order of the losses, is settled in
`configs/wasserstein/common.py`. Not measured here.
"""

from configs.transport import labelled, linear
from configs.wasserstein.common import enet
from jaxseg.labels import CITYSCAPES
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return enet("cityscapes-enet-linear", labelled(CITYSCAPES, linear))
