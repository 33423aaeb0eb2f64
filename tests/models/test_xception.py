"""Depthwise convolution against longhand NumPy and on a mesh, the Xception-65 trunk against timm's module."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxseg.errors import InputError
from jaxseg.models._separable import depthwise
from jaxseg.models._units import Units
from jaxseg.models.xception import Xception65, XceptionBlock
from tests.models import oracles


class Trunk(nn.Module):
    config: Xception65

    @nn.compact
    def __call__(self, image, train):
        return self.config(image, train)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("size", "stride", "dilation"),
    [((5, 6), 1, 1), ((5, 6), 2, 1), ((6, 7), 1, 3), ((7, 8), 2, 2), ((1, 2), 1, 18)],
)
def test_depthwise_convolution(size, stride, dilation):
    x, kernel = draw(2, *size, 3), draw(3, 3, 1, 3, seed=1)
    found = np.asarray(depthwise(jnp.asarray(x), jnp.asarray(kernel), stride, dilation))
    padded = np.pad(x, ((0, 0), (dilation, dilation), (dilation, dilation), (0, 0)))
    assert found.shape == (2, -(-size[0] // stride), -(-size[1] // stride), 3)
    for i in range(found.shape[1]):
        for j in range(found.shape[2]):
            rows = slice(i * stride, i * stride + 2 * dilation + 1, dilation)
            columns = slice(j * stride, j * stride + 2 * dilation + 1, dilation)
            expected = np.einsum("nabd,abd->nd", padded[:, rows, columns], kernel[:, :, 0])
            np.testing.assert_allclose(found[:, i, j], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 2), (2, 1)])
def test_depthwise_convolution_keeps_rows_on_their_devices(stride, dilation):
    mesh = jax.make_mesh((2, 4), ("data", "space"), axis_types=(AxisType.Auto,) * 2)
    sharding = NamedSharding(mesh, PartitionSpec("data", "space"))
    x, kernel = draw(2, 32, 8, 4), jnp.asarray(draw(3, 3, 1, 4, seed=1))

    def loss(x, kernel):
        return jnp.square(depthwise(x, kernel, stride, dilation)).sum()

    sharded = jax.device_put(x, sharding)
    grad = jax.jit(jax.grad(loss, (0, 1)), out_shardings=(sharding, None))
    compiled = grad.lower(sharded, kernel).compile()
    assert "all-gather" not in compiled.as_text()
    expected = jax.grad(loss, (0, 1))(jnp.asarray(x), kernel)
    oracles.assert_same_tree(compiled(sharded, kernel), expected, 1e-5)


@pytest.mark.fast
def test_parameter_count_is_the_published_one():
    image = jnp.zeros((1, 32, 32, 3))
    variables = jax.eval_shape(lambda x: Trunk(Xception65()).init(jax.random.key(0), x, False), image)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == 37_867_312


@pytest.mark.parametrize(
    ("output_stride", "strides", "dilated"),
    [
        (32, {0: 2, 1: 2, 2: 2, 19: 2}, {}),
        (16, {0: 2, 1: 2, 2: 2}, {20: 2}),
        (8, {0: 2, 1: 2}, {**dict.fromkeys(range(3, 20), 2), 20: 4}),
    ],
)
def test_lost_strides_dilate_the_blocks_after_them(output_stride, strides, dilated):
    expected = tuple((strides.get(index, 1), dilated.get(index, 1)) for index in range(21))
    assert Xception65(output_stride).schedule() == expected


@pytest.mark.slow
@pytest.mark.parametrize(("output_stride", "size"), [(16, (33, 49)), (16, (64, 48)), (32, (33, 40))])
def test_trunk_equals_timm(output_stride, size):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    oracles.torchvision()
    timm = pytest.importorskip("timm", reason="needs timm's model definitions")
    model = oracles.randomize(timm.create_model("xception65", output_stride=output_stride))
    seen = []
    model.blocks[1].stack.conv2.register_forward_hook(lambda *call: seen.append(call[2].clone()))
    image, torch_image = oracles.image(*size)
    with torch.no_grad():
        expected = model.forward_features(torch_image)
    state = {key: value for key, value in model.state_dict().items() if not key.startswith("head.")}
    variables = jax.tree.map(jnp.asarray, oracles.variables(state))
    found = Trunk(Xception65(output_stride)).apply(variables, jnp.asarray(image), False)
    oracles.assert_same(found["high"], expected)
    oracles.assert_same(found["low"], seen[0])


@pytest.mark.parametrize(
    ("name", "options"), [("first", {"stride": 2}), ("same", {}), ("last", {"last": True})]
)
def test_block_equals_timm(name, options):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    oracles.torchvision()
    module = pytest.importorskip("timm.models.xception_aligned", reason="needs timm's model definitions")
    features = (8, 8, 8) if name == "same" else (8, 12, 16)
    last = name == "last"
    theirs = module.XceptionModule(
        8,
        features,
        stride=options.get("stride", 1),
        dilation=2,
        start_with_relu=not last,
        no_skip=last,
        norm_layer=lambda channels, **_: torch.nn.BatchNorm2d(channels, eps=1e-3),
    )
    if (
        theirs.shortcut is not None
    ):  # Its normalisation brings an activation of its own, which this makes none.
        theirs.shortcut.bn = torch.nn.BatchNorm2d(features[-1], eps=1e-3)
    oracles.randomize(theirs)
    variables = jax.tree.map(jnp.asarray, oracles.variables(theirs.state_dict()))
    block = XceptionBlock(features, Units(epsilon=1e-3), dilation=2, **options)
    x = draw(1, 9, 12, 8)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    found, second = block.apply(variables, jnp.asarray(x), False)
    oracles.assert_same(found, expected)
    assert second.shape == (1, 9, 12, features[1])


def test_unusable_output_stride_is_refused():
    with pytest.raises(InputError, match=r"xception\.output_stride: 4 is not known; use 8, 16 or 32"):
        Xception65(4)
