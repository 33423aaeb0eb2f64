"""ENet on Cityscapes with the importance-aware loss, after cross entropy: 67.5 mIoU (Liu et al. 2020, Table 1).

    python -m experiments.train configs/wasserstein/cityscapes_enet_ial_paper.py --data.dir CITYSCAPES

What the paper leaves open, which is all but network, classes and the order of the losses, is settled in
`configs/wasserstein/common.py`. Not measured here.
"""

from configs.transport import importance
from configs.wasserstein.common import enet
from jaxseg.labels import CITYSCAPES
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return enet("cityscapes-enet-ial", importance(CITYSCAPES))
