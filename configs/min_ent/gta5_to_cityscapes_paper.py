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

from configs.street_recipes import GTA5_SIZE, recipe, resized, sgd
from jaxseg import losses, models
from jaxseg.data import GTA5, Cityscapes
from jaxseg.methods import ObjectiveMethod, Term
from jaxseg.train import Experiment

STEPS, COUNTED = 120_000, 250_000


def experiment() -> Experiment:
    """The experiment."""
    cross_entropy, entropy = losses.SoftmaxCrossEntropy(), losses.Entropy(normalized=True)
    method = ObjectiveMethod(
        network=models.deeplab_v2(19, multi_level=True),
        objective={
            "source": Term(cross_entropy),
            "source_aux": Term(cross_entropy, weight=0.1, head="aux"),
            "target": Term(entropy, weight=0.001, domain="target"),
            "target_aux": Term(entropy, weight=0.0002, domain="target", head="aux"),
        },
        steps=STEPS,
        optimizer=sgd(stretch=COUNTED / STEPS, norm=False),
    )
    return recipe("gta5-cityscapes-min-ent", GTA5(resize=GTA5_SIZE), Cityscapes(), method, resized())
