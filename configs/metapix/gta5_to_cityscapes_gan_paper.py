r"""Joint training with an adversary, GTA5 and labelled Cityscapes: 64.0 mIoU (Table 1, quoted there).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_gan_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

Cross entropy of both domains, and a discriminator of the network's probabilities. The quoted row's recipe is not
published; discriminator, its optimiser and the weight 0.001 are AdaptSegNet's. Steps and optimiser are those of joint
training. Not measured here.
"""

from configs.metapix.common import JOINT, OPTIMIZER, SOURCE, TARGET, network, trained
from jaxseg import models
from jaxseg.methods import Adam, AdversarialMethod, Level
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = AdversarialMethod(
        network=network(split=0),
        discriminator=models.output_discriminator(19),
        objective={"source": SOURCE, "target": TARGET},
        steps=JOINT,
        levels={"main": Level(weight=0.001)},
        optimizer=OPTIMIZER,
        discriminator_optimizer=Adam(learning_rate=1e-4, b1=0.9, b2=0.99),
    )
    return trained("gta5-cityscapes-gan-joint", method)
