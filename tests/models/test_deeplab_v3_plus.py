"""DeepLabv3+ against a torch decoder on timm's Xception-65: counts, sizes, values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models import xception
from jaxseg.models.deeplab_v3_plus import deeplab_v3_plus
from tests.models import _fresh, oracles
from tests.models._fresh import abstract, parameters


@pytest.mark.parametrize(
    ("classes", "options", "published"),
    [
        pytest.param(21, {}, 41_055_413, marks=pytest.mark.fast),
        (19, {}, 41_054_899),
        (19, {"backbone": "resnet101"}, 59_343_795),
        (21, {"backbone": "resnet101"}, 59_344_309),
    ],
)
def test_parameter_counts_are_the_published_ones(classes, options, published):
    assert parameters(deeplab_v3_plus(classes, **options)) == published


@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("backbone", ["xception65", "resnet50"])
def test_logits_are_a_quarter_of_the_image_rounded_up(backbone, output_stride):
    network = deeplab_v3_plus(5, backbone=backbone, width=1 / 16, output_stride=output_stride)
    for height, width in ((65, 48), (33, 62)):
        image, variables = abstract(network, height, width)
        output, _ = jax.eval_shape(lambda v, x, n=network: n.apply(v, x, train=False), variables, image)
        assert output.logits.shape == (1, -(-height // 4), -(-width // 4), 5)
        assert output.features.shape == (1, -(-height // 4), -(-width // 4), 16)
    assert network.align_corners


def torch_deeplab(trunk, classes, low_of, separable, given_low):
    """The head of DeepLabv3+ (Chen et al. 2018, Fig. 2) in torch on a trunk that yields (low, high)."""
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    from torch import nn

    class Separable(nn.Module):
        def __init__(self, given, features, rate):
            super().__init__()
            self.conv_dw = nn.Conv2d(given, given, 3, padding=rate, dilation=rate, groups=given, bias=False)
            self.bn_dw = nn.BatchNorm2d(given)
            self.conv_pw = nn.Conv2d(given, features, 1, bias=False)
            self.bn_pw = nn.BatchNorm2d(features)

        def forward(self, x):
            return self.bn_pw(self.conv_pw(self.bn_dw(self.conv_dw(x)).relu())).relu()

    def plain(given, features, side=1, rate=1):
        conv = nn.Conv2d(given, features, side, padding=rate * (side // 2), dilation=rate, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(features), nn.ReLU())

    def three(given, features, rate):
        return Separable(given, features, rate) if separable else plain(given, features, 3, rate)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = trunk
            self.aspp = nn.Module()
            pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), *plain(2048, 256))
            dilated = [three(2048, 256, rate) for rate in (6, 12, 18)]
            self.aspp.convs = nn.ModuleList([plain(2048, 256), *dilated, pooled])
            self.aspp.project = plain(1280, 256)
            self.decoder = nn.Module()
            self.decoder.project = plain(given_low, 48)
            self.decoder.convs = nn.Sequential(three(304, 256, 1), three(256, 256, 1))
            self.head = nn.Conv2d(256, classes, 1)

        def forward(self, x):
            low, high = low_of(self.backbone, x)
            size = high.shape[2:]
            branches = [conv(high) for conv in self.aspp.convs]
            branches[-1] = branches[-1].expand(-1, -1, *size)
            y = self.aspp.project(torch.cat(branches, 1))
            y = nn.functional.interpolate(y, low.shape[2:], mode="bilinear", align_corners=True)
            return self.head(self.decoder.convs(torch.cat([y, self.decoder.project(low)], 1)))

    return Model()


def assert_equals_torch(network, model, size):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    oracles.randomize(model)
    variables = jax.tree.map(jnp.asarray, oracles.variables(model.state_dict()))
    shapes = jax.tree.map(lambda leaf: leaf.shape, abstract(network)[1])
    assert jax.tree.map(lambda leaf: leaf.shape, variables) == shapes
    image, torch_image = oracles.image(*size)
    with torch.no_grad():
        expected = model(torch_image)
    output, _ = network.apply(variables, jnp.asarray(image), train=False)
    oracles.assert_same(output.logits, expected)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(33, 49), (64, 48)])
def test_xception_network_equals_torch(size):
    oracles.torchvision()
    timm = pytest.importorskip("timm", reason="needs timm's model definitions")
    trunk = timm.create_model("xception65", output_stride=16)
    trunk.head = None
    seen = []
    trunk.blocks[1].stack.conv2.register_forward_hook(lambda *call: seen.append(call[2].clone()))

    def low_of(trunk, x):
        high = trunk.forward_features(x)
        return seen[-1], high

    model = torch_deeplab(trunk, 6, low_of, separable=True, given_low=256)
    assert_equals_torch(deeplab_v3_plus(6), model, size)


@pytest.mark.slow
def test_resnet_network_equals_torch():
    models = oracles.torchvision().models
    from torchvision.models._utils import IntermediateLayerGetter

    resnet = models.resnet50(replace_stride_with_dilation=[False, False, True])
    for block in resnet.layer4:  # All alike: torchvision's first block would keep dilation 1.
        block.conv2.dilation = block.conv2.padding = (2, 2)
    trunk = IntermediateLayerGetter(resnet, {"layer1": "low", "layer4": "high"})
    model = torch_deeplab(trunk, 6, lambda t, x: tuple(t(x).values()), separable=False, given_low=256)
    assert_equals_torch(deeplab_v3_plus(6, backbone="resnet50"), model, (33, 40))


@pytest.mark.parametrize(("remat", "dtype"), [(True, jnp.float32), (False, jnp.bfloat16)])
def test_recomputing_changes_nothing_and_half_precision_little(remat, dtype, monkeypatch):
    monkeypatch.setattr(xception, "_MIDDLE", xception._MIDDLE[:1])
    image = jax.random.normal(jax.random.key(1), (2, 17, 16, 3))
    options = {"width": 1 / 32, "dropout": 0.0}
    variables = _fresh.variables(deeplab_v3_plus(4, **options), image)
    plain, after = _fresh.forward(deeplab_v3_plus(4, **options), remat)(variables, image)
    changed = deeplab_v3_plus(4, **options, remat=remat, dtype=dtype)
    other, other_after = _fresh.forward(changed, remat)(variables, image)
    assert other.logits.dtype == jnp.float32
    assert other.features.dtype == dtype
    oracles.assert_same_tree(other.logits, plain.logits, 1e-4 if remat else 0.1)
    if remat:
        oracles.assert_same_tree(other_after, after, 1e-4)


def test_head_names_are_modules_of_the_network():
    network = deeplab_v3_plus(3, width=1 / 32)
    assert set(abstract(network)[1]["params"]) == {"backbone", *network.head}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"backbone": "xception"},
            "deeplab_v3_plus.backbone: 'xception' is not known; use 'xception65', 'resnet101'",
        ),
        ({"output_stride": 4}, "deeplab_v3_plus.output_stride: 4 is not known"),
        ({"dropout": -0.1}, "deeplab_v3_plus.dropout: -0.1; use a probability"),
        ({"momentum": 1.5}, "deeplab_v3_plus.momentum: 1.5; use a number from 0 to below 1"),
        ({"width": -1.0}, "deeplab_v3_plus.width: -1.0; use a number above 0"),
    ],
)
def test_unusable_arguments_are_refused_in_words(arguments, message):
    with pytest.raises(InputError) as error:
        deeplab_v3_plus(19, **arguments)
    assert message in str(error.value)


def test_default_input_follows_the_trunk():
    pixel = jnp.asarray([[[[255, 0, 51]]]], jnp.uint8)
    found = np.asarray(deeplab_v3_plus(19).normalization(pixel)).ravel()
    np.testing.assert_allclose(found, np.array([255, 0, 51]) * 2 / 255 - 1, rtol=1e-5)
    found = np.asarray(deeplab_v3_plus(19, backbone="resnet101").normalization(pixel)).ravel()
    expected = (np.array([255, 0, 51]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
