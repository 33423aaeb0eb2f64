r"""Entropy minimisation on Office-31, the rival of maximum squares there: 89.0 from amazon to webcam in its paper.

    python -m experiments.train configs/min_ent/office31_paper.py --data.dir OFFICE31 --target.dir OFFICE31 \
        --data.domain amazon --target.domain webcam --initialize WEIGHTS

The entropy in nats, as the paper of maximum squares writes it; all else, and what is unknown, as in
`configs/max_squares/office31_paper.py`. Not measured here.
"""

from configs.max_squares.office31_paper import STEPS
from configs.office31 import CLASSES, recipe, sgd, source
from jaxseg import losses, models
from jaxseg.methods import ObjectiveMethod, Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    target = Term(losses.Entropy(normalized=False), weight=1.0, domain="target")
    method = ObjectiveMethod(
        network=models.resnet_classifier(CLASSES, bottleneck=1024),
        objective={**source(), "target": target},
        steps=STEPS,
        optimizer=sgd(0.005, STEPS),
        forward="concatenated",
    )
    return recipe("office31-min-ent", method, batch=36)
