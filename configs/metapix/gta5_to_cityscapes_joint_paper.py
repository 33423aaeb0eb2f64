r"""Direct joint training on GTA5 and labelled Cityscapes: 64.6 mIoU (Table 1, quoted there).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_joint_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

Cross entropy of both domains, no weights. No recipe is published: steps and optimiser are those of joint training.
Not measured here.
"""

from configs.metapix.common import SOURCE, TARGET, baseline
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return baseline("gta5-cityscapes-joint", {"source": SOURCE, "target": TARGET})
