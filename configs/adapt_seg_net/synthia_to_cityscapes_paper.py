r"""AdaptSegNet, multi-level, from SYNTHIA to Cityscapes (Tsai et al., CVPR 2018): 46.7 mIoU over 13 classes.

    python -m experiments.train configs/adapt_seg_net/synthia_to_cityscapes_paper.py --data.dir SYNTHIA \
        --target.dir CITYSCAPES --initialize WEIGHTS

The released code has GTA5 alone, and settings of this pair are not at hand. Ours: all is as in
`gta5_to_cityscapes_paper.py`, whose options hold here too, on all 9,400 images of SYNTHIA at 760x1280, lane markings
void. 16 classes are trained (ours); the figure is the mean over the 13 without wall, fence and pole. Of which levels
the row is, the poster of maximum squares, which quotes it, does not say; its row from GTA5 is the multi-level one. Not
measured here.
"""

from configs.adapt_seg_net.common import AUX_LEVEL, FROM_SYNTHIA, MAIN_LEVEL, adversarial
from jaxseg.train import Experiment

STEPS = 150_000


def experiment() -> Experiment:
    """The experiment."""
    return adversarial(
        "synthia-cityscapes-adapt-seg-net",
        {"main": MAIN_LEVEL, "aux": AUX_LEVEL},
        steps=STEPS,
        pair=FROM_SYNTHIA,
    )
