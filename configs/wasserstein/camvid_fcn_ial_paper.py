"""FCN-8s on CamVid with the importance-aware loss, after cross entropy: 71.2 mIoU (Liu et al. 2020, Table 2).

    python -m experiments.train configs/wasserstein/camvid_fcn_ial_paper.py --data.dir CAMVID --initialize WEIGHTS

WEIGHTS is torchvision's VGG-16, trained on ImageNet.

What the paper leaves open, which is all but network, classes and the order of the losses, is settled in
`configs/wasserstein/common.py`. Not measured here.
"""

from configs.transport import importance
from configs.wasserstein.common import fcn
from jaxseg.labels import CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return fcn("camvid-fcn-ial", importance(CAMVID))
