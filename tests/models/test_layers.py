"""Convolutions, batch normalisation and activation against longhand NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models import _convolution, layers
from tests.models._fresh import QUICK, draw


def convolved(x, kernel, stride, dilation, before):
    """[B, ceil(H / stride), ...]: the definition of a convolution with zeros beyond the border, in float64."""
    kh, kw = kernel.shape[:2]
    height, width = -(-x.shape[1] // stride), -(-x.shape[2] // stride)
    margin = 2 * dilation * max(kh, kw)
    padded = np.pad(x.astype(np.float64), ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    y = np.zeros((x.shape[0], height, width, kernel.shape[3]))
    for i in range(height):
        for j in range(width):
            for p in range(kh):
                for q in range(kw):
                    row = margin + i * stride + p * dilation - before[0]
                    column = margin + j * stride + q * dilation - before[1]
                    y[:, i, j] += padded[:, row, column] @ kernel[p, q]
    return y


CONVOLUTIONS = [
    # channels, kernel, stride, dilation
    (12, (1, 1), 1, 1),
    (12, (3, 3), 1, 1),
    (12, (3, 3), 2, 1),
    (12, (3, 3), 1, 4),
    (12, (5, 1), 1, 1),
    (12, (1, 5), 1, 1),
    (12, (2, 2), 2, 1),
    (3, (3, 3), 2, 1),
    (3, (3, 3), 1, 2),
    (3, (1, 5), 1, 1),
    (3, (1, 1), 2, 1),
]


@pytest.mark.parametrize("on_cpu", [True, False])
@pytest.mark.parametrize(("channels", "kernel", "stride", "dilation"), CONVOLUTIONS)
def test_every_form_of_convolution_is_the_definition(monkeypatch, on_cpu, channels, kernel, stride, dilation):
    monkeypatch.setattr(_convolution, "_on_cpu", lambda: on_cpu)
    x, weights, bias = draw(2, 7, 6, channels), draw(*kernel, channels, 4, seed=1), draw(4, seed=2)
    module = layers.Conv(4, kernel, stride, dilation, use_bias=True)
    y = module.apply({"params": {"kernel": weights, "bias": bias}}, jnp.asarray(x))
    before = (0, 0) if kernel == (2, 2) else [dilation * (k - 1) // 2 for k in kernel]
    np.testing.assert_allclose(y, convolved(x, weights, stride, dilation, before) + bias, atol=1e-4)


@pytest.mark.parametrize("on_cpu", [True, False])
@pytest.mark.parametrize("size", [(8, 10), (7, 9)])
@pytest.mark.parametrize("kernel", [2, 3])
def test_transposed_convolution_scatters_its_input(monkeypatch, on_cpu, size, kernel):
    monkeypatch.setattr(_convolution, "_on_cpu", lambda: on_cpu)
    x, weights, bias = draw(2, 4, 5, 3), draw(kernel, kernel, 3, 4, seed=1), draw(4, seed=2)
    y = layers.ConvTranspose(4, kernel, use_bias=True).apply(
        {"params": {"kernel": weights, "bias": bias}}, jnp.asarray(x), size
    )
    padding = {2: 0, 3: 1}[kernel]
    full = np.zeros((2, 12, 14, 4))
    for i in range(4):
        for j in range(5):
            for p in range(kernel):
                for q in range(kernel):
                    full[:, 2 * i + p, 2 * j + q] += x[:, i, j].astype(np.float64) @ weights[p, q]
    expected = full[:, padding : padding + size[0], padding : padding + size[1]] + bias
    np.testing.assert_allclose(y, expected, atol=1e-5)


def test_kernels_without_a_centre_are_refused():
    x = jnp.zeros((1, 4, 4, 2))
    with pytest.raises(ValueError, match=r"kernel: \(4, 4\) at stride 2; use odd sides"):
        jax.eval_shape(layers.Conv(3, (4, 4), 2).init, jax.random.key(0), x)
    with pytest.raises(ValueError, match="kernel: 4; use 2 or 3"):
        jax.eval_shape(lambda key: layers.ConvTranspose(3, 4).init(key, x, (8, 8)), jax.random.key(0))


def test_weights_that_are_more_than_their_input_are_not_copied_for_every_image():
    """As of an FCN's fc6: eight copies here, and as many gradients to add up, were most of a training step."""
    conv, x = layers.Conv(64, (7, 7)), jax.ShapeDtypeStruct((8, 3, 4, 64), jnp.float32)
    variables = jax.eval_shape(conv.init, jax.random.key(0), x)
    step = jax.jit(jax.grad(lambda variables, x: jnp.sum(conv.apply(variables, x) ** 2)))
    memory = step.lower(variables, x).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 5 * 4 * variables["params"]["kernel"].size


