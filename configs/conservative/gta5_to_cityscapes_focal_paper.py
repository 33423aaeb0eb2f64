r"""The Conservative loss paper's game with the focal loss in the place of the Conservative loss: FL, 35.8 mIoU.

    python -m experiments.train configs/conservative/gta5_to_cityscapes_focal_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

WEIGHTS is torchvision's VGG-16. Everything but the loss after the warm start is as in `gta5_to_cityscapes_paper.py`.
alpha is 5 and gamma 2, as the paper has them. Not measured here.
"""

from configs.conservative.common import adapted
from configs.objectives import FOCAL
from jaxseg.data import GTA5, Cityscapes
from jaxseg.methods import Constant
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adapted(
        "gta5-cityscapes-conservative-focal",
        GTA5(resize=(563, 1024)),
        Cityscapes(),
        Constant(),
        FOCAL,
    )
