"""Any loss of the five papers on CamVid; which one is an option.

    python -m experiments.train configs/grand/camvid.py --data.dir CAMVID --objective.labels.chosen ssl

Names and what they add up are in `configs/grand/common.py`.
"""

from configs.camvid.compact_ce import experiment as cross_entropy
from configs.grand.common import choosing
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return choosing(cross_entropy(), "camvid-grand")
