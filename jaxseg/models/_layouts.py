"""The key layouts of published weights: how each is recognised, what its names mean here, what input it expects.

Networks name their modules as the published keys do, numbers attached by an underscore: `layer1.0.conv1.weight` is
`layer1_0/conv1/kernel`. So most names need no table: with every separator an underscore, and the names of the modules
that only hold a trunk left out, both sides are the same.
"""

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from jaxseg.errors import InputError
from jaxseg.models.network import (
    CAFFE_NORMALIZATION,
    IMAGENET_NORMALIZATION,
    UNIT_NORMALIZATION,
    Normalization,
)
from jaxseg.models.vgg import BLOCKS

OWN = "jaxseg"
_HOLDERS = ("backbone", "trunk", "source", "target")
_NUMBERS = re.compile(r"_(\d+)(?=(_\d+)*(\.|$))")
_COUNTER = "num_batches_tracked"


def dotted(path: tuple[str, ...]) -> str:
    """Module path as a published key has it.

    >>> dotted(("backbone", "layer1_0", "convs_4_1", "score_pool4"))
    'backbone.layer1.0.convs.4.1.score_pool4'
    """
    return _NUMBERS.sub(r".\1", ".".join(path))


def canonical(name: str) -> str:
    """What a name of the file and a name of the network have in common.

    >>> canonical("backbone.layer1.0.conv1.weight") == canonical("layer1_0.conv1.weight")
    True
    """
    module, _, leaf = name.rpartition(".")
    while (first := module.partition("."))[0] in _HOLDERS:
        module = first[2]
    return f"{module.replace('.', '_')}.{leaf}"


def _same(name: str) -> tuple[str, ...]:
    return (name,)


def _without(pattern: str) -> Callable[[str], tuple[str, ...]]:
    """Names as they are, but for those whose beginning fits the pattern."""
    return lambda name: () if re.match(pattern, name) else (name,)


def _last_head(name: str) -> tuple[str, ...]:
    """Names of a file whose only head is layer6: the main one of two, else the network's only one."""
    module, _, rest = name.partition(".")
    return (name, f"layer5.{rest}") if module == "layer6" else (name,)


def _vgg(fully_connected: dict[str, str], layers_each: int) -> Callable[[str], tuple[str, ...]]:
    """VGG-16's names: of a trunk and FCN-8s, and of SegNet's encoder."""
    encoder, layer = {}, 0
    for block, (count, _) in enumerate(BLOCKS, start=1):
        for index in range(1, count + 1):
            encoder[f"features.{layer}"] = f"conv{block}{index}"
            if layers_each == 3:
                encoder[f"features.{layer + 1}"] = f"bn{block}{index}"
            layer += layers_each
        layer += 1

    def places(name: str) -> tuple[str, ...]:
        module, _, leaf = name.rpartition(".")
        if module in fully_connected:
            return (f"{fully_connected[module]}.{leaf}",)
        return (name, f"{encoder[module]}.{leaf}") if module in encoder else ()

    return places


@dataclasses.dataclass(frozen=True)
class Layout:
    """One published form of weights.

    Attributes:
      name: what `load(layout=...)` calls it.
      what: whose it is, in words.
      normalization: the input that the weights were trained with.
      has: keys that are all there.
      lacks: keys of which none is there; where has and lacks hold, it is this layout.
      places: names in a network, dots for underscores, that a key of the file can belong to; the first that the network
        has counts; none if it is left out.
      strip: leading component of all keys that means nothing.
      variant: of a ResNet, `"torchvision"` or `"caffe"`, where it strides (see `models.resnet`); None for others.
    """

    name: str
    what: str
    normalization: Normalization
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    places: Callable[[str], tuple[str, ...]] = _same
    strip: str = ""
    variant: str | None = None

    def fits(self, names: Collection[str]) -> bool:
        """Whether the keys of a file are of this layout."""
        found = {name.removeprefix(self.strip) for name in names if name.startswith(self.strip)}
        return found.issuperset(self.has) and found.isdisjoint(self.lacks)


_BOTTLENECK = ("bn1.weight", "layer1.0.conv1.weight", "layer4.0.downsample.0.weight")
_CLASSIFIER = "classifier.0.weight"
_TIMM_CLASSIFIER = "pre_logits.fc1.weight"
_PYRAMID = "classifier.0.convs.0.0.weight"
_BRANCH = "layer5.conv2d_list.0.weight"
_LAST_BRANCH = "layer6.conv2d_list.0.weight"

