r"""MetaPix W^19, a weight for every class, on GTA5 and labelled Cityscapes: 68.3 mIoU (Table 3).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_w19_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

As `gta5_to_cityscapes_paper.py`, but for the weighting network's output. With one-hot labels a pixel's loss is
weighted by the weight of its label alone. Not measured here.
"""

from configs.metapix.common import metapix
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return metapix("gta5-cityscapes-metapix-w19", per="class")
