"""MetaPix where half of the source images have wrong labels, and the others a region of them.

    python -m experiments.train configs/joint/planted.py

In half of the 512 images every class is taken for another, drawn for the image; in the others this is so in a
rectangle of half the height and width. `python -m experiments.planted RUN` tells how well the weights find it,
`python -m experiments.weight_maps RUN` shows them. `--data.kind pixels` gives every wrong pixel a class of its own.

The weighting network is the U-Net without normalisation of its features, as the released code's weighs the pixels of
an image against each other alone and so cannot tell that a whole image is wrong; `--weighting.module.norm instance`
has it. It has one generation of 150 meta steps, and the segmentation network takes as many steps as in every other
row. More of them let every weight fall to 0: with 250 of the first generation, or in the third of three, when the
network knows the 26 target images so well that whatever it learns of the source takes that away. All ours.
"""

import dataclasses

from configs.joint.common import JOINT, LONGER, STREETS, SYNTHETIC, metapix
from jaxseg import models
from jaxseg.data import Planted
from jaxseg.models.network import UNIT_NORMALIZATION
from jaxseg.train import Experiment

NOISY = dataclasses.replace(STREETS, data=Planted(SYNTHETIC))
BEFORE, META = 200, 150
"""Joint steps before the weights are learned, and steps that learn them."""


def experiment() -> Experiment:
    """The experiment."""
    return metapix(
        "planted",
        on=NOISY,
        weighting=models.unet_weights(NOISY.classes, width=16, norm="none", normalization=UNIT_NORMALIZATION),
        joint_steps=BEFORE,
        meta_steps=META,
        weighted_steps=JOINT + LONGER - BEFORE,
        generations=1,
    )
