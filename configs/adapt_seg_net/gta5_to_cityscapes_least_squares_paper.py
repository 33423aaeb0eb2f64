r"""AdaptSegNet, single-level with least squares, from GTA5 to Cityscapes (Tsai et al., CVPR 2018).

    python -m experiments.train configs/adapt_seg_net/gta5_to_cityscapes_least_squares_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

As `gta5_to_cityscapes_single_paper.py` with squared errors of the raw scores, weighed 0.01. Not measured here.
"""

from configs.adapt_seg_net.common import adversarial
from jaxseg import losses
from jaxseg.methods import Level
from jaxseg.train import Experiment

STEPS = 150_000


def experiment() -> Experiment:
    """The experiment."""
    return adversarial(
        "gta5-cityscapes-adapt-seg-net-least-squares",
        {"main": Level(weight=0.01)},
        steps=STEPS,
        loss=losses.AdversarialLeastSquares(),
    )
