"""MetaPix where half of the source images have wrong labels, and the others a region of them.

    python -m experiments.train configs/joint/planted.py

In half of the 512 images every class is taken for another, drawn for the image; in the others this is so in a
rectangle of half the height and width. `python -m experiments.planted RUN` tells how well the weights find it,
`python -m experiments.weight_maps RUN` shows them. `--data.kind pixels` gives every wrong pixel a class of its own.
"""

from configs.joint.common import SYNTHETIC, metapix
from jaxseg.data import Planted
from jaxseg.train import Experiment

NOISY = Planted(SYNTHETIC)


def experiment() -> Experiment:
    """The experiment."""
    return metapix("joint-planted", data=NOISY)
