r"""MinEnt with labels of both domains, SYNTHIA and Cityscapes: 65.4 mIoU (Table 2).

    python -m experiments.train configs/metapix/synthia_to_cityscapes_min_ent_paper.py --data.dir SYNTHIA \
        --target.dir CITYSCAPES --initialize WEIGHTS

As `gta5_to_cityscapes_min_ent_paper.py` otherwise, over 19 classes. SYNTHIA has 16 of them; the paper does not
say over how many it averages, and its row of the target alone is that of Table 1. Not measured here.
"""

from configs.metapix import gta5_to_cityscapes_min_ent_paper as gta5
from configs.metapix.common import from_synthia
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return from_synthia(gta5.experiment())
