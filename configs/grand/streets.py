"""Any loss of the five papers on labelled real streets; which one is an option.

    python -m experiments.train configs/grand/streets.py --objective.labels.chosen ssl

Names and what they add up are in `configs/grand/common.py`.
"""

from configs.grand.common import choosing
from configs.streets.oracle import experiment as cross_entropy
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return choosing(cross_entropy(), "streets-grand")
