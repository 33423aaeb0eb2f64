"""Learning to reweight images on the source with planted noise of `planted.py`.

    python -m experiments.train configs/joint/planted_reweight.py

As `reweight.py` otherwise.
"""

from configs.joint.common import reweighted
from configs.joint.planted import NOISY
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return reweighted("planted-reweight", per="image", on=NOISY)
