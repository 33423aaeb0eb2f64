"""MetaPix where half of the source images have wrong labels, and the others a region of them.

    python -m experiments.train configs/joint/planted.py

In half of the 512 images every class is taken for another, drawn for the image; in the others this is so in a
rectangle of half the height and width. `python -m experiments.planted RUN` tells how well the weights find it,
`python -m experiments.weight_maps RUN` shows them. `--data.kind pixels` gives every wrong pixel a class of its own.

It has one generation of 250 meta steps, and the segmentation network takes as many steps as in every other row
(ours). How long the virtual step is decides how high all weights are, and so whether they tell anything: with the
weighting network of `norm="none"` they went to 0 at the rate of 0.1 and to 1 at 0.01.
"""

import dataclasses

from configs.joint.common import JOINT, LONGER, STREETS, SYNTHETIC, metapix
from jaxseg.data import Planted
from jaxseg.train import Experiment

NOISY = dataclasses.replace(STREETS, data=Planted(SYNTHETIC))
BEFORE, META = 200, 250
"""Joint steps before the weights are learned, and steps that learn them."""


def experiment() -> Experiment:
    """The experiment."""
    return metapix(
        "planted",
        on=NOISY,
        joint_steps=BEFORE,
        meta_steps=META,
        weighted_steps=JOINT + LONGER - BEFORE,
        generations=1,
    )
