"""Direct joint training: cross entropy of both domains, unweighted, 450 steps.

    python -m experiments.train configs/joint/joint.py

The row that learned weights have to beat.
"""

from configs.joint.common import SOURCE, TARGET, baseline
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return baseline("joint-joint", {"source": SOURCE, "target": TARGET})
