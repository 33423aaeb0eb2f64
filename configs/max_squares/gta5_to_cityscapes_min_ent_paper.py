r"""Entropy minimisation in the recipe of maximum squares, from GTA5 to Cityscapes: 42.2 mIoU on the poster.

    python -m experiments.train configs/max_squares/gta5_to_cityscapes_min_ent_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

"MinEnt" with a dagger, their own run of it. Everything is as in `gta5_to_cityscapes_paper.py` but the loss, the entropy
of the target in nats; its weight is not published, here it is that of maximum squares (ours). Not measured here.
"""

from configs.max_squares.common import augment, entropy, method
from configs.street_recipes import GTA5_SIZE, OWNERS_LIST, recipe, resized
from jaxseg.data import GTA5, Cityscapes
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return recipe(
        "gta5-cityscapes-max-squares-min-ent",
        GTA5(resize=GTA5_SIZE, split_list=OWNERS_LIST),
        Cityscapes(),
        method(19, entropy(19)),
        augment(resized()),
    )
