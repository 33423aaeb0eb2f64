"""PixelDA with labels of both domains: source images redrawn in the target's look.

    python -m experiments.train configs/joint/pixel_da.py

Factors of the adversary (0.1) and of the content (10), rates and widths are ours. `--pictures-every 50` draws what the
generator makes.
"""

from configs.joint.common import STREETS, Setting, redrawn
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return redrawn("pixel-da", on)
