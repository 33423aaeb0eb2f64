"""Direct joint training on the source with planted noise of `planted.py`.

    python -m experiments.train configs/joint/planted_joint.py

The row that learned weights have to beat there.
"""

from configs.joint.common import SOURCE, TARGET, baseline
from configs.joint.planted import NOISY
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return baseline("planted-joint", {"source": SOURCE, "target": TARGET}, on=NOISY)
