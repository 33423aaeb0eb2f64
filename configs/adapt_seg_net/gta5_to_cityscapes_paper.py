r"""AdaptSegNet, multi-level, from GTA5 to Cityscapes (Tsai et al., CVPR 2018): 42.4 mIoU.

    python -m experiments.train configs/adapt_seg_net/gta5_to_cityscapes_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

All 24,966 images of GTA5, one image a domain and step, no augmentation, no pretraining on the source. Cross entropy
with weights 1 and 0.1 on the two heads, a discriminator of the probabilities of each with 0.001 and 0.0002.
Schedules count to 250,000 and are stopped at 150,000. Scales and biases of batch normalisation are held fixed, its
statistics are not.

Options: `--network.module.active 2` sums the two branches of the released head. `--levels.main.weight 0.0005
--levels.aux.weight 0.00005` are what its authors recommend with later versions of their framework, where they call
the multi-level form hard to reproduce. Not measured here.
"""

from configs.adapt_seg_net.common import AUX_LEVEL, MAIN_LEVEL, adversarial
from jaxseg.train import Experiment

STEPS = 150_000


def experiment() -> Experiment:
    """The experiment."""
    return adversarial("gta5-cityscapes-adapt-seg-net", {"main": MAIN_LEVEL, "aux": AUX_LEVEL}, steps=STEPS)
