r"""AdvEnt from GTA5 to Cityscapes (Vu et al., CVPR 2019): 43.8 mIoU.

    python -m experiments.train configs/advent/gta5_to_cityscapes_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

All 24,966 images of GTA5, one image a domain and step, no augmentation, no pretraining on the source. Cross entropy
with weights 1 and 0.1 on the two heads, a discriminator of the weighted self-information of each with 0.001 and
0.0002. Schedules count to 250,000 and are stopped at 120,000; the paper reports the best of 60 checkpoints by the
target's labels, here it is the last. Scales and biases of batch normalisation are held fixed, its statistics are
not.

The row "AdvEnt+MinEnt" (45.5; 44.8 in the paper of maximum squares) averages the logits of this network and of
`configs/min_ent/gta5_to_cityscapes_paper.py`. Not measured here.
"""

from configs.adapt_seg_net.common import AUX_LEVEL, MAIN_LEVEL, adversarial
from jaxseg.train import Experiment

STEPS = 120_000


def experiment() -> Experiment:
    """The experiment."""
    return adversarial(
        "gta5-cityscapes-advent",
        {"main": MAIN_LEVEL, "aux": AUX_LEVEL},
        steps=STEPS,
        maps="self_information",
    )
