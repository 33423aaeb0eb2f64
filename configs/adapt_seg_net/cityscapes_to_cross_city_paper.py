r"""AdaptSegNet, multi-level, from Cityscapes to a city far away (NTHU): the rows "AdaptSegNet" of the cross-city table.

    python -m experiments.train configs/adapt_seg_net/cityscapes_to_cross_city_paper.py --data.dir CITYSCAPES \
        --target.dir NTHU --target.cities Rio --initialize WEIGHTS

NTHU holds Rome, Rio, Tokyo and Taipei; the target is one of them, Rome unless told (its 3,200 unlabelled images;
scores are of its 100 labelled ones). The poster of maximum squares quotes Rome 53.8, Rio 51.6, Tokyo 49.9, Taipei 49.1
mIoU, and does not say of which levels: `cityscapes_to_cross_city_single_paper.py` has one.

The released code has GTA5 alone, and the authors' weights for this pair are not at hand. Ours: weights, optimisers and
150,000 of 250,000 steps are those of `gta5_to_cityscapes_paper.py`, and 13 classes with both domains at 512x1024 are
those of maximum squares. A smaller weight is `--levels.main.weight`, `--levels.aux.weight`. Not measured here.
"""

from configs.adapt_seg_net.common import AUX_LEVEL, MAIN_LEVEL, TO_CROSS_CITY, adversarial
from jaxseg.train import Experiment

STEPS = 150_000


def experiment() -> Experiment:
    """The experiment."""
    return adversarial(
        "cityscapes-cross-city-adapt-seg-net",
        {"main": MAIN_LEVEL, "aux": AUX_LEVEL},
        steps=STEPS,
        pair=TO_CROSS_CITY,
    )
