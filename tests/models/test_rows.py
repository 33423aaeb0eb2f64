"""Convolutions of maps with few rows for the devices along the height: values and gradients are those of one device.

Left to XLA, each of these cases but the last two was wrong, or did not compile (jaxlib 0.10).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxseg.models._rows import least_rows
from jaxseg.models.generator import _Transposed
from jaxseg.models.layers import Conv
from tests.models._fresh import QUICK, draw

CHANNELS = 8
"""As many as make a layer a convolution on every backend."""


def mesh(devices):
    """Devices along the height; the others split the batch."""
    grid = np.asarray(jax.devices()).reshape(-1, devices)
    return Mesh(grid, ("data", "space"), axis_types=(AxisType.Auto,) * 2)


def results(layer, x, *size):
    """A function of map, kernel and cotangent: the layer's values, and the gradients of map and kernel."""

    def compute(x, kernel, cotangent):
        values, pull = jax.vjp(lambda x, k: layer.apply({"params": {"kernel": k}}, x, *size), x, kernel)
        return values, *pull(cotangent)

    return compute


CASES = {
    "3x3 at stride 2": (8, 8, Conv(4, (3, 3), stride=2)),
    "7x7 at stride 2": (4, 8, Conv(4, (7, 7), stride=2)),
    "4x4 at stride 2": (4, 4, Conv(4, (4, 4), stride=2, padding=2)),
    "4x4 at stride 2, two rows a device": (8, 16, Conv(4, (4, 4), stride=2, padding=2)),
    "4x4": (4, 3, Conv(4, (4, 4), padding=1)),
    "4x4, fewer rows than devices": (4, 2, Conv(4, (4, 4), padding=1)),
    "3x3 without padding": (2, 3, Conv(4, (3, 3), padding=0)),
    "3x3 of two rows": (4, 2, Conv(4, (3, 3))),
    "7x7 of uneven shards": (4, 5, Conv(4, (7, 7))),
    "transposed 4x4": (4, 2, _Transposed(4, 4, 2, 1, False, jnp.float32)),
    "transposed 16x16 at stride 8": (4, 3, _Transposed(4, 16, 8, 4, False, jnp.float32)),
    "3x3 at stride 2, rows enough": (4, 16, Conv(4, (3, 3), stride=2)),
    "3x3 dilated, rows enough": (4, 16, Conv(4, (3, 3), dilation=2)),
}


@pytest.mark.parametrize("name", CASES)
def test_few_rows_on_many_devices_compute_what_one_device_computes(name):
    devices, rows, layer = CASES[name]
    on = mesh(devices)
    x = draw(on.shape["data"] * 2, rows, 6, CHANNELS)
    size = ((rows * layer.stride, 6 * layer.stride),) if isinstance(layer, _Transposed) else ()
    kernel = jax.eval_shape(lambda x: layer.init(jax.random.key(0), x, *size), x)["params"]["kernel"]
    kernel = draw(*kernel.shape, seed=1)
    values = jax.eval_shape(lambda x, k: layer.apply({"params": {"kernel": k}}, x, *size), x, kernel)
    cotangent = draw(*values.shape, seed=2)
    compute = results(layer, x, *size)
    place = NamedSharding(on, PartitionSpec("data", "space"))

    def split(x, kernel, cotangent):
        x, cotangent = (jax.lax.with_sharding_constraint(each, place) for each in (x, cotangent))
        return compute(x, kernel, cotangent)

    with jax.set_mesh(on):
        compiled = jax.jit(split, compiler_options=QUICK).lower(x, kernel, cotangent).compile()
        found = compiled(x, kernel, cotangent)
    for ours, one in zip(found, jax.jit(compute, compiler_options=QUICK)(x, kernel, cotangent), strict=True):
        np.testing.assert_allclose(ours, one, rtol=1e-5, atol=1e-5 * float(np.abs(one).max()))
    if name.endswith("rows enough"):
        assert "all-gather" not in compiled.as_text()


@pytest.mark.fast
def test_rows_that_a_device_must_have():
    assert least_rows(2, same=True) == 1
    assert least_rows(12, same=True) == 6
    assert least_rows(2, same=False) == 4
