r"""The Conservative loss paper's game with the cubic whose root is 1/2: Loss1, 36.5 mIoU.

    python -m experiments.train configs/conservative/gta5_to_cityscapes_loss1_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

WEIGHTS is torchvision's VGG-16. Everything but the loss after the warm start is as in `gta5_to_cityscapes_paper.py`.
The paper does not give lambda_1; here it is 5 e^3 (ours). Not measured here.
"""

from configs.conservative.common import adapted
from configs.objectives import LOSS_1
from jaxseg.data import GTA5, Cityscapes
from jaxseg.methods import Constant
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adapted(
        "gta5-cityscapes-conservative-loss1",
        GTA5(resize=(563, 1024)),
        Cityscapes(),
        Constant(),
        LOSS_1,
    )
