"""What published weights and a network do not have in common though the arrays fit."""

import re
from collections.abc import Iterable

from jaxseg.models._layouts import Layout
from jaxseg.models._variable_names import Place, name_of
from jaxseg.models.network import Network
from jaxseg.models.resnet import ResNet

_STRIDING = {"torchvision": "3x3 (torchvision's form)", "caffe": "first 1x1 (Caffe's form)"}


def cautions(
    network: Network, layout: Layout | None, skipped: Iterable[str], missing: Iterable[Place]
) -> str:
    """A remark where a ResNet strides elsewhere or has another depth, or DeepLabv3 another form; otherwise empty.

    Args:
      network: which the weights go into.
      layout: of the file, None for the project's own.
      skipped: names of the file's arrays that have no place in the network.
      missing: places of the network's arrays that the file does not hold.
    """
    trunk = getattr(getattr(network, "module", None), "trunk", None)
    if layout is None or layout.variant is None or not isinstance(trunk, ResNet):
        return ""
    told = []
    if trunk.variant != layout.variant:
        told.append(
            f"CAUTION: these weights are of a ResNet that strides in the {_STRIDING[layout.variant]}, and this network "
            f"strides in the {_STRIDING[trunk.variant]}: it computes other features of them until it is trained"
        )
    if layout.name == "deeplabv3_resnet" and not trunk.lagging:
        told.append(
            "CAUTION: these weights are of torchvision's DeepLabv3, whose dilations and last layers are others; "
            'deeplab_v3(classes, variant="torchvision") has them'
        )
    over, without = (_blocks(names) for names in (skipped, map(name_of, missing)))
    if over or without:
        told.append(
            f"CAUTION: these weights are of a ResNet of another depth: {len(over)} of their residual blocks are left "
            f"out, and {len(without)} of the network's are not in the file"
        )
    return "; ".join(told)


def _blocks(names: Iterable[str]) -> set[str]:
    """The residual blocks that arrays are of.

    >>> sorted(_blocks(["backbone.layer3.10.conv1.weight", "layer3.10.bn1.bias", "classifier.4.bias"]))
    ['layer3.10']
    """
    found = (re.search(r"\blayer\d+\.\d+(?=\.)", name) for name in names)
    return {match.group() for match in found if match}
