"""DeepLabv3 against torchvision's modules, in both of its forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models import resnet
from jaxseg.models._aspp import PyramidPooling
from jaxseg.models._units import Units
from jaxseg.models.deeplab_v3 import deeplab_v3
from tests.models import _fresh, oracles
from tests.models._fresh import abstract, parameters


@pytest.mark.parametrize(
    ("classes", "options", "published"),
    [
        pytest.param(21, {}, 58_040_661, marks=pytest.mark.fast),
        (19, {}, 58_040_147),
        (21, {"variant": "torchvision"}, 58_630_997),
        (21, {"stem": "beta"}, 58_040_661 - 42_500_160 + 42_623_936),
    ],
)
def test_parameter_counts_are_the_published_ones(classes, options, published):
    assert parameters(deeplab_v3(classes, **options)) == published


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_logits_have_the_output_stride(output_stride):
    network = deeplab_v3(5, depth=50, width=1 / 16, output_stride=output_stride)
    image, variables = abstract(network, 65, 48)
    output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, image)
    assert output.logits.shape == (1, -(-65 // output_stride), -(-48 // output_stride), 5)
    assert network.align_corners


def assert_equals_torch(network, model, *image_sizes):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    oracles.randomize(model)
    variables = jax.tree.map(jnp.asarray, oracles.variables(model.state_dict()))
    shapes = jax.tree.map(lambda leaf: leaf.shape, abstract(network)[1])
    assert jax.tree.map(lambda leaf: leaf.shape, variables) == shapes
    for size in image_sizes:
        image, torch_image = oracles.image(*size)
        with torch.no_grad():
            expected = model.classifier(model.backbone(torch_image)["out"])
        output, _ = network.apply(variables, jnp.asarray(image), train=False)
        oracles.assert_same(output.logits, expected)


@pytest.mark.slow
def test_torchvision_form_equals_torchvision():
    oracles.torchvision()
    from torchvision.models.segmentation import deeplabv3_resnet101

    model = deeplabv3_resnet101(weights=None, weights_backbone=None, num_classes=21, aux_loss=False)
    network = deeplab_v3(21, variant="torchvision")
    assert sum(value.numel() for value in model.parameters()) == parameters(network)
    assert_equals_torch(network, model, (33, 49), (64, 48))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(33, 49), (64, 48)])
def test_paper_form_equals_torchvisions_parts(size):
    models = oracles.torchvision().models
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    from torchvision.models._utils import IntermediateLayerGetter
    from torchvision.models.segmentation.deeplabv3 import ASPP

    trunk = models.resnet50(replace_stride_with_dilation=[False, False, True])
    for block, factor in zip(trunk.layer4, (1, 2, 4), strict=True):
        block.conv2.dilation = block.conv2.padding = (2 * factor, 2 * factor)
    model = torch.nn.Module()
    model.backbone = IntermediateLayerGetter(trunk, {"layer4": "out"})
    rest = [torch.nn.Identity() for _ in range(3)]
    model.classifier = torch.nn.Sequential(ASPP(2048, [6, 12, 18]), *rest, torch.nn.Conv2d(256, 7, 1))
    assert_equals_torch(deeplab_v3(7, depth=50), model, size)


def test_dropout_keeps_the_mean_and_needs_its_key():
    pyramid = PyramidPooling(64, 16, Units("frozen"), rate=0.5)
    x = jax.random.normal(jax.random.key(1), (2, 4, 5, 8))
    variables = pyramid.init(jax.random.key(0), x, train=False)
    whole = pyramid.apply(variables, x, train=False)
    kept = pyramid.apply(variables, x, train=True, rngs={"dropout": jax.random.key(2)})
    np.testing.assert_allclose(kept, np.where(kept != 0, 2 * whole, 0), rtol=1e-5)
    assert 0.4 < (kept != 0).sum() / (whole != 0).sum() < 0.6


def test_recomputing_reaches_the_trunk():
    # That it changes no value is tested with the trunk.
    for remat in (False, True):
        network = deeplab_v3(4, depth=50, width=1 / 16, remat=remat)
        image, variables = abstract(network)
        program = jax.make_jaxpr(lambda v, x, n=network: n.apply(v, x, train=False)[0])(variables, image)
        assert ("remat" in str(program)) == remat


def test_half_precision_inside_gives_float32_logits(monkeypatch):
    monkeypatch.setitem(resnet._BLOCKS, 50, (1, 1, 1, 1))
    options = {"depth": 50, "width": 1 / 16}
    image = jax.random.normal(jax.random.key(1), (1, 17, 16, 3))
    variables = _fresh.variables(deeplab_v3(4, **options), image)
    plain, _ = _fresh.forward(deeplab_v3(4, **options), False)(variables, image)
    half, _ = _fresh.forward(deeplab_v3(4, **options, dtype=jnp.bfloat16), False)(variables, image)
    assert half.logits.dtype == jnp.float32
    oracles.assert_same_tree(half.logits, plain.logits, 0.05)


@pytest.mark.parametrize(("variant", "keep"), [("paper", 0.9997), ("torchvision", 0.9)])
def test_running_statistics_keep_what_the_form_says(variant, keep, monkeypatch):
    monkeypatch.setitem(resnet._BLOCKS, 50, (1, 1, 1, 1))
    network = deeplab_v3(3, variant=variant, depth=50, width=1 / 16, dropout=0.0)
    image = 1 + jax.random.normal(jax.random.key(1), (2, 17, 16, 3))
    variables = _fresh.variables(network, image)
    _, after = _fresh.forward(network, True)(variables, image)
    kernel = np.asarray(variables["params"]["backbone"]["conv1"]["kernel"])
    padded = np.pad(np.asarray(image), ((0, 0), (3, 3), (3, 3), (0, 0)))
    windows = [padded[:, i : i + 7, j : j + 7] for i in range(0, 17, 2) for j in range(0, 16, 2)]
    rows = [np.einsum("nabd,abde->ne", window, kernel) for window in windows]
    expected = (1 - keep) * np.concatenate(rows).mean(0)
    np.testing.assert_allclose(after["backbone"]["bn1"]["mean"], expected, rtol=1e-3, atol=1e-6)


def test_head_names_are_modules_of_the_network():
    for variant in ("paper", "torchvision"):
        network = deeplab_v3(3, variant=variant, depth=50, width=1 / 16)
        assert set(abstract(network)[1]["params"]) == {"backbone", *network.head}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "tf"}, "deeplab_v3.variant: 'tf' is not known; use 'paper' or 'torchvision'"),
        ({"output_stride": 4}, "deeplab_v3.output_stride: 4 is not known"),
        ({"multi_grid": (1, 0, 1)}, "deeplab_v3.multi_grid: (1, 0, 1); use factors of at least 1"),
        ({"dropout": 1.0}, "deeplab_v3.dropout: 1.0; use a probability"),
        ({"momentum": 1.0}, "deeplab_v3.momentum: 1.0; use a number from 0 to below 1"),
        ({"batch_norm": "eval"}, "deeplab_v3.batch_norm: 'eval' is not known"),
    ],
)
def test_unusable_arguments_are_refused_in_words(arguments, message):
    with pytest.raises(InputError) as error:
        deeplab_v3(19, **arguments)
    assert message in str(error.value)


def test_default_input_is_imagenets():
    pixel = jnp.asarray([[[[255, 0, 124]]]], jnp.uint8)
    found = np.asarray(deeplab_v3(19).normalization(pixel)).ravel()
    expected = (np.array([255, 0, 124]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
