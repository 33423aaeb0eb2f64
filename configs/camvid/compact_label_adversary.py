"""The compact network on CamVid against a discriminator of label maps (Luc et al. 2016), with cross entropy.

    python -m experiments.train configs/camvid/compact_label_adversary.py --data.dir CAMVID

From the paper: binary cross entropy for both players, the product of label map and image as the discriminator's input.
Ours: its layers (a PatchGAN that sees 34x34 pixels, as the paper's LargeFOV does), both rates, and the weight. The rest
is that of `configs/camvid/common.py`: it is `compact_ce.py` with the game from the beginning.

Measured: 34.8 ± 2.8 % mIoU on camvid/test, 3 seeds, 7.0 minutes a run (median) on 1 x cpu (structural.table5).
"""

import dataclasses
from typing import Any

from configs.camvid.common import trained
from configs.objectives import cross_entropy
from jaxseg import models
from jaxseg.labels import CAMVID
from jaxseg.methods import Adam, LabelAdversary
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    alone = trained("compact", "label-adversary", cross_entropy())
    same: Any = alone.method
    method = LabelAdversary(
        network=same.network,
        discriminator=models.patchgan(channels=3 * CAMVID.classes, layers=2, width=16, norm="batch"),
        objective=same.objective,
        steps=same.steps,
        inputs="product",
        optimizer=same.optimizer,
        discriminator_optimizer=Adam(learning_rate=1e-3, b1=0.9, b2=0.99),
    )
    return dataclasses.replace(alone, method=method)
