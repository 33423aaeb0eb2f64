r"""MetaPix W^1 as its released scripts train it, on GTA5 and labelled Cityscapes.

    python -m experiments.train configs/metapix/gta5_to_cityscapes_released_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

The published 68.7 mIoU may be of these scripts or of the paper's text; it is not known which. Against
`gta5_to_cityscapes_paper.py`: weight decay 1e-4 everywhere and twice the rate for biases of the segmentation network,
weighted stages at 5e-5 whose optimiser and schedule begin afresh, a weighting network drawn anew in each generation,
an inner rate that stays 1e-4, and a meta-loss through rectified scores. The scripts run the stages once each; three
generations are the paper's. Not measured here.
"""

import dataclasses

from configs.metapix.common import metapix, network
from jaxseg.methods import Adam, Constant, Groups
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    joint = Adam(learning_rate=1e-4, weight_decay=1e-4, groups=Groups(bias=2.0))
    return metapix(
        "gta5-cityscapes-metapix-released",
        optimizer=joint,
        weighted_optimizer=dataclasses.replace(joint, learning_rate=5e-5),
        weighting_optimizer=Adam(learning_rate=1e-4, weight_decay=1e-4, schedule=Constant()),
        reset=True,
        virtual_network=network(split=1, rectified=True),
    )
