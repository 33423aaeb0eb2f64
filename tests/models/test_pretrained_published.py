"""Weights of the published models themselves: every name and shape has its place, and outputs are the same."""

import re
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.models import pretrained
from jaxseg.models._layouts import LAYOUTS
from jaxseg.models._variable_names import fitted, flat, name_of
from jaxseg.models.classifier import resnet_classifier
from jaxseg.models.deeplab_v2 import deeplab_v2
from jaxseg.models.deeplab_v3 import deeplab_v3
from jaxseg.models.deeplab_v3_plus import deeplab_v3_plus
from jaxseg.models.fcn import fcn8s
from jaxseg.models.segnet import segnet


def published(make):
    """Names and shapes of a published model, without its numbers."""
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    sys.modules.setdefault(
        "torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations")
    )
    module, _, name = make.partition(".")
    reason = f"needs {module}, an oracle only"
    library = pytest.importorskip(module, reason=reason)
    with torch.device("meta"):
        if module == "timm":
            model = library.create_model(name)
        elif "deeplab" in make:
            pytest.importorskip("torchvision.models.segmentation", reason=reason)
            function = getattr(library.models.segmentation, name)
            model = function(weights=None, weights_backbone=None, aux_loss=False)
        else:
            model = getattr(library.models, name)()
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


NOTHING = "$"
SCORES = r"score_(fr|pool4|pool3)\."
DECODER = r"(conv|bn)\d\dd\."
PUBLISHED = {
    "vgg16 to fcn8s": ("torchvision.vgg16", "vgg16", lambda: fcn8s(19), r"classifier\.6\.", SCORES),
    "vgg16 to segnet": (
        "torchvision.vgg16",
        "vgg16",
        lambda: segnet(11),
        r"classifier\.",
        rf"{DECODER}|bn\d\d\.",
    ),
    "vgg16_bn to fcn8s": (
        "torchvision.vgg16_bn",
        "vgg16_bn",
        lambda: fcn8s(19, trunk="vgg16_bn"),
        r"classifier\.6\.",
        SCORES,
    ),
    "vgg16_bn to segnet": ("torchvision.vgg16_bn", "vgg16_bn", lambda: segnet(11), r"classifier\.", DECODER),
    "timm's vgg16 to fcn8s": ("timm.vgg16", "timm_vgg16", lambda: fcn8s(19), r"head\.", SCORES),
    "resnet50 to the classifier": (
        "torchvision.resnet50",
        "resnet",
        lambda: resnet_classifier(31),
        r"fc\.",
        r"bottleneck\.[01]\.|head\.",
    ),
    "resnet50 as it is": (
        "torchvision.resnet50",
        "resnet",
        lambda: resnet_classifier(1000, bottleneck=None),
        NOTHING,
        NOTHING,
    ),
    "resnet101 to deeplab_v2": (
        "torchvision.resnet101",
        "resnet",
        lambda: deeplab_v2(19),
        r"fc\.",
        r"layer5\.",
    ),
    "resnet101 to deeplab_v3": (
        "torchvision.resnet101",
        "resnet",
        lambda: deeplab_v3(19),
        r"fc\.",
        r"classifier\.",
    ),
    "deeplabv3_resnet101 as it is": (
        "torchvision.deeplabv3_resnet101",
        "deeplabv3_resnet",
        lambda: deeplab_v3(21, variant="torchvision"),
        NOTHING,
        NOTHING,
    ),
    "timm's resnet101 to deeplab_v3_plus": (
        "timm.resnet101",
        "resnet",
        lambda: deeplab_v3_plus(19, backbone="resnet101"),
        r"fc\.",
        r"(aspp|decoder|head)\.",
    ),
    "timm's xception65 to deeplab_v3_plus": (
        "timm.xception65",
        "xception65",
        lambda: deeplab_v3_plus(19),
        r"head\.",
        r"(aspp|decoder|head)\.",
    ),
}


@pytest.mark.parametrize(
    ("model", "layout", "network", "left_out", "missing"), PUBLISHED.values(), ids=PUBLISHED.keys()
)
def test_every_published_array_has_its_place(model, layout, network, left_out, missing):
    """All but those left out have one of their shape, and the network lacks nothing but what is missing."""
    shapes = {name: shape for name, shape in published(model).items() if "num_batches" not in name}
    found = pretrained.recognised(Path("file"), shapes, {}, None, own=())
    assert found.name == layout
    leaves = flat(jax.eval_shape(network().init, jax.random.key(0), jnp.zeros((1, 64, 64, 3))))
    matched = pretrained.matches(shapes, found, leaves)
    for name, places in matched.items():
        assert bool(places) != bool(re.match(left_out, name)), name
        for place in places:
            array = np.broadcast_to(np.float32(0), shapes[name])
            assert fitted(array, leaves[place].shape) is not None, (name, place)
    given = {place for places in matched.values() for place in places}
    for place in leaves:
        assert (place in given) != bool(re.match(missing, name_of(place))), name_of(place)


def test_torchvisions_auxiliary_head_is_left_out():
    found = next(layout for layout in LAYOUTS if layout.name == "deeplabv3_resnet")
    place = ("params", "classifier_4", "bias")
    matched = pretrained.matches(["aux_classifier.4.bias", "classifier.4.bias"], found, [place])
    assert matched == {"aux_classifier.4.bias": [], "classifier.4.bias": [place]}


@pytest.mark.slow
def test_a_torchvision_resnet_computes_the_same(tmp_path):
    published("torchvision.resnet50")
    import torch
    import torchvision

    torch.manual_seed(0)
    model = torchvision.models.resnet50().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    torch.save(model.state_dict(), tmp_path / "resnet50.pth")
    loaded = pretrained.load(resnet_classifier(1000, bottleneck=None), tmp_path / "resnet50.pth")
    assert loaded.report.missing == loaded.report.skipped == ()
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    images = torch.tensor(((pixels / 255 - mean) / std).astype(np.float32).transpose(0, 3, 1, 2))
    with torch.no_grad():
        expected = model(images).numpy()
    normalized = loaded.network.normalization(jnp.asarray(pixels))
    output, _ = loaded.network.apply(loaded.variables, normalized, train=False)
    np.testing.assert_allclose(output.logits, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.slow
def test_a_torchvision_vgg_computes_the_same_fc7(tmp_path):
    published("torchvision.vgg16")
    safetensors = pytest.importorskip(
        "safetensors.torch", reason="needs the torch extra: pip install -e '.[torch]'"
    )
    import torch
    import torchvision

    torch.manual_seed(0)
    model = torchvision.models.vgg16().eval()
    safetensors.save_file(model.state_dict(), tmp_path / "vgg16.safetensors")
    loaded = pretrained.load(fcn8s(19, variant="metapix"), tmp_path / "vgg16.safetensors")
    image = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype(np.float32)
    with torch.no_grad():
        x = model.avgpool(model.features(torch.tensor(image.transpose(0, 3, 1, 2)))).flatten(1)
        expected = model.classifier[:5](x).numpy()
    output, _ = loaded.network.apply(loaded.variables, jnp.asarray(image), train=False)
    assert output.features.shape == (1, 1, 1, 4096)
    np.testing.assert_allclose(output.features[0, 0], expected, atol=1e-3 * np.abs(expected).max())
