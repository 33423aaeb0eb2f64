"""Direct joint training: cross entropy of both domains, unweighted, 450 steps.

    python -m experiments.train configs/joint/joint.py

The row that learned weights have to beat.
"""

from configs.joint.common import SOURCE, STREETS, TARGET, Setting, baseline
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return baseline("joint", {"source": SOURCE, "target": TARGET}, on=on)
