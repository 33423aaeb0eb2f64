"""The control of `planted.py`: the network's phases and rates, and weights that learn nothing.

    python -m experiments.train configs/joint/planted_untaught.py

A virtual step of rate 0 has no gradient, so every weight stays near 0.731, its first value, and one meta step is as
good as 500. What MetaPix gains over this row is due to the weights, and not to the rate that begins anew.

Measured: 35.7 ± 2.7 % mIoU on streets-real/test, 5 seeds, 1.7 minutes a run (median) on 1 x cpu (metapix.planted).
"""

from configs.joint.planted import staged
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return staged("planted-untaught", inner_rate=0.0, meta_steps=1)
