"""Learning to reweight pixels, the same with a weight for every pixel.

    python -m experiments.train configs/joint/reweight_pixels.py

Ours; the paper weighs whole examples.
"""

from configs.joint.common import reweighted
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return reweighted("joint-reweight-pixels", per="pixel")
