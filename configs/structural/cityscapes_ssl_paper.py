r"""DeepLabv3 on Cityscapes with the structural similarity loss: 75.12 mIoU in the paper (Zhao et al. 2019, Table 6).

    python -m experiments.train configs/structural/cityscapes_ssl_paper.py --data.dir CITYSCAPES \
        --initialize WEIGHTS

WEIGHTS is torchvision's ResNet-101. Settings are those of `configs/structural/on_cityscapes.py`. Other regions:
`--objective.structure.loss.size 7`. Not measured here.
"""

from configs.objectives import mixed
from configs.structural.on_cityscapes import trained
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("ssl", mixed(losses.StructuralSimilarity()))
