"""A network of one's own, a Flax Linen module, trained on synthetic streets. Nothing was measured with it.

python -m experiments.train configs/streets/own_linen.py
"""

import dataclasses
from typing import Any

import flax.linen as nn

from configs.streets.common import base
from jaxseg.models import LinenNetwork
from jaxseg.train import Experiment


class Mine(nn.Module):
    """Two convolutions; the logits are at half the image's size."""

    classes: int

    @nn.compact
    def __call__(self, image, train):
        """Logits."""
        features = nn.relu(nn.Conv(32, (3, 3), strides=2)(image))
        return nn.Conv(self.classes, (3, 3), name="head")(features)


def experiment() -> Experiment:
    """The experiment."""
    source = base("streets-own-linen")
    network = LinenNetwork(19, module=Mine(19))
    method: Any = source.method
    return dataclasses.replace(source, method=dataclasses.replace(method, network=network))
