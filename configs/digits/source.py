"""Source only on digits: trained on USPS, scored on MNIST. The smallest classification run.

python -m experiments.train configs/digits/source.py --data.dir DIGITS --target.dir DIGITS
python -m experiments.predict runs/digits-source/seed0 digit.png

Measured: 31.7 ± 4.1 % accuracy on digits-mnist/test, 5 seeds, 0.4 minutes a run (median) on 1 x cpu
(maxsquare.office31).
"""

from configs.digits.common import base
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return base("digits-source")
