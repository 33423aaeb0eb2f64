"""The compact network: its parameters summed by hand, any image size, sharded as on one device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxseg.models import compact


@pytest.mark.fast
@pytest.mark.parametrize(("classes", "width"), [(19, 24), (3, 4)])
def test_parameters_are_the_sum_of_its_layers(classes: int, width: int) -> None:
    w = width
    convolutions = [(3, w), (w, 2 * w), (2 * w, 2 * w), (2 * w, 4 * w), *[(4 * w, 4 * w)] * 4]
    convolutions += [(4 * w + 2 * w, 2 * w), (2 * w + w, 2 * w)]
    expected = sum(9 * a * b + 2 * b for a, b in convolutions) + (2 * w + 1) * classes
    network = compact(classes, width=width)
    variables = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == expected


@pytest.mark.parametrize("size", [(8, 8), (17, 23), (30, 41)])
def test_logits_are_half_the_image_rounded_up(size: tuple[int, int]) -> None:
    network = compact(5, width=4)
    image = jnp.zeros((2, *size, 3))
    variables = jax.eval_shape(network.init, jax.random.key(0), image)
    output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, image)
    assert output.logits.shape == (2, -(-size[0] // 2), -(-size[1] // 2), 5)


def test_frozen_statistics_stay_and_training_ones_move() -> None:
    image = jax.random.normal(jax.random.key(1), (2, 16, 16, 3)) + 1.0
    for mode, moves in (("train", True), ("frozen", False)):
        network = compact(3, width=4, batch_norm=mode)
        variables = network.init(jax.random.key(0), image)
        _, after = network.apply(variables, image, train=True)
        same = jax.tree.map(np.array_equal, variables["batch_stats"], after)
        assert all(jax.tree.leaves(same)) is not moves


def test_height_sharded_forward_equals_one_device() -> None:
    network = compact(3, width=4)
    image = jax.random.normal(jax.random.key(1), (2, 64, 16, 3))
    variables = network.init(jax.random.key(0), image)
    expected = network.apply(variables, image, train=False)[0].logits
    mesh = jax.make_mesh((2, 4), ("data", "space"), axis_types=(AxisType.Auto,) * 2)
    sharded = jax.device_put(image, NamedSharding(mesh, PartitionSpec("data", "space")))
    found = jax.jit(lambda x: network.apply(variables, x, train=False)[0].logits)(sharded)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
