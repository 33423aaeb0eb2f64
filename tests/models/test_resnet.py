"""The ResNet trunk against torchvision's and timm's modules, its strides and dilations, and its recomputation."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models import resnet
from jaxseg.models._units import Units
from jaxseg.models.classifier import resnet_classifier
from jaxseg.models.resnet import Backbone, Bottleneck, ResNet
from tests.models import _fresh, oracles


def parameters(trunk):
    image = jnp.zeros((1, 32, 32, 3))
    variables = jax.eval_shape(lambda x: Backbone(trunk).init(jax.random.key(0), x, False), image)
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def sizes(trunk, height, width):
    image = jnp.zeros((1, height, width, 3))
    features = jax.eval_shape(
        lambda x: Backbone(trunk).init_with_output(jax.random.key(0), x, False)[0], image
    )
    return {name: value.shape[1:] for name, value in features.items()}


@pytest.mark.parametrize(
    ("trunk", "published"),
    [
        pytest.param(ResNet(50), 23_508_032, marks=pytest.mark.fast),
        (ResNet(101), 42_500_160),
        (ResNet(101, "caffe", output_stride=8), 42_500_160),
        (ResNet(101, stem="beta"), 42_623_936),
    ],
)
def test_parameter_counts_are_the_published_ones(trunk, published):
    assert parameters(trunk) == published


def torch_features(model, image):
    """Features of the four layers of a torchvision or timm ResNet."""
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    with torch.no_grad():
        x = model.conv1(image)
        x = model.bn1(x)
        x = model.relu(x) if hasattr(model, "relu") else model.act1(x)
        x = model.maxpool(x)
        features = {}
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = features[name] = getattr(model, name)(x)
    return features


def assert_same_features(trunk, model, *images_sizes):
    oracles.randomize(model)
    state = {key: value for key, value in model.state_dict().items() if not key.startswith("fc.")}
    variables = jax.tree.map(jnp.asarray, oracles.variables(state))
    for size in images_sizes:
        image, torch_image = oracles.image(*size)
        expected = torch_features(model, torch_image)
        found = Backbone(trunk).apply(variables, jnp.asarray(image), False)
        assert found.keys() == expected.keys()
        for name, features in expected.items():
            oracles.assert_same(found[name], features, 1e-4)


@pytest.mark.slow
def test_resnet50_equals_torchvision():
    model = oracles.torchvision().models.resnet50()
    assert_same_features(ResNet(50), model, (33, 49), (64, 48))


@pytest.mark.slow
def test_resnet101_equals_torchvision():
    model = oracles.torchvision().models.resnet101()
    assert_same_features(ResNet(101), model, (33, 49), (64, 48))


@pytest.mark.parametrize("output_stride", [8, 16])
def test_dilation_equals_torchvision_where_the_first_block_lags(output_stride):
    dilated = [False, output_stride == 8, True]
    model = oracles.torchvision().models.resnet50(replace_stride_with_dilation=dilated)
    assert_same_features(ResNet(50, output_stride=output_stride, lagging=True), model, (33, 40))


def test_three_convolutions_as_stem_equal_timm():
    oracles.torchvision()
    timm = pytest.importorskip("timm", reason="needs timm's model definitions")
    assert_same_features(ResNet(50, stem="beta"), timm.create_model("resnet50s"), (33, 40))


def longhand_conv(x, kernel, stride=1, dilation=1):
    """[H, W, D] convolved with [k, k, D, E] at "same" size, pixel by pixel."""
    k = kernel.shape[0]
    margin = dilation * (k - 1) // 2
    padded = np.pad(x, ((margin, margin), (margin, margin), (0, 0)))
    height, width = (-(-side // stride) for side in x.shape[:2])
    y = np.zeros((height, width, kernel.shape[-1]))
    for i in range(height):
        for j in range(width):
            rows = slice(i * stride, i * stride + 2 * margin + 1, dilation)
            columns = slice(j * stride, j * stride + 2 * margin + 1, dilation)
            y[i, j] = np.einsum("abd,abde->e", padded[rows, columns], kernel)
    return y


@pytest.mark.parametrize("caffe", [False, True])
def test_block_strides_where_its_form_says(caffe):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 6, 7, 4)).astype(np.float32)
    block = Bottleneck(2, Units("frozen", epsilon=0.0), stride=2, dilation=2, project=True, caffe=caffe)
    variables = block.init(jax.random.key(0), jnp.asarray(x), False)
    kernels = {
        name: np.asarray(p["kernel"], float) for name, p in variables["params"].items() if "kernel" in p
    }
    first, second = (2, 1) if caffe else (1, 2)
    # Fresh statistics are mean 0 and variance 1: normalisation changes nothing.
    y = np.maximum(longhand_conv(x[0], kernels["conv1"], first), 0)
    y = np.maximum(longhand_conv(y, kernels["conv2"], second, 2), 0)
    y = longhand_conv(y, kernels["conv3"]) + longhand_conv(x[0], kernels["downsample_0"], 2)
    found = np.asarray(block.apply(variables, jnp.asarray(x), False))[0]
    np.testing.assert_allclose(found, np.maximum(y, 0), rtol=1e-4, atol=1e-5)


def dilations(trunk):
    """Dilation of the 3x3 of every block of layers 3 and 4, seen by calling it."""
    seen = []

    def spy(call, arguments, keywords, context):
        if isinstance(context.module, Bottleneck) and context.method_name == "__call__":
            seen.append((context.module.name, context.module.dilation, context.module.stride))
        return call(*arguments, **keywords)

    with nn.intercept_methods(spy):
        jax.eval_shape(lambda x: Backbone(trunk).init(jax.random.key(0), x, False), jnp.zeros((1, 16, 16, 3)))
    return [(dilation, stride) for name, dilation, stride in seen if name[:6] in ("layer3", "layer4")]


def test_multi_grid_multiplies_the_dilation_of_the_last_layer():
    # Chen et al. 2017, Sec. 3.2.1: at output stride 16 the rates are 2 (1, 2, 4).
    trunk = ResNet(50, output_stride=16, multi_grid=(1, 2, 4))
    assert dilations(trunk) == [(1, 2), *[(1, 1)] * 5, (2, 1), (4, 1), (8, 1)]
    trunk = ResNet(50, output_stride=8, multi_grid=(1, 2, 4))
    assert dilations(trunk) == [*[(2, 1)] * 6, (4, 1), (8, 1), (16, 1)]


def test_caffe_pools_one_more_pixel():
    assert sizes(ResNet(width=0.1), 64, 65)["layer1"] == (16, 17, 32)
    assert sizes(ResNet(variant="caffe", width=0.1), 64, 65)["layer1"] == (17, 17, 32)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_output_stride_is_that_of_the_last_layer(output_stride):
    found = sizes(ResNet(output_stride=output_stride), 64, 97)
    assert found["layer4"] == (64 // output_stride, -(-97 // output_stride), 2048)
    assert found["layer1"] == (16, 25, 256)


def test_recomputing_changes_nothing(monkeypatch):
    monkeypatch.setitem(resnet._BLOCKS, 50, (1, 1, 1, 1))
    image = jax.random.normal(jax.random.key(1), (2, 17, 16, 3))
    results = []
    for remat in (False, True):
        network = resnet_classifier(3, width=1 / 16, remat=remat)
        variables = _fresh.variables(network, image)
        program = jax.make_jaxpr(lambda v, x, n=network: n.apply(v, x, train=True))(variables, image)
        assert ("remat" in str(program)) == remat
        results.append(_fresh.forward(network, True)(variables, image))
    (plain, after), (again, after_again) = results
    oracles.assert_same_tree((again.logits, after_again), (plain.logits, after), 1e-4)


def test_gradient_of_a_recomputed_block_is_the_same():
    x = jax.random.normal(jax.random.key(1), (2, 5, 6, 8))
    gradients = []
    variables = Bottleneck(2, Units(), dilation=2).init(jax.random.key(0), x, False)
    for block in (Bottleneck, nn.remat(Bottleneck, static_argnums=(2,))):
        module = block(2, Units(), dilation=2)

        def loss(params, module=module):
            y, _ = module.apply({**variables, "params": params}, x, True, mutable=["batch_stats"])
            return jnp.square(y).mean()

        gradients.append(jax.jit(jax.grad(loss), compiler_options=_fresh.QUICK)(variables["params"]))
    oracles.assert_same_tree(gradients[1], gradients[0], 1e-4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depth": 34}, "resnet.depth: 34 is not known; use 50 or 101"),
        ({"variant": "tf"}, "resnet.variant: 'tf' is not known; use 'torchvision' or 'caffe'"),
        ({"output_stride": 4}, "resnet.output_stride: 4 is not known; use 8, 16 or 32"),
        ({"stem": "deep"}, "resnet.stem: 'deep' is not known"),
    ],
)
def test_unusable_fields_are_refused_in_words(fields, message):
    with pytest.raises(InputError) as error:
        ResNet(**fields)
    assert message in str(error.value)
