"""FCN-8s on CamVid with the Wasserstein loss L_d2, after cross entropy: 72.8 mIoU (Liu et al. 2020, Table 2).

    python -m experiments.train configs/wasserstein/camvid_fcn_square_paper.py --data.dir CAMVID --initialize WEIGHTS

WEIGHTS is torchvision's VGG-16, trained on ImageNet.

What the paper leaves open, which is all but network, classes and the order of the losses, is settled in
`configs/wasserstein/common.py`. Not measured here.
"""

from configs.transport import labelled, square
from configs.wasserstein.common import fcn
from jaxseg.labels import CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return fcn("camvid-fcn-square", labelled(CAMVID, square))
