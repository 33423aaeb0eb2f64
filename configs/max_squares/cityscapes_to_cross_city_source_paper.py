r"""DeepLabv2 on Cityscapes alone, 13 classes, scored on a city far away (NTHU): the rows "Source only" of the table.

    python -m experiments.train configs/max_squares/cityscapes_to_cross_city_source_paper.py --data.dir CITYSCAPES \
        --target.dir NTHU --target.cities Rio --initialize WEIGHTS

The poster has Rome 51.0, Rio 48.9, Tokyo 47.8, Taipei 46.3 mIoU. The pretraining of
`cityscapes_to_cross_city_paper.py`, without what follows. Not measured here.
"""

from configs.max_squares.common import augment, source_only
from configs.street_recipes import CITYSCAPES_SIZE, recipe
from jaxseg.data import Cityscapes, CrossCity
from jaxseg.data.augment import Resize
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return recipe(
        "cityscapes-cross-city-max-squares-source",
        Cityscapes(classes=13),
        CrossCity(cities=("Rome",)),
        source_only(13),
        augment({"resize": Resize(size=CITYSCAPES_SIZE)}),
    )
