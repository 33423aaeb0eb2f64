"""HRSelect-W^1: source pixels weighted by how similar their prediction is to the target's.

    python -m experiments.train configs/joint/hr_select.py

The weighting network sees predictions, and learns in every step beside the other; rates are ours.
"""

from configs.joint.common import STREETS, Setting, similar
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return similar("hr-select", on=on)
