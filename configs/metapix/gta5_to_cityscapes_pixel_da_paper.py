r"""PixelDA with labels of both domains, GTA5 and Cityscapes: 66.1 mIoU (Table 1, quoted there).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_pixel_da_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

Cross entropy of the source, of the source redrawn, and of the target. Generator, discriminator, their Adam and the
factors of 1 are those of PixelDA's released code, but for a discriminator of patches and no clipping of gradients; how
the quoted row made it one of segmentation is not published. Steps and optimiser of the segmentation network are those
of joint training. Not measured here.
"""

from configs.metapix.common import JOINT, OPTIMIZER, SOURCE, TARGET, network, trained
from jaxseg import models
from jaxseg.methods import PixelDA
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = PixelDA(
        network=network(split=0),
        generator=models.redrawer(remat=True),
        discriminator=models.redrawn_discriminator(),
        objective={"source": SOURCE, "target": TARGET},
        steps=JOINT,
        optimizer=OPTIMIZER,
    )
    return trained("gta5-cityscapes-pixel-da", method)
