r"""AdaptSegNet, single-level, from GTA5 to Cityscapes (Tsai et al., CVPR 2018).

    python -m experiments.train configs/adapt_seg_net/gta5_to_cityscapes_single_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

As `gta5_to_cityscapes_paper.py` with the main head alone, its discriminator weighed 0.001. Not measured here.
"""

from configs.adapt_seg_net.common import MAIN_LEVEL, adversarial
from jaxseg.train import Experiment

STEPS = 150_000


def experiment() -> Experiment:
    """The experiment."""
    return adversarial("gta5-cityscapes-adapt-seg-net-single", {"main": MAIN_LEVEL}, steps=STEPS)
