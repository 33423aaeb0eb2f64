"""What the experiments on digits share: data, network, batch, optimiser, steps. All values are ours.

Trained on USPS with the images of MNIST unlabelled, scored on MNIST. The other way round, with any of them:

    --data.domain mnist --target.domain usps --name NAME-back
"""

import dataclasses

from jaxseg import losses, models
from jaxseg.data import Digits
from jaxseg.methods import Adam, ObjectiveMethod, Optimizer, Term
from jaxseg.train import EvaluationProtocol, Experiment

SIZE = (28, 28)
STEPS = 500
NETWORK = models.digits_classifier(10, width=0.5)
FEATURES = 64
OPTIMIZER: Optimizer = Adam(learning_rate=1e-3)
SOURCE_TERM = Term(losses.SoftmaxCrossEntropy())


def base(name: str) -> Experiment:
    """Source-only training on USPS, scored on MNIST."""
    return Experiment(
        name=name,
        data=Digits(domain="usps", resize=SIZE),
        target=Digits(domain="mnist", resize=SIZE),
        method=ObjectiveMethod(
            network=NETWORK, objective={"source": SOURCE_TERM}, steps=STEPS, optimizer=OPTIMIZER
        ),
        batch=32,
        evaluation=EvaluationProtocol(batch=256),
    )


def adapted(name: str, target: Term) -> Experiment:
    """Source cross entropy plus a term on the unlabelled target."""
    method = ObjectiveMethod(
        network=NETWORK,
        objective={"source": SOURCE_TERM, "target": target},
        steps=STEPS,
        optimizer=OPTIMIZER,
    )
    return dataclasses.replace(base(name), method=method)