def test_weights_are_drawn_by_the_rule_of_he():
    x = jnp.zeros((1, 4, 4, 32))

    def kernels(key):
        conv = layers.Conv(64, (3, 3)).init(key, x)
        return conv["params"]["kernel"], layers.ConvTranspose(64, 2).init(key, x, (8, 8))["params"]["kernel"]

    conv, transposed = jax.jit(kernels, compiler_options=QUICK)(jax.random.key(0))
    assert float(conv.std()) == pytest.approx(np.sqrt(2 / (9 * 32)), rel=0.03)
    assert float(transposed.std()) == pytest.approx(np.sqrt(2 / 32), rel=0.03)


STATS = {"mean": jnp.array([1.0, -1.0]), "var": jnp.array([4.0, 0.25])}
AFFINE = {"scale": jnp.array([2.0, 3.0]), "bias": jnp.array([0.5, -0.5])}


@pytest.mark.fast
def test_batch_norm_uses_and_updates_by_the_batch_in_training():
    x = draw(3, 4, 5, 2) * 2 + 1
    y, updated = layers.BatchNorm(epsilon=1e-3).apply(
        {"params": AFFINE, "batch_stats": STATS}, jnp.asarray(x), train=True, mutable=["batch_stats"]
    )
    mean, var = x.astype(np.float64).mean((0, 1, 2)), x.astype(np.float64).var((0, 1, 2))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(var + 1e-3) * [2, 3] + [0.5, -0.5], atol=1e-5)
    np.testing.assert_allclose(updated["batch_stats"]["mean"], 0.9 * STATS["mean"] + 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(updated["batch_stats"]["var"], 0.9 * STATS["var"] + 0.1 * var, rtol=1e-5)


@pytest.mark.parametrize(("mode", "train"), [("train", False), ("frozen", False), ("frozen", True)])
def test_batch_norm_otherwise_uses_the_running_statistics_and_leaves_them(mode, train):
    x = draw(3, 4, 5, 2)
    y, updated = layers.BatchNorm(mode=mode, epsilon=1e-5).apply(
        {"params": AFFINE, "batch_stats": STATS}, jnp.asarray(x), train=train, mutable=["batch_stats"]
    )
    expected = (x - [1, -1]) / np.sqrt(np.array([4, 0.25]) + 1e-5) * [2, 3] + [0.5, -0.5]
    np.testing.assert_allclose(y, expected, atol=1e-5)
    assert all(bool(jnp.all(updated["batch_stats"][name] == STATS[name])) for name in STATS)


def test_batch_norm_refuses_an_unknown_mode():
    with pytest.raises(InputError, match="'eval' is not known; use 'train' or 'frozen'"):
        layers.BatchNorm(mode="eval").init(jax.random.key(0), jnp.zeros((1, 2)), train=True)


def test_prelu_has_one_slope_a_channel_or_one_in_all():
    x = jnp.array([[-2.0, 3.0], [4.0, -8.0]])
    y, variables = layers.PReLU().init_with_output(jax.random.key(0), x)
    np.testing.assert_allclose(y, [[-0.5, 3], [4, -2]])
    assert variables["params"]["slope"].shape == (2,)
    variables = layers.PReLU(shared=True).init(jax.random.key(0), x)
    assert variables["params"]["slope"].shape == (1,)


def test_derivatives_of_any_order_agree():
    """Forward over reverse, which MetaPix takes, equals reverse over reverse."""
    x = jnp.asarray(draw(2, 5, 6, 3))
    params = {
        "conv": {"kernel": jnp.asarray(draw(3, 3, 3, 4))},
        "norm": {"scale": jnp.ones(4), "bias": jnp.zeros(4)},
        "prelu": {"slope": jnp.full((4,), 0.3)},
        "up": {"kernel": jnp.asarray(draw(3, 3, 4, 3, seed=1))},
    }
    direction = jax.tree.map(lambda p: jnp.cos(jnp.arange(p.size, dtype=p.dtype)).reshape(p.shape), params)
    stats = {"mean": jnp.zeros(4), "var": jnp.ones(4)}

    def loss(params):
        y = layers.Conv(4, (3, 3)).apply({"params": params["conv"]}, x)
        norm = {"params": params["norm"], "batch_stats": stats}
        y, _ = layers.BatchNorm().apply(norm, y, train=True, mutable=["batch_stats"])
        y = layers.PReLU().apply({"params": params["prelu"]}, y)
        pooled, winner = layers.max_pool(y)
        y = layers.max_unpool(pooled * y.mean(), winner, (5, 6))
        y = layers.ConvTranspose(3, 3).apply({"params": params["up"]}, y, (10, 12))
        return jnp.tanh(y).mean() ** 2

    def slope(params):
        return sum(jax.tree.leaves(jax.tree.map(jnp.vdot, jax.grad(loss)(params), direction)))

    def both(params):
        return jax.jvp(jax.grad(loss), (params,), (direction,))[1], jax.grad(slope)(params)

    forward, reverse = jax.jit(both, compiler_options=QUICK)(params)
    for a, b in zip(jax.tree.leaves(forward), jax.tree.leaves(reverse), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
