r"""Entropy minimisation in the recipe of maximum squares, from SYNTHIA to Cityscapes: 38.0 and 44.5 mIoU on the poster.

    python -m experiments.train configs/max_squares/synthia_to_cityscapes_min_ent_paper.py --data.dir SYNTHIA \
        --target.dir CITYSCAPES --initialize WEIGHTS

"MinEnt" with a dagger, their own run of it. Everything is as in `synthia_to_cityscapes_paper.py` but the loss, the
entropy of the target in nats; its weight is not published, here it is that of maximum squares (ours). Not measured
here.
"""

from configs.max_squares.common import augment, entropy, method
from configs.street_recipes import SYNTHIA_SIZE, recipe, resized
from jaxseg.data import Cityscapes, Synthia
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return recipe(
        "synthia-cityscapes-max-squares-min-ent",
        Synthia(resize=SYNTHIA_SIZE),
        Cityscapes(classes=16),
        method(16, entropy(16)),
        augment(resized()),
    )
