r"""Joint training with focal loss on GTA5 and labelled Cityscapes: 66.2 mIoU (Table 1, quoted there).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_focal_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

Focal loss on both domains with gamma 2 (ours; not published). No recipe is published: steps and optimiser are those
of joint training. Not measured here.
"""

from configs.metapix.common import baseline
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    focal = losses.Focal(gamma=2.0)
    objective = {"source": Term(focal), "target": Term(focal, domain="target")}
    return baseline("gta5-cityscapes-focal", objective)
