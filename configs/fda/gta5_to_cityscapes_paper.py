r"""Fourier domain adaptation from GTA5 to Cityscapes, one band (Yang and Soatto, CVPR 2020): about 44.6 mIoU.

    python -m experiments.train configs/fda/gta5_to_cityscapes_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS --translate.beta 0.01 --name gta5-cityscapes-fda-beta01

The paper trains three networks, with `--translate.beta` 0.01, 0.05 and 0.09, and averages their softmax (MBT); a
second round, `gta5_to_cityscapes_self_trained_paper.py`, trains on the labels that this mean gives. One image a
domain and step, no mirroring; all four branches of one head, as released.

What is not as released: the window of swapped frequencies is symmetric, so that the result is an image
(`--translate.window released`); the entropy is of the upsampled logits, and the code's of those at stride 8; images
are prepared at 720x1280 and cropped, as there, the target's resized on the device. Not measured here; users of the
code report 41.3 to 42.8 with one band.
"""

from configs.fda.common import STEPS, objective, optimizer, transferred
from jaxseg import models
from jaxseg.methods import ObjectiveMethod
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = ObjectiveMethod(
        network=models.deeplab_v2(19), objective=objective(), steps=STEPS, optimizer=optimizer()
    )
    return transferred("gta5-cityscapes-fda", method)
