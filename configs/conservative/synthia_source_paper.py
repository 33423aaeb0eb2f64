r"""FCN-8s on SYNTHIA alone, scored on Cityscapes: 24.9 mIoU over 16 classes (Zhu et al., ECCV 2018, Table 2).

    python -m experiments.train configs/conservative/synthia_source_paper.py --data.dir SYNTHIA \
        --target.dir CITYSCAPES --initialize WEIGHTS

WEIGHTS is torchvision's VGG-16. All 9,400 images of SYNTHIA-RAND-CITYSCAPES are trained on. The rest is as in
`gta5_source_paper.py`. Not measured here.
"""

from configs.conservative.common import unadapted
from jaxseg.data import Cityscapes, Synthia
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    data, target = Synthia(resize=(608, 1024), all_train=True), Cityscapes(classes=16)
    return unadapted("synthia-cityscapes-conservative-source", data, target)