LAYOUTS = (
    Layout(
        "vgg16",
        "torchvision's VGG-16",
        IMAGENET_NORMALIZATION,
        has=("features.0.weight", "features.28.weight"),
        lacks=("features.1.running_mean", _TIMM_CLASSIFIER),
        places=_vgg({"classifier.0": "fc6", "classifier.3": "fc7"}, 2),
    ),
    Layout(
        "vgg16_bn",
        "torchvision's VGG-16 with batch normalisation",
        IMAGENET_NORMALIZATION,
        has=("features.0.weight", "features.1.running_mean", "features.40.weight"),
        lacks=(_TIMM_CLASSIFIER,),
        places=_vgg({"classifier.0": "fc6", "classifier.3": "fc7"}, 3),
    ),
    Layout(
        "timm_vgg16",
        "timm's VGG-16",
        IMAGENET_NORMALIZATION,
        has=("features.0.weight", "features.28.weight", _TIMM_CLASSIFIER),
        lacks=("features.1.running_mean", _CLASSIFIER),
        places=_vgg({"pre_logits.fc1": "fc6", "pre_logits.fc2": "fc7"}, 2),
    ),
    Layout(
        "resnet",
        "torchvision's or timm's ResNet",
        IMAGENET_NORMALIZATION,
        has=_BOTTLENECK,
        lacks=(_BRANCH, _LAST_BRANCH),
        variant="torchvision",
    ),
    Layout(
        "deeplabv3_resnet",
        "torchvision's DeepLabv3 on ResNet",
        IMAGENET_NORMALIZATION,
        has=(*(f"backbone.{name}" for name in _BOTTLENECK), _PYRAMID),
        places=_without(r"aux_classifier\."),
        variant="torchvision",
    ),
    Layout(
        "xception65",
        "timm's Xception-65",
        UNIT_NORMALIZATION,
        has=(
            "stem.0.conv.weight",
            "blocks.0.stack.conv1.conv_dw.weight",
            "blocks.20.stack.conv3.conv_pw.weight",
        ),
        places=_without(r"head\."),
    ),
    Layout(
        "deeplab_resnet_init",
        "DeepLab's Caffe-style ResNet initialisation",
        CAFFE_NORMALIZATION,
        has=_BOTTLENECK,
        places=_without(r"layer5\."),
        strip="Scale.",
        variant="caffe",
    ),
    Layout(
        "deeplab_v2",
        "released DeepLabv2 with its heads",
        CAFFE_NORMALIZATION,
        has=(*_BOTTLENECK, _BRANCH),
        variant="caffe",
    ),
    Layout(
        "deeplab_v2_layer6",
        "released DeepLabv2 whose one head is layer6",
        CAFFE_NORMALIZATION,
        has=(*_BOTTLENECK, _LAST_BRANCH),
        lacks=(_BRANCH,),
        places=_last_head,
        variant="caffe",
    ),
)
"""All layouts but the project's own."""


def is_counter(name: str) -> bool:
    """Whether a key is torch's count of batches, which nothing here has."""
    return name.rpartition(".")[2] == _COUNTER


def recognised(
    path: Path,
    names: Collection[str],
    metadata: Mapping[str, str],
    layout: str | None,
    own: Collection[str],
) -> Layout | None:
    """The layout of a file's keys, or the one of the given name; None is the project's own.

    Args:
      path: the file, for messages.
      names: its keys.
      metadata: what it says of itself.
      layout: name of a layout, or None.
      own: the network's names as `export` writes them.

    Raises:
      InputError: the layout is not known, or keys fit none or several.
    """
    known = ", ".join([*(each.name for each in LAYOUTS), OWN])
    if layout is not None:
        if layout != OWN and layout not in {each.name for each in LAYOUTS}:
            raise InputError(f"layout: {layout!r} is not known; use one of {known}")
        return next((each for each in LAYOUTS if each.name == layout), None)
    if metadata.get("library") == OWN:
        return None
    fitting = [each for each in LAYOUTS if each.fits(names)]
    if len(fitting) > 1:
        several = " and ".join(each.name for each in fitting)
        raise InputError(f"weights {path}: its keys fit {several}; say which with layout=")
    if fitting:
        return fitting[0]
    if own and set(names) == set(own):
        return None
    some = ", ".join(sorted(names)[:3])
    raise InputError(f"weights {path}: its keys ({some}, ...) are of no known layout; known are {known}")
