r"""FCN-8s on GTA5 alone, scored on Cityscapes: 30.0 mIoU, the Conservative loss's NoAdapt (Zhu et al., ECCV 2018).

    python -m experiments.train configs/conservative/gta5_source_paper.py --data.dir GTA5 --target.dir CITYSCAPES \
        --initialize WEIGHTS

WEIGHTS is torchvision's VGG-16. The paper does not say how it was trained: here by the warm start's settings for as
many steps as warm start and game have (ours), see `configs/conservative/common.py`. Not measured here.
"""

from configs.conservative.common import unadapted
from jaxseg.data import GTA5, Cityscapes
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return unadapted("gta5-cityscapes-conservative-source", GTA5(resize=(563, 1024)), Cityscapes())
