r"""HRSelect-W^1 + L_rec + L_adv on GTA5 and labelled Cityscapes: 67.6 mIoU (Table 1, quoted there).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_hr_select_game_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

As `gta5_to_cityscapes_hr_select_paper.py`, with the game of the Conservative loss's recipe beside it, whose paper
shares two authors; neither MetaPix nor HRSelect's supplement gives its form. So generator, discriminator and
FCN-8s are those of `configs/conservative`, the generator takes fc7, pool4 and pool3, and every term has weight 1
(ours). Not measured here.
"""

import dataclasses
from typing import Any

from configs.metapix import gta5_to_cityscapes_hr_select_paper as plain
from jaxseg import models
from jaxseg.methods import Reconstruction
from jaxseg.models.network import IMAGENET_NORMALIZATION
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    built = plain.experiment()
    method: Any = built.method
    game = Reconstruction(
        generator=models.generator(19, embedding=(4096, 512, 256), strides=(32, 16, 8), noise=0),
        discriminator=models.patchgan(2),
    )
    network = models.fcn8s(19, skips=True, normalization=IMAGENET_NORMALIZATION)
    method = dataclasses.replace(method, network=network, reconstruction=game)
    return dataclasses.replace(built, name="gta5-cityscapes-hr-select-game", method=method)
