r"""Source only on Office-31, the lower bound of that table: 68.4 from amazon to webcam in the paper of maximum squares.

    python -m experiments.train configs/source_only/office31_paper.py --data.dir OFFICE31 --target.dir OFFICE31 \
        --data.domain amazon --target.domain webcam --initialize WEIGHTS

What is unknown is as in `configs/max_squares/office31_paper.py`, so that the rows differ in the loss alone (TLL, whose
settings these are, reports 79.5 as the mean of the six pairs, and the paper 76.1). Not measured here.
"""

from configs.max_squares.office31_paper import STEPS
from configs.office31 import CLASSES, recipe, sgd, source
from jaxseg import models
from jaxseg.methods import ObjectiveMethod
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = ObjectiveMethod(
        network=models.resnet_classifier(CLASSES, bottleneck=1024),
        objective=source(),
        steps=STEPS,
        optimizer=sgd(0.005, STEPS),
        forward="concatenated",
    )
    return recipe("office31-source-only", method, batch=36)
