r"""The Conservative loss from SYNTHIA to Cityscapes (Zhu et al., ECCV 2018): 34.2 mIoU over 16 classes, 40.3 over 13.

    python -m experiments.train configs/conservative/synthia_to_cityscapes_paper.py --data.dir SYNTHIA \
        --target.dir CITYSCAPES --initialize WEIGHTS

Without adaptation the paper has 24.9 over the 16. All 9,400 images of SYNTHIA-RAND-CITYSCAPES are trained
on: eight epochs, after which LSD-seg's encoder learns at a tenth, are 75,200 of the 100,000 steps. Scores are the mean
over the 16 classes and over the 13 without wall, fence and pole. The rest is as from GTA5. Not measured here.
"""

from configs.conservative.common import adapted
from jaxseg.data import Cityscapes, Synthia
from jaxseg.methods import Stairs
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    data, target = Synthia(resize=(608, 1024), all_train=True), Cityscapes(classes=16)
    return adapted("synthia-cityscapes-conservative", data, target, Stairs(every=8 * 9400))
