"""Source only on digits: trained on USPS, scored on MNIST. The smallest classification run.

python -m experiments.train configs/digits/source.py --data.dir DIGITS --target.dir DIGITS
python -m experiments.predict runs/digits-source/seed0 digit.png
"""

from jaxseg import losses, models
from jaxseg.data import Digits
from jaxseg.methods import Adam, ObjectiveMethod, Term
from jaxseg.train import EvaluationProtocol, Experiment

SIZE = (28, 28)


def experiment() -> Experiment:
    """The experiment."""
    return Experiment(
        name="digits-source",
        data=Digits(domain="usps", resize=SIZE),
        target=Digits(domain="mnist", resize=SIZE),
        method=ObjectiveMethod(
            network=models.digits_classifier(10),
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=500,
            optimizer=Adam(learning_rate=1e-3),
        ),
        batch=64,
        evaluation=EvaluationProtocol(batch=256),
    )
