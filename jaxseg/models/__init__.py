"""Segmentation networks and their helpers: Flax modules behind one small interface, `Network`.

Shared layers are in `jaxseg.models.layers`, published weights in `jaxseg.models.pretrained`.
"""

from jaxseg.models._auxiliary import MapNetwork
from jaxseg.models._precision import with_precision
from jaxseg.models.classifier import digits_classifier, resnet_classifier
from jaxseg.models.compact import compact
from jaxseg.models.deeplab_v2 import deeplab_v2
from jaxseg.models.deeplab_v3 import deeplab_v3
from jaxseg.models.deeplab_v3_plus import deeplab_v3_plus
from jaxseg.models.discriminators import (
    domain_classifier,
    lsd_discriminator,
    output_discriminator,
    patchgan,
)
from jaxseg.models.enet import enet
from jaxseg.models.fcn import fcn8s, unsplit, with_split
from jaxseg.models.generator import GeneratorNetwork, generator
from jaxseg.models.network import LinenNetwork, Network, Normalization, Output
from jaxseg.models.nnx_network import NNXNetwork
from jaxseg.models.pixelda import redrawer, redrawn_discriminator
from jaxseg.models.segnet import segnet
from jaxseg.models.unet import unet_weights

__all__ = [
    "GeneratorNetwork",
    "LinenNetwork",
    "MapNetwork",
    "NNXNetwork",
    "Network",
    "Normalization",
    "Output",
    "compact",
    "deeplab_v2",
    "deeplab_v3",
    "deeplab_v3_plus",
    "digits_classifier",
    "domain_classifier",
    "enet",
    "fcn8s",
    "generator",
    "lsd_discriminator",
    "output_discriminator",
    "patchgan",
    "redrawer",
    "redrawn_discriminator",
    "resnet_classifier",
    "segnet",
    "unet_weights",
    "unsplit",
    "with_precision",
    "with_split",
]
