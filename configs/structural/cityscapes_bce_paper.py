r"""DeepLabv3 on Cityscapes with sigmoid cross entropy: 73.58 mIoU in the paper (Zhao et al. 2019, Table 6).

    python -m experiments.train configs/structural/cityscapes_bce_paper.py --data.dir CITYSCAPES \
        --initialize WEIGHTS

WEIGHTS is torchvision's ResNet-101. Settings are those of `configs/structural/on_cityscapes.py`. Not measured
here.
"""

from configs.objectives import binary
from configs.structural.on_cityscapes import trained
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("bce", binary())
