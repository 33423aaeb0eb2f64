r"""Maximum squares with image-wise weights from GTA5 to Cityscapes: the row "MaxSquare+IW", 45.2 mIoU.

    python -m experiments.train configs/max_squares/gta5_to_cityscapes_iw_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

As `gta5_to_cityscapes_paper.py`, which says what the released code has instead, with a weight for each class of
each image, alpha 0.2. The released code's weight for each pixel, and its normalisation, are here
`--objective.target.loss.variant released --objective.target.weight 0.1`.
"""

from configs.max_squares.common import augment, image_wise, method
from configs.street_recipes import GTA5_SIZE, OWNERS_LIST, recipe, resized
from jaxseg.data import GTA5, Cityscapes
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return recipe(
        "gta5-cityscapes-max-squares-iw",
        GTA5(resize=GTA5_SIZE, split_list=OWNERS_LIST),
        Cityscapes(),
        method(19, image_wise(19)),
        augment(resized()),
    )
