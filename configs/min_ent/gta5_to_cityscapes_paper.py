r"""Entropy minimisation from GTA5 to Cityscapes, MinEnt of AdvEnt's paper (Vu et al., CVPR 2019): 42.3 mIoU.

    python -m experiments.train configs/min_ent/gta5_to_cityscapes_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

All 24,966 images of GTA5, one image a domain and step, no augmentation, no pretraining on the source. Two heads:
cross entropy with weights 1 and 0.1, normalised entropy of the target with 0.001 and 0.0002. The schedule counts to
250,000 and is stopped at 120,000; AdvEnt reports the best of its 60 checkpoints by the target's labels, here it is
the last. Scales and biases of batch normalisation are held fixed, its statistics are not.

MinEnt as the paper of maximum squares has it for comparison (42.2) is the loss in nats on one head after
pretraining; its weight is not known. Not measured here.
"""

from configs.min_ent.common import minimised
from configs.street_recipes import GTA5_SIZE
from jaxseg.data import GTA5, Cityscapes
from jaxseg.train import Experiment

STEPS, COUNTED = 120_000, 250_000


def experiment() -> Experiment:
    """The experiment."""
    return minimised(
        "gta5-cityscapes-min-ent", GTA5(resize=GTA5_SIZE), Cityscapes(), steps=STEPS, counted=COUNTED
    )
