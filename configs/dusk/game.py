"""The Conservative loss's game from day to dusk: as in `configs/streets/game.py`, with the auxiliary head."""

import dataclasses
from typing import Any

from configs.dusk.common import ADAPT, ADAPT_STEPS, NETWORK, base, source
from configs.streets.game import DISCRIMINATOR, OTHERS
from jaxseg import models
from jaxseg.losses import Loss
from jaxseg.methods import ConservativeGAN, Term
from jaxseg.train import Experiment

GENERATOR = models.generator(11, embedding=(32,), strides=(2,), width=4, noise=0)


def game(name: str, loss: Loss, **fields: Any) -> Experiment:
    """The game with a loss of the source's labels on the main head."""
    values: dict[str, Any] = {
        "network": NETWORK,
        "generator": GENERATOR,
        "discriminator": DISCRIMINATOR,
        "objective": {**source(), "source": Term(loss)},
        "steps": ADAPT_STEPS,
        "optimizer": ADAPT,
        "generator_optimizer": OTHERS,
        "discriminator_optimizer": OTHERS,
        "gradient_share": True,
    }
    return dataclasses.replace(base(name), method=ConservativeGAN(**(values | fields)))
