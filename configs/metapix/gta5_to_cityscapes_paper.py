r"""MetaPix W^1 on GTA5 and labelled Cityscapes: 68.7 mIoU (Table 1).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

150,000 joint steps, then three generations of 10,000 meta steps and 15,000 weighted steps; first blocks apart (S@1).
The paper does not say whether the weighting network goes on from one generation to the next, nor what the poly
schedule counts: here it goes on, and the schedule counts the 195,000 steps of the segmentation network.
`gta5_to_cityscapes_released_paper.py` is what the released scripts do. `--hypergradient jvp` needs less memory,
`--network.module.remat True` less still. Not measured here.
"""

from configs.metapix.common import metapix
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return metapix("gta5-cityscapes-metapix")
