"""Entropy minimisation on digits: source cross entropy and the entropy, in nats, of the unlabelled target.

    python -m experiments.train configs/digits/entropy.py --data.dir DIGITS --target.dir DIGITS

The weight is ours: Chen et al. 2019, who have this rival on Office-31, give none for images.

Measured: 43.4 ± 1.9 % accuracy on digits-mnist/test, 5 seeds, 1.0 minutes a run (median) on 1 x cpu
(maxsquare.office31).
"""

from configs.digits.common import adapted
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment

WEIGHT = 0.1


def experiment() -> Experiment:
    """The experiment."""
    target = Term(losses.Entropy(normalized=False), weight=WEIGHT, domain="target")
    return adapted("digits-entropy", target)
