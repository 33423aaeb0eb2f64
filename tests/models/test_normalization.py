"""Normalisation modes, statistics a domain, explicit padding and ceil pooling, against longhand NumPy and torch."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import models
from jaxseg.errors import InputError
from jaxseg.models import LinenNetwork, layers


def _draw(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, 2.0, shape).astype(np.float32)


@pytest.mark.fast
def test_group_norm_is_longhand() -> None:
    x = _draw((2, 3, 5, 12))
    layer = layers.GroupNorm(groups=4, epsilon=1e-3)
    variables = {"params": {"scale": jnp.arange(12.0), "bias": jnp.ones(12)}}
    expected = np.empty_like(x, dtype=np.float64)
    for image in range(2):
        for group in range(4):
            part = x[image, :, :, 3 * group : 3 * group + 3].astype(np.float64)
            expected[image, :, :, 3 * group : 3 * group + 3] = (part - part.mean()) / np.sqrt(
                part.var() + 1e-3
            )
    np.testing.assert_allclose(
        layer.apply(variables, jnp.asarray(x)), expected * np.arange(12) + 1, rtol=2e-5, atol=2e-5
    )


def test_group_norm_takes_the_largest_group_count_that_divides() -> None:
    x = _draw((1, 4, 4, 10))
    wide = layers.GroupNorm(groups=32)
    ten = layers.GroupNorm(groups=10)
    variables = wide.init(jax.random.key(0), jnp.asarray(x))
    np.testing.assert_array_equal(wide.apply(variables, jnp.asarray(x)), ten.apply(variables, jnp.asarray(x)))


@pytest.mark.parametrize(("size", "groups"), [((1, 2), 4), ((1, 1), 1), ((), 1)])
def test_group_norm_of_a_single_pixel_has_one_group(size: tuple[int, ...], groups: int) -> None:
    x = _draw((2, *size, 12))
    layer = layers.GroupNorm(groups=4)
    variables = layer.init(jax.random.key(0), jnp.asarray(x))
    parts = x.astype(np.float64).reshape(2, -1, groups, 12 // groups)
    mean, var = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    expected = ((parts - mean) / np.sqrt(var + 1e-5)).reshape(x.shape)
    np.testing.assert_allclose(layer.apply(variables, jnp.asarray(x)), expected, rtol=2e-5, atol=2e-5)


def test_group_norm_of_few_channels_tells_images_of_a_pixel_apart() -> None:
    x = jnp.asarray(_draw((2, 1, 1, 24)))
    layer = models.layers.norm("group")
    variables = layer.init(jax.random.key(0), x, train=True)
    first, second = layer.apply(variables, x, train=True)
    assert np.abs(first - second).max() > 0.1


def test_instance_norm_is_longhand() -> None:
    x = _draw((2, 4, 3, 5))
    layer = layers.InstanceNorm(affine=True)
    variables = {"params": {"scale": jnp.arange(5.0), "bias": jnp.arange(5.0)}}
    double = x.astype(np.float64)
    mean, var = double.mean((1, 2), keepdims=True), double.var((1, 2), keepdims=True)
    expected = (double - mean) / np.sqrt(var + 1e-5) * np.arange(5) + np.arange(5)
    np.testing.assert_allclose(layer.apply(variables, jnp.asarray(x)), expected, rtol=2e-5, atol=2e-5)
    assert not layers.InstanceNorm().init(jax.random.key(0), jnp.asarray(x))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match=r"compact\.batch_norm: 'sync' is not known; use train, frozen"):
        models.compact(3, batch_norm="sync")


def test_per_domain_keeps_statistics_apart() -> None:
    network = models.compact(3, width=4, batch_norm="per_domain")
    plain = models.compact(3, width=4)
    image = jnp.asarray(_draw((2, 16, 16, 3)))
    variables = network.init(jax.random.key(0), image)
    assert set(variables["batch_stats"]) == {"source", "target"}
    own = {"params": variables["params"], "batch_stats": variables["batch_stats"]["target"]}
    output, after = network.apply(variables, image, train=True, domain="target")
    expected, moved = plain.apply(own, image, train=True)
    np.testing.assert_array_equal(output.logits, expected.logits)
    jax.tree.map(np.testing.assert_array_equal, after["target"], moved)
    jax.tree.map(np.testing.assert_array_equal, after["source"], variables["batch_stats"]["source"])
    then = {"params": variables["params"], "batch_stats": after}
    as_source = network.apply(then, image, train=False)[0].logits
    as_target = network.apply(then, image, train=False, domain="target")[0].logits
    assert np.abs(as_source - as_target).max() > 1e-3
    with pytest.raises(InputError, match="domain: 'sorce' is not known"):
        network.apply(then, image, train=False, domain="sorce")


@pytest.mark.parametrize("batch_norm", ["frozen", "group"])
def test_modes_without_batch_statistics_ignore_the_rest_of_the_batch(batch_norm: str) -> None:
    network = models.compact(3, width=4, batch_norm=batch_norm)
    image = jnp.asarray(_draw((2, 16, 16, 3)))
    variables = network.init(jax.random.key(0), image)
    both, after = network.apply(variables, image, train=True)
    alone, _ = network.apply(variables, image[:1], train=True)
    np.testing.assert_allclose(both.logits[:1], alone.logits, rtol=1e-5, atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, after, variables["batch_stats"])


def test_linen_network_hands_the_domain_on() -> None:
    class Signed(nn.Module):
        @nn.compact
        def __call__(self, image: jax.Array, *, train: bool, domain: str = "source") -> jax.Array:
            kernel = self.param("kernel", nn.initializers.ones, (3, 2), jnp.float32)
            return (image @ kernel) * (1.0 if domain == "source" else -1.0)

    network = LinenNetwork(2, module=Signed(), takes_domain=True)
    image = jnp.asarray(_draw((1, 2, 2, 3)))
    variables = network.init(jax.random.key(0), image)
    source = network.apply(variables, image, train=False)[0].logits
    np.testing.assert_array_equal(
        network.apply(variables, image, train=False, domain="target")[0].logits, -source
    )


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "padding"),
    [
        ((4, 4), 2, 1, 1),
        ((4, 4), 1, 1, 1),
        ((7, 7), 1, 1, 0),
        ((3, 3), 1, 1, 100),
        ((3, 3), 2, 3, 2),
        ((1, 1), 2, 1, 0),
    ],
)
def test_padded_convolution_equals_torch(
    kernel: tuple[int, int], stride: int, dilation: int, padding: int
) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    x = _draw((1, 11, 14, 9))
    layer = layers.Conv(4, kernel, stride, dilation, padding=padding)
    variables = layer.init(jax.random.key(0), jnp.asarray(x))
    weight = torch.tensor(np.asarray(variables["params"]["kernel"])).permute(3, 2, 0, 1)
    expected = torch.conv2d(torch.tensor(x).permute(0, 3, 1, 2), weight, None, stride, padding, dilation)
    np.testing.assert_allclose(
        layer.apply(variables, jnp.asarray(x)), expected.permute(0, 2, 3, 1), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("size", [(6, 9), (7, 8), (1, 2)])
def test_overlapping_pool_equals_torch(ceil: bool, size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    x = _draw((2, *size, 3))
    nchw = torch.tensor(x).permute(0, 3, 1, 2)
    expected = torch.nn.functional.max_pool2d(nchw, 3, 2, 1, ceil_mode=ceil)
    np.testing.assert_array_equal(
        layers.max_pool_overlapping(jnp.asarray(x), ceil), expected.permute(0, 2, 3, 1)
    )


def test_upsampling_follows_the_network() -> None:
    logits = jnp.asarray([0.0, 3.0]).reshape(1, 1, 2, 1)
    corners = LinenNetwork(1, module=nn.Dense(1), align_corners=True)
    halves = LinenNetwork(1, module=nn.Dense(1))
    np.testing.assert_allclose(corners.upsample(logits, (1, 4)).ravel(), [0, 1, 2, 3], atol=1e-6)
    np.testing.assert_allclose(halves.upsample(logits, (1, 4)).ravel(), [0, 0.75, 2.25, 3], atol=1e-6)
