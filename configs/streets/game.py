"""What the Conservative loss's game has on `streets`: networks, rates, weights. All but the losses' values is ours.

Runs begin, as the paper's warm start does, from a source-only run, `--initialize runs/streets-source/seed0`; only the
cold start begins from random weights. The generator takes the last features of `models.compact`, at half the image's
size. The paper's ablation is by option: `--objective.source.loss.base 3`, `--objective.source.loss.scale 10`.
"""

import dataclasses
from typing import Any

from configs.streets.common import ADAPT, ADAPT_STEPS, NETWORK, base
from jaxseg import models
from jaxseg.losses import Loss
from jaxseg.methods import Adam, ConservativeGAN, Optimizer, Term
from jaxseg.train import Experiment

GENERATOR = models.generator(19, embedding=(32,), strides=(2,), width=4, noise=0)
DISCRIMINATOR = models.patchgan(2, width=16)
OTHERS: Optimizer = Adam(learning_rate=1e-3)


def game(name: str, loss: Loss, **fields: Any) -> Experiment:
    """The game with a loss of the source's labels."""
    values: dict[str, Any] = {
        "network": NETWORK,
        "generator": GENERATOR,
        "discriminator": DISCRIMINATOR,
        "objective": {"source": Term(loss)},
        "steps": ADAPT_STEPS,
        "optimizer": ADAPT,
        "generator_optimizer": OTHERS,
        "discriminator_optimizer": OTHERS,
        "gradient_share": True,
    }
    return dataclasses.replace(base(name), method=ConservativeGAN(**(values | fields)))
