"""Direct joint training with blocks 1 to 2 of the encoder for each domain (S@2): the paper's Fig. 4.

    python -m experiments.train configs/joint/joint_split2.py

The own blocks of the two domains are drawn apart: there are no weights that both could start from.
"""

from configs.joint.common import SOURCE, STREETS, TARGET, Setting, baseline
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return baseline("joint-split2", {"source": SOURCE, "target": TARGET}, split=2, on=on)
