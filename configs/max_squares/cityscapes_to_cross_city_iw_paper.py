r"""Maximum squares with image-wise weights from Cityscapes to a city far away (NTHU).

    python -m experiments.train configs/max_squares/cityscapes_to_cross_city_iw_paper.py --data.dir CITYSCAPES \
        --target.dir NTHU --target.cities Rio --initialize WEIGHTS

NTHU holds Rome, Rio, Tokyo and Taipei; the target is one of them, Rome unless told (its 3,200 unlabelled images;
scores are of its 100 labelled ones). The paper has Rome 54.5, Rio 53.3, Tokyo 50.5, Taipei 50.6 mIoU. 13 classes,
both domains at 512x1024, ten passes over Cityscapes; all else as from GTA5. The released code's loss is
`--objective.target.loss.variant released --objective.target.weight 0.1`. Not measured here.
"""

from configs.max_squares.common import augment, image_wise, method
from configs.street_recipes import CITYSCAPES_SIZE, recipe
from jaxseg.data import Cityscapes, CrossCity
from jaxseg.data.augment import Resize
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return recipe(
        "cityscapes-cross-city-max-squares-iw",
        Cityscapes(classes=13),
        CrossCity(cities=("Rome",)),
        method(13, image_wise(13)),
        augment({"resize": Resize(size=CITYSCAPES_SIZE)}),
    )
