"""The compact network: its parameters summed by hand, any image size, sharded as on one device."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxseg.errors import InputError
from jaxseg.models import compact
from tests.models import oracles


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


@pytest.mark.parametrize("remat", [False, True])
def test_the_auxiliary_head_adds_its_own_parameters_and_changes_nothing_else(remat: bool) -> None:
    image = jax.random.normal(jax.random.key(1), (1, 9, 11, 3))
    plain, both = compact(5, width=4), compact(5, width=4, aux=True, remat=remat)
    key = jax.random.key(0)
    expected, variables = (oracles.quick_jit(network.init)(key, image) for network in (plain, both))
    head = variables["params"].pop("aux")
    assert {name: leaf.shape for name, leaf in head.items()} == {"kernel": (1, 1, 8, 5), "bias": (5,)}
    jax.tree.map(np.testing.assert_array_equal, variables, expected)
    variables["params"]["aux"] = head
    one, two = (
        oracles.quick_jit(lambda v, n=network: n.apply(v, image, train=False)[0])(given)
        for network, given in ((plain, expected), (both, variables))
    )
    assert one.aux is None
    assert two.aux.shape == (1, 3, 3, 5)
    assert two.aux.dtype == jnp.float32
    np.testing.assert_array_equal(one.logits, two.logits)
    assert (plain.head, both.head) == (("head",), ("head", "aux"))


def test_recomputing_changes_neither_outputs_nor_gradients_nor_statistics() -> None:
    image = jax.random.normal(jax.random.key(1), (2, 16, 16, 3))
    results = []
    for remat in (False, True):
        network = compact(3, width=4, aux=True, remat=remat)
        variables = oracles.drawn(network.init, image)

        def loss(params: Any, network: Any = network, variables: Any = variables) -> Any:
            output, after = network.apply({**variables, "params": params}, image, train=True)
            return jnp.square(output.logits).mean() + jnp.abs(output.aux).mean(), (output, after)

        program = jax.value_and_grad(loss, has_aux=True)
        assert ("remat" in str(jax.make_jaxpr(program)(variables["params"]))) is remat
        results.append(oracles.quick_jit(program)(variables["params"]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *results)


@pytest.mark.slow
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


@pytest.mark.parametrize("split", [1, 3, 5])
def test_split_blocks_are_each_domains_own(split: int) -> None:
    """Their parameters are there twice; the source's gradient never reaches the target's; statistics move apart."""
    w = 4
    convolutions = [
        [(3, w)],
        [(w, 2 * w), (2 * w, 2 * w)],
        [(2 * w, 4 * w)],
        [(4 * w, 4 * w)] * 2,
        [(4 * w, 4 * w)] * 2,
    ]
    twice = sum(9 * a * b + 2 * b for block in convolutions[:split] for a, b in block)
    image = jax.random.normal(jax.random.key(1), (2, 16, 16, 3))
    plain, network = compact(3, width=w), compact(3, width=w, split=split)
    variables = oracles.drawn(network.init, image)
    once = jax.eval_shape(plain.init, jax.random.key(0), image)
    counts = [sum(leaf.size for leaf in jax.tree.leaves(each["params"])) for each in (variables, once)]
    assert counts[0] == counts[1] + twice

    def loss(params: Any) -> Any:
        output, after = network.apply({**variables, "params": params}, image, train=True, domain="source")
        return jnp.square(output.logits).mean(), after

    gradient, after = oracles.quick_jit(jax.grad(loss, has_aux=True))(variables["params"])
    for name, leaves in gradient.items():
        touched = [bool(jnp.any(leaf != 0)) for leaf in jax.tree.leaves(leaves)]
        assert any(touched) is not name.startswith("target"), name
    same = jax.tree.map(np.array_equal, variables["batch_stats"], after)
    assert {name: all(jax.tree.leaves(stay)) for name, stay in same.items()} == {
        name: name.startswith("target") for name in same
    }


def test_a_split_that_is_no_block_is_refused() -> None:
    with pytest.raises(InputError, match=r"compact.split: 6; use 0 \(nothing twice\) to 5"):
        compact(3, split=6)
