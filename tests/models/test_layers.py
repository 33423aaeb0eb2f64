"""Shared layers against longhand NumPy, and their behaviour on a mesh that splits the image height."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxseg.errors import InputError
from jaxseg.models import _convolution, layers

# Correctness needs no optimised code, and compiling takes most of the time here.
QUICK = {"xla_backend_optimization_level": 0}


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def quick_grad(function):
    return jax.jit(jax.grad(function), compiler_options=QUICK)


def cells(x):
    """Every 2x2 cell of [B, H, W, D], cut at the border: ((image, row, column, channel), its pixels)."""
    batch, height, width, features = x.shape
    for b in range(batch):
        for i in range(0, height, 2):
            for j in range(0, width, 2):
                for d in range(features):
                    yield (b, i, j, d), x[b, i : i + 2, j : j + 2, d]


@pytest.mark.fast
@pytest.mark.parametrize("size", [(4, 6), (5, 6), (4, 7), (5, 3), (1, 1)])
def test_pooling_finds_the_first_maximum_and_unpooling_puts_it_back(size):
    x = np.random.default_rng(0).integers(-3, 1, (2, *size, 3)).astype(np.float32)  # many equal values

    def there_and_back(x):
        pooled, winner = layers.max_pool(x)
        return pooled, winner, layers.max_unpool(pooled, winner, size)

    pooled, winner, restored = map(np.asarray, jax.jit(there_and_back, compiler_options=QUICK)(x))
    expected = np.zeros_like(x)
    for (b, i, j, d), cell in cells(x):
        row, column = np.unravel_index(np.argmax(cell), cell.shape)
        assert pooled[b, i // 2, j // 2, d] == cell.max()
        assert winner[b, i // 2, j // 2, d] == 2 * row + column
        expected[b, i + row, j + column, d] = cell.max()
    np.testing.assert_array_equal(restored, expected)


def test_pooling_gives_the_whole_gradient_to_one_of_equals():
    gradient = quick_grad(lambda x: layers.max_pool(x)[0].sum())(jnp.zeros((1, 3, 4, 1)))
    np.testing.assert_array_equal(gradient[0, :, :, 0], [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0]])


def test_unpooling_gives_each_value_the_gradient_of_its_place():
    x = draw(2, 5, 6, 3)
    pooled, winner = layers.max_pool(jnp.asarray(x))
    weight = draw(2, 5, 6, 3, seed=1)
    gradient = np.asarray(quick_grad(lambda y: (layers.max_unpool(y, winner, (5, 6)) * weight).sum())(pooled))
    for (b, i, j, d), cell in cells(x):
        row, column = np.unravel_index(np.argmax(cell), cell.shape)
        assert gradient[b, i // 2, j // 2, d] == weight[b, i + row, j + column, d]


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (1, 2)])
def test_overlapping_pooling(size):
    x = draw(2, *size, 3)
    pooled = np.asarray(layers.max_pool_overlapping(jnp.asarray(x)))
    assert pooled.shape == (2, (size[0] + 1) // 2, (size[1] + 1) // 2, 3)
    for i in range(pooled.shape[1]):
        for j in range(pooled.shape[2]):
            window = x[:, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2]
            np.testing.assert_array_equal(pooled[:, i, j], window.max((1, 2)))


def resized(x, size, align_corners):
    """Bilinear interpolation in float64, one output pixel at a time."""

    def place(i, source, target):
        if align_corners:
            return i * (source - 1) / (target - 1) if target > 1 else 0.0
        return min(max((i + 0.5) * source / target - 0.5, 0.0), source - 1.0)

    x = x.astype(np.float64)
    y = np.zeros((x.shape[0], *size, x.shape[3]))
    for i in range(size[0]):
        for j in range(size[1]):
            top, left = place(i, x.shape[1], size[0]), place(j, x.shape[2], size[1])
            low, west = int(top), int(left)
            high, east = min(low + 1, x.shape[1] - 1), min(west + 1, x.shape[2] - 1)
            down, right = top - low, left - west
            upper = (1 - right) * x[:, low, west] + right * x[:, low, east]
            lower = (1 - right) * x[:, high, west] + right * x[:, high, east]
            y[:, i, j] = (1 - down) * upper + down * lower
    return y


SIZES = [(8, 10), (12, 40), (4, 15), (9, 13), (3, 4), (1, 1), (4, 5), (32, 7), (10, 17), (25, 33)]


@pytest.mark.fast
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_bilinear_resizing_is_the_formula(size, align_corners):
    x = draw(2, 4, 5, 3)
    y = layers.resize_bilinear(jnp.asarray(x), size, align_corners)
    np.testing.assert_allclose(y, resized(x, size, align_corners), atol=1e-5)


@pytest.mark.parametrize("size", [(8, 10), (12, 40), (4, 15), (9, 13), (4, 5)])
def test_bilinear_upsampling_equals_jax_image_resize(size):
    x = jnp.asarray(draw(2, 4, 5, 3))
    expected = jax.image.resize(x, (2, *size, 3), "bilinear")
    np.testing.assert_allclose(layers.resize_bilinear(x, size), expected, atol=1e-5)


def test_bilinear_resizing_keeps_the_type_and_interpolates_in_float32():
    x = jnp.asarray(draw(1, 4, 5, 3)).astype(jnp.bfloat16)
    y = layers.resize_bilinear(x, (16, 20))
    assert y.dtype == jnp.bfloat16
    exact = resized(np.asarray(x.astype(jnp.float32)), (16, 20), False)
    np.testing.assert_allclose(y.astype(jnp.float32), exact, rtol=2**-8, atol=1e-6)


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


def test_batch_norm_takes_the_statistics_of_the_global_batch():
    x = jnp.asarray(draw(4, 8, 3, 2) * 2 + 1)

    def normalized(x):
        variables = {"params": AFFINE, "batch_stats": STATS}
        return layers.BatchNorm().apply(variables, x, train=True, mutable=["batch_stats"])

    split = jax.jit(normalized, compiler_options=QUICK)(jax.device_put(x, split_rows()))
    for ours, one in zip(jax.tree.leaves(split), jax.tree.leaves(normalized(x)), strict=True):
        np.testing.assert_allclose(ours, one, rtol=1e-5, atol=1e-5)


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


def split_rows():
    mesh = Mesh(np.asarray(jax.devices()).reshape(2, 4), ("data", "space"), axis_types=(AxisType.Auto,) * 2)
    return NamedSharding(mesh, PartitionSpec("data", "space"))


def unpool_again(x):
    pooled, winner = layers.max_pool(x)
    return layers.max_unpool(pooled, winner, x.shape[1:3])


LOCAL = {
    "max_pool": lambda x: layers.max_pool(x)[0],
    "max_unpool": unpool_again,
    "max_pool_overlapping": layers.max_pool_overlapping,
    "resize by 2": lambda x: layers.resize_bilinear(x, (2 * x.shape[1], 2 * x.shape[2])),
    "resize by 8": lambda x: layers.resize_bilinear(x, (8 * x.shape[1], 8 * x.shape[2])),
    "1x1": lambda x: layers.Conv(4).apply({"params": {"kernel": jnp.ones((1, 1, 8, 4))}}, x),
    "2x2 down": lambda x: layers.Conv(4, (2, 2), 2).apply({"params": {"kernel": jnp.ones((2, 2, 8, 4))}}, x),
    "2x2 up": lambda x: layers.ConvTranspose(4, 2).apply(
        {"params": {"kernel": jnp.ones((2, 2, 8, 4))}}, x, (2 * x.shape[1], 2 * x.shape[2])
    ),
    "3x3 up": lambda x: layers.ConvTranspose(4, 3).apply(
        {"params": {"kernel": jnp.ones((3, 3, 8, 4))}}, x, (2 * x.shape[1], 2 * x.shape[2])
    ),
}


@pytest.mark.parametrize("name", LOCAL)
def test_rows_split_over_devices_are_never_gathered(name):
    x = jnp.asarray(draw(2, 32, 6, 8))

    def value_and_gradient(x):
        return LOCAL[name](x), jax.grad(lambda x: (LOCAL[name](x) ** 2).sum())(x)

    rows = split_rows()
    compiled = (
        jax.jit(value_and_gradient, in_shardings=rows, compiler_options=QUICK)
        .lower(jax.ShapeDtypeStruct(x.shape, x.dtype))
        .compile()
    )
    program = compiled.as_text()
    assert "all-gather" not in program
    assert "all-to-all" not in program
    assert all("space" in sharding.spec for sharding in compiled.output_shardings)
    for split, whole in zip(compiled(jax.device_put(x, rows)), value_and_gradient(x), strict=True):
        np.testing.assert_allclose(split, whole, rtol=1e-5, atol=1e-5)


UNEVEN = {
    "aligned corners": lambda x: layers.resize_bilinear(
        x, (8 * (x.shape[1] - 1) + 1, 8 * (x.shape[2] - 1) + 1), align_corners=True
    ),
    "max_pool_overlapping, ceil": lambda x: layers.max_pool_overlapping(x, ceil=True),
}
"""Layers whose result has one row more than the devices can share evenly."""


@pytest.mark.parametrize("name", UNEVEN)
def test_a_loss_through_an_odd_number_of_rows_gathers_none(name):
    x = jnp.asarray(draw(2, 32, 6, 8))

    def value_and_gradient(x):
        return jax.value_and_grad(lambda x: (UNEVEN[name](x) ** 2).mean())(x)

    rows = split_rows()
    compiled = (
        jax.jit(value_and_gradient, in_shardings=rows, compiler_options=QUICK)
        .lower(jax.ShapeDtypeStruct(x.shape, x.dtype))
        .compile()
    )
    program = compiled.as_text()
    assert "all-gather" not in program
    assert "all-to-all" not in program
    assert "space" in compiled.output_shardings[1].spec
    for split, whole in zip(compiled(jax.device_put(x, rows)), value_and_gradient(x), strict=True):
        np.testing.assert_allclose(split, whole, rtol=1e-5, atol=1e-5)
