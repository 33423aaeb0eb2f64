r"""FCN-8s on labelled Cityscapes alone: 64.7 mIoU (the paper's own; 65.3 is quoted in Table 1).

    python -m experiments.train configs/metapix/cityscapes_target_only_paper.py --data.dir CITYSCAPES \
        --initialize WEIGHTS

The target as its only data, half of its images mirrored. No recipe is published: steps and optimiser are those of
joint training. Not measured here.
"""

from configs.metapix.common import JOINT, OPTIMIZER, SOURCE, WEIGHTS, network
from configs.street_recipes import CITYSCAPES_SIZE, recipe
from jaxseg.data import Cityscapes
from jaxseg.data.augment import Mirror, Resize
from jaxseg.methods import ObjectiveMethod
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = ObjectiveMethod(
        network=network(split=0), objective={"source": SOURCE}, steps=JOINT, optimizer=OPTIMIZER
    )
    augment = {"resize": Resize(size=CITYSCAPES_SIZE), "mirror": Mirror(probability=0.5)}
    return recipe("cityscapes-target-only", Cityscapes(), None, method, augment, weights=WEIGHTS)
