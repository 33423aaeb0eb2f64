r"""DeepLabv2 on SYNTHIA alone, scored on Cityscapes: 30.1 mIoU over 16 classes and 34.3 over 13 (Chen et al. 2019).

    python -m experiments.train configs/max_squares/synthia_source_paper.py --data.dir SYNTHIA --target.dir CITYSCAPES \
        --initialize WEIGHTS

The pretraining of `synthia_to_cityscapes_paper.py`, without what follows. Not measured here.
"""

from configs.max_squares.common import augment, source_only
from configs.street_recipes import SYNTHIA_SIZE, recipe, resized
from jaxseg.data import Cityscapes, Synthia
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return recipe(
        "synthia-cityscapes-max-squares-source",
        Synthia(resize=SYNTHIA_SIZE),
        Cityscapes(classes=16),
        source_only(16),
        augment(resized()),
    )
