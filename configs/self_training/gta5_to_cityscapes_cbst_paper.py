r"""CBST from GTA5 to Cityscapes (Zou et al., ECCV 2018): 45.2 mIoU.

    python -m experiments.train configs/self_training/gta5_to_cityscapes_cbst_paper.py \
        --data.dir GTA5 --target.dir CITYSCAPES --initialize runs/gta5-crst-source/seed0

The published network is ResNet-38 (wide, A1), which is not built here: this is DeepLabv2 on ResNet-101 with
CBST's settings. Six rounds of two passes over the target; labelled pixels from 15% by 5 points, source images
from 3% by 0.25 points, ever more of one order; SGD 1e-4, divided by sqrt(2) from round to round; crops of
500x500 at scales 0.7 to 1.3, the target's around rare classes with probability 0.8; labels from the image at
1850 pixels of width and its mirror image. Momentum, weight decay, rate of the heads, normalisation of the input
and pretraining are CRST's. The run that it starts from is that of `gta5_source_paper.py`. The code's note that
the second or third round is often the best is not made use of: scores are of the last. Not measured here.
"""

from configs.self_training.common import CBST, CROP_CBST, GTA5_SIZE, HARD, crops, rounds
from jaxseg.data import GTA5, Cityscapes
from jaxseg.methods import Portions
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return rounds(
        "gta5-cityscapes-cbst",
        GTA5(resize=GTA5_SIZE),
        Cityscapes(),
        HARD,
        crops(CROP_CBST, GTA5_SIZE, (0.7, 1.3), (0.7, 1.3)),
        portion=Portions(0.15, 0.05, 0.5),
        **CBST,
    )
