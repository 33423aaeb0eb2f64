r"""The Conservative loss paper's game with cross entropy in the place of the Conservative loss: GAN+CE, 34.4 mIoU.

    python -m experiments.train configs/conservative/gta5_to_cityscapes_ce_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

WEIGHTS is torchvision's VGG-16. Everything but the loss after the warm start is as in `gta5_to_cityscapes_paper.py`.
Not measured here.
"""

from configs.conservative.common import adapted
from jaxseg import losses
from jaxseg.data import GTA5, Cityscapes
from jaxseg.methods import Constant
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adapted(
        "gta5-cityscapes-conservative-ce",
        GTA5(resize=(563, 1024)),
        Cityscapes(),
        Constant(),
        losses.SoftmaxCrossEntropy(),
    )
