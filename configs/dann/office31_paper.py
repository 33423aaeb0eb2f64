r"""DANN on Office-31, amazon to webcam unless told: 82.0 in the table of the paper of maximum squares.

    python -m experiments.train configs/dann/office31_paper.py --data.dir OFFICE31 --target.dir OFFICE31 \
        --data.domain amazon --target.domain webcam --initialize WEIGHTS

From DANN's paper (Ganin and Lempitsky 2015): gradient reversal with 2 / (1 + exp(-10 p)) - 1, a domain classifier
of 1024 and 1024, rate 0.01 (1 + 10 p)^-0.75, momentum 0.9, 64 images a domain in one batch, new layers ten times
the rate of the trunk, a bottleneck of 256. It has AlexNet and names neither steps nor weight decay; network, 20
times 1000 steps and 1e-3 are the TLL's (`configs/office31.py`), which has 86.1 on average by a recipe of its own:
`--batch 32 --gamma 20 --optimizer.schedule.rise 20`, and a normalised domain classifier. Not measured here.
"""

import dataclasses

from configs.office31 import CLASSES, recipe, sgd, source
from jaxseg import models
from jaxseg.methods import DANN, Inverse
from jaxseg.train import Experiment

STEPS = 20 * 1000
BOTTLENECK = 256


def experiment() -> Experiment:
    """The experiment."""
    method = DANN(
        network=models.resnet_classifier(CLASSES, bottleneck=BOTTLENECK),
        domain_classifier=models.domain_classifier(BOTTLENECK, widths=(1024, 1024)),
        objective=source(),
        steps=STEPS,
        weight=1.0,
        gamma=10.0,
        peak=1.0,
        optimizer=dataclasses.replace(sgd(0.01, STEPS), schedule=Inverse(rise=10.0, power=0.75)),
    )
    return recipe("office31-dann", method, batch=64)
