"""MetaPix W^19: one learned weight for every source pixel and class.

    python -m experiments.train configs/joint/metapix_w19.py

As `metapix.py` otherwise.
"""

from configs.joint.common import STREETS, Setting, metapix
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return metapix("metapix-w19", per="class", on=on)
