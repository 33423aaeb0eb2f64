"""MetaPix W^1 with blocks 1 to 2 of the encoder for each domain (S@2); the paper's Fig. 4 compares the splits.

    python -m experiments.train configs/joint/metapix_split2.py

The own blocks of the two domains are drawn apart: there are no weights that both could start from.
"""

from configs.joint.common import STREETS, Setting, metapix
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return metapix("metapix-split2", split=2, on=on)
