"""The game as LSD-seg has it (Sankaranarayanan et al. 2018): four kinds of images, their classes, cross entropy.

    python -m experiments.train configs/streets/conservative_lsd.py --initialize runs/streets-source/seed0

From its released code: the discriminator's form, the factors 0.1, all gradients before the first update. There
everything but the reconstruction is a sum over pixels, `--reduction sum`. Ours: the discriminator's width (128), the
rates.

Measured: 41.4 ± 1.0 % mIoU on streets-real/test, 3 seeds, 4.3 minutes a run (median) on 1 x cpu
(conservative.table5).
"""

from configs.streets.game import game
from jaxseg import losses, models
from jaxseg.methods import LSD_WEIGHTS
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game(
        "streets-conservative-lsd",
        losses.SoftmaxCrossEntropy(),
        discriminator=models.lsd_discriminator(19, width=16),
        weights=LSD_WEIGHTS,
        update="simultaneous",
        reading="four",
        noise=0.0,
    )
