r"""FDA with labels of both domains, GTA5 and Cityscapes: 66.5 mIoU (Table 1).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_fda_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

Source images in the amplitudes of target images, cross entropy of both domains, and the robust entropy of the target
with FDA's own weight 0.005 and eta 2. The paper does not give the band: 0.01 is the first of FDA's three. FDA's code
turns the entropy on after 50,000 of its 150,000 steps; here it is on from the start. No recipe is published: steps
and optimiser are those of joint training. Not measured here.
"""

import dataclasses

from configs.metapix.common import SOURCE, TARGET, baseline
from jaxseg import losses
from jaxseg.data.augment import FourierSwap
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    entropy = Term(losses.RobustEntropy(eta=2.0), weight=0.005, domain="target")
    built = baseline("gta5-cityscapes-fda-joint", {"source": SOURCE, "target": TARGET, "entropy": entropy})
    return dataclasses.replace(built, translate=FourierSwap(beta=0.01))
