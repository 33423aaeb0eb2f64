"""A network of one's own, a Flax NNX module, trained on synthetic streets. Nothing was measured with it.

python -m experiments.train configs/streets/own_nnx.py
"""

import dataclasses
from typing import Any

from flax import nnx

from configs.streets.common import base
from jaxseg.models import NNXNetwork
from jaxseg.train import Experiment


class Mine(nnx.Module):
    """Two convolutions and batch normalisation; the logits are at half the image's size."""

    def __init__(self, rngs):
        self.down = nnx.Conv(3, 32, (3, 3), strides=2, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.head = nnx.Conv(32, 19, (3, 3), rngs=rngs)

    def __call__(self, image):
        """Logits."""
        return self.head(nnx.relu(self.norm(self.down(image))))


def experiment() -> Experiment:
    """The experiment."""
    source = base("streets-own-nnx")
    network = NNXNetwork(19, make=Mine)
    method: Any = source.method
    return dataclasses.replace(source, method=dataclasses.replace(method, network=network))
