r"""CBST from Cityscapes to a city far away (NTHU): the rows "CBST" of the cross-city table (Zou et al., ECCV 2018).

    python -m experiments.train configs/self_training/cityscapes_to_cross_city_cbst_paper.py --data.dir CITYSCAPES \
        --target.dir NTHU --target.cities Rio --initialize runs/cityscapes-crst-source/seed0

NTHU holds Rome, Rio, Tokyo and Taipei; the target is one of them, Rome unless told (its 3,200 unlabelled images;
scores are of its 100 labelled ones). The poster of maximum squares quotes Rome 53.6, Rio 52.2, Tokyo 48.8, Taipei 50.3
mIoU, and names no network; this is DeepLabv2 on ResNet-101.

The released code has GTA5 and SYNTHIA alone, and settings of this pair are not at hand. What is the same for these two
is kept: six rounds of two passes over the target; source images, ever more of one order, by 0.25 points; SGD 1e-4,
divided by sqrt(2) from round to round; crops of 500x500 at scales 0.7 to 1.3, the target's around rare classes with
probability 0.8; labels from the image at 1850 pixels of width and its mirror image. Ours: labelled pixels from 20% by 5
points and source images from 2%, as from SYNTHIA. Momentum, weight decay, rate of the heads, normalisation of the input
and pretraining are CRST's. The run that it starts from is that of `cityscapes_source_paper.py`. Scores are of the last
round. Not measured here.
"""

from configs.self_training.common import CBST, CITYSCAPES_SIZE, CROP_CBST, HARD, STEPS_CITY, crops, rounds
from jaxseg.data import Cityscapes, CrossCity
from jaxseg.methods import Portions
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return rounds(
        "cityscapes-cross-city-cbst",
        Cityscapes(classes=13),
        CrossCity(cities=("Rome",)),
        HARD,
        crops(CROP_CBST, CITYSCAPES_SIZE, (0.7, 1.3), (0.7, 1.3)),
        portion=Portions(0.2, 0.05, 0.5),
        steps=STEPS_CITY,
        **CBST,
    )
