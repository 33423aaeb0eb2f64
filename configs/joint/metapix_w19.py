"""MetaPix W^19: one learned weight for every source pixel and class.

    python -m experiments.train configs/joint/metapix_w19.py

As `metapix.py` otherwise.
"""

from configs.joint.common import metapix
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return metapix("joint-metapix-w19", per="class")
