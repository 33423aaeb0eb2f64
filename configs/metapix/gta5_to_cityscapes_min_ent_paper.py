r"""MinEnt with labels of both domains, GTA5 and Cityscapes: 66.3 mIoU (Table 1).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_min_ent_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

Cross entropy of both domains, and the normalised entropy of the target with AdvEnt's weight 0.001; FCN-8s has no
second head. No recipe is published: steps and optimiser are those of joint training. Not measured here.
"""

from configs.metapix.common import SOURCE, TARGET, baseline
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    entropy = Term(losses.Entropy(normalized=True), weight=0.001, domain="target")
    return baseline("gta5-cityscapes-min-ent-joint", {"source": SOURCE, "target": TARGET, "entropy": entropy})
