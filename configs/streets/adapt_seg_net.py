"""AdaptSegNet (Tsai et al. 2018), single-level: a discriminator of the probabilities.

    python -m experiments.train configs/streets/adapt_seg_net.py --initialize runs/streets-source/seed0

From the paper: the discriminator's form and its Adam's betas, binary cross entropy, poly schedules. Ours, for few steps
on a small network: the discriminator's width (64 in the paper), its learning rate (1e-4), and the adversarial weight
(0.001). Least squares is `loss=losses.AdversarialLeastSquares()`, with a weight of 0.01 in the paper. The network has
no auxiliary head, so there is one level.

Measured: 42.2 ± 1.7 % mIoU on streets-real/test, 3 seeds, 0.7 minutes a run (median) on 1 x cpu (maxsquare.gta5).
"""

from configs.streets.common import adversarial
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adversarial("streets-adapt-seg-net", maps="probabilities")
