"""Shared layers on a mesh that splits the image height: rows stay where they are, statistics are global."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxseg.models import layers
from tests.models._fresh import QUICK, draw


def split_rows():
    mesh = Mesh(np.asarray(jax.devices()).reshape(2, 4), ("data", "space"), axis_types=(AxisType.Auto,) * 2)
    return NamedSharding(mesh, PartitionSpec("data", "space"))


def outputs_on_split_rows(function):
    """Shardings of what `function(x)` gives where rows are split and none is gathered; its values are whole ones'."""
    x, rows = jnp.asarray(draw(2, 32, 6, 8)), split_rows()
    compiled = jax.jit(function, in_shardings=rows, compiler_options=QUICK).lower(x).compile()
    program = compiled.as_text()
    assert "all-gather" not in program
    assert "all-to-all" not in program
    for split, whole in zip(compiled(jax.device_put(x, rows)), function(x), strict=True):
        np.testing.assert_allclose(split, whole, rtol=1e-5, atol=1e-5)
    return compiled.output_shardings


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
    def value_and_gradient(x):
        return LOCAL[name](x), jax.grad(lambda x: (LOCAL[name](x) ** 2).sum())(x)

    assert all("space" in sharding.spec for sharding in outputs_on_split_rows(value_and_gradient))


UNEVEN = {
    "aligned corners": lambda x: layers.resize_bilinear(
        x, (8 * (x.shape[1] - 1) + 1, 8 * (x.shape[2] - 1) + 1), align_corners=True
    ),
    "max_pool_overlapping, ceil": lambda x: layers.max_pool_overlapping(x, ceil=True),
}
"""Layers whose result has one row more than the devices can share evenly."""


@pytest.mark.parametrize("name", UNEVEN)
def test_a_loss_through_an_odd_number_of_rows_gathers_none(name):
    def value_and_gradient(x):
        return jax.value_and_grad(lambda x: (UNEVEN[name](x) ** 2).mean())(x)

    assert "space" in outputs_on_split_rows(value_and_gradient)[1].spec


STATS = {"mean": jnp.array([1.0, -1.0]), "var": jnp.array([4.0, 0.25])}
AFFINE = {"scale": jnp.array([2.0, 3.0]), "bias": jnp.array([0.5, -0.5])}


def test_batch_norm_takes_the_statistics_of_the_global_batch():
    x = jnp.asarray(draw(4, 8, 3, 2) * 2 + 1)

    def normalized(x):
        variables = {"params": AFFINE, "batch_stats": STATS}
        return layers.BatchNorm().apply(variables, x, train=True, mutable=["batch_stats"])

    split = jax.jit(normalized, compiler_options=QUICK)(jax.device_put(x, split_rows()))
    for ours, one in zip(jax.tree.leaves(split), jax.tree.leaves(normalized(x)), strict=True):
        np.testing.assert_allclose(ours, one, rtol=1e-5, atol=1e-5)
