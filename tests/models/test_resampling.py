"""Pooling, unpooling and resizing against longhand NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.models import layers
from tests.models._fresh import QUICK, draw


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
