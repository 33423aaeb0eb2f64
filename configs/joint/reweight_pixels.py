"""Learning to reweight pixels, the same with a weight for every pixel.

    python -m experiments.train configs/joint/reweight_pixels.py

Ours; the paper weighs whole examples.
"""

from configs.joint.common import STREETS, Setting, reweighted
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return reweighted("reweight-pixels", per="pixel", on=on)
