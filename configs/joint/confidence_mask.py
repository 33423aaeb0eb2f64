"""0-1 confidence mask: a source pixel counts where a network of the target alone gives its label more than 1/2.

    python -m experiments.train configs/joint/confidence_mask.py

300 steps of that network on the 26 real images, then 450 of joint training; mask and threshold are ours.
`--confidence best --threshold 0.9` takes the pixels that it is sure of, right or wrong.

Measured: 47.7 ± 1.9 % mIoU on streets-real/test, 3 seeds, 2.0 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import STREETS, Setting, masked
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return masked("confidence-mask", on)
