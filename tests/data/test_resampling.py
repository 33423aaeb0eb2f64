"""Resampling: both forms are the stated filter, at any factor, and the mesh decides between them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.data import _resampling as resampling
from jaxseg.data._resampling import nearest, resample

COUNT, HEIGHT, WIDTH, SIZE = 3, 20, 28, (12, 17)
CENTERS = {
    # factor of rows and of columns; where the crop begins, in crop pixels
    "enlarged": ((1.7, 2.4), (5.0, 20.0)),
    "half": ((0.5, 0.6), (0.0, -3.0)),
    "a seventh": ((0.14, 0.3), (-4.0, 0.0)),
}


def batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return image, rng.integers(0, 19, (COUNT, HEIGHT, WIDTH), dtype=np.uint8)


def places() -> tuple[list[jax.Array], list[jax.Array]]:
    """Centres [B, n] and factors [B] of rows and columns, one kind an image; the second image is mirrored."""
    centers, factors = [], []
    for axis, side in enumerate(SIZE):
        factor = np.array([CENTERS[name][0][axis] for name in CENTERS], np.float32)
        offset = np.array([CENTERS[name][1][axis] for name in CENTERS], np.float32)
        place = (np.arange(side, dtype=np.float32) + 0.5 + offset[:, None]) / factor[:, None]
        place[1] = place[1, ::-1] if axis else place[1]
        centers.append(jnp.asarray(place))
        factors.append(jnp.asarray(factor))
    return centers, factors


def longhand(centers: np.ndarray, length: int, factor: float) -> np.ndarray:
    """Float64 weights [n, length], one pixel at a time."""
    reach = max(1.0, 1.0 / factor)
    weights = np.zeros((len(centers), length))
    for row, pixel in itertools.product(range(len(centers)), range(length)):
        weights[row, pixel] = max(0.0, 1.0 - abs(float(centers[row]) - (pixel + 0.5)) / reach)
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total > 0, total, 1.0)


@pytest.mark.parametrize("by_taps", [True, False])
def test_each_form_is_the_stated_filter(by_taps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enlarged, halved (two pairs of taps) and shrunk further (a loop), all in one batch."""
    monkeypatch.setattr(resampling, "_by_taps", lambda: by_taps)
    image, label = batch()
    (rows, columns), (down, along) = places()
    crop = np.asarray(resample(image, rows, columns, down, along, 127.5))
    truth = np.asarray(nearest(jnp.asarray(label), rows, columns))
    covered = []
    for one in range(COUNT):
        y, x = np.asarray(rows[one], np.float64), np.asarray(columns[one], np.float64)
        seen = ((y >= 0) & (y < HEIGHT))[:, None] & ((x >= 0) & (x < WIDTH))[None]
        expected = np.einsum(
            "hH,HWc,wW->hwc",
            longhand(y, HEIGHT, float(down[one])),
            image[one].astype(np.float64),
            longhand(x, WIDTH, float(along[one])),
        )
        np.testing.assert_allclose(crop[one][seen], expected[seen], rtol=1e-5)
        assert (crop[one][~seen] == 127.5).all()
        inner = label[one][np.floor(y).astype(int).clip(0, HEIGHT - 1)]
        np.testing.assert_array_equal(truth[one], inner[:, np.floor(x).astype(int).clip(0, WIDTH - 1)])
        covered.append(seen.mean())
    assert covered[0] == 1.0
    assert 0.0 < covered[2] < covered[1] < 1.0


def test_taps_are_for_one_cpu_and_a_mesh_takes_the_products() -> None:
    image, _ = batch()
    (rows, columns), factors = places()
    program = jax.jit(resample).lower(image, rows, columns, *factors).as_text()
    assert "gather" in program
    assert "dot_general" not in program
    for devices, products in ((1, False), (2, True)):
        mesh = jax.make_mesh((devices,), ("space",), axis_types=(jax.sharding.AxisType.Auto,))
        with jax.set_mesh(mesh):
            program = jax.jit(resample).lower(image, rows, columns, *factors).as_text()
        assert ("dot_general" in program) == products
        assert ("gather" in program) != products
