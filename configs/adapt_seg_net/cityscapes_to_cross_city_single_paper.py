r"""AdaptSegNet, single-level, from Cityscapes to a city far away (NTHU): the other reading of "AdaptSegNet" there.

    python -m experiments.train configs/adapt_seg_net/cityscapes_to_cross_city_single_paper.py --data.dir CITYSCAPES \
        --target.dir NTHU --target.cities Rio --initialize WEIGHTS

As `cityscapes_to_cross_city_paper.py`, which says what is ours, with the main head alone, its discriminator weighed
0.001 as from GTA5. Not measured here.
"""

from configs.adapt_seg_net.common import MAIN_LEVEL, TO_CROSS_CITY, adversarial
from jaxseg.train import Experiment

STEPS = 150_000


def experiment() -> Experiment:
    """The experiment."""
    return adversarial(
        "cityscapes-cross-city-adapt-seg-net-single", {"main": MAIN_LEVEL}, steps=STEPS, pair=TO_CROSS_CITY
    )
