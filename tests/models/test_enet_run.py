"""ENet run: odd sizes, initialisation, a training step, bfloat16, and one device against eight.

Compiling takes most of the time here, so the code is not optimised and the eight mixed bottlenecks are three, one of
each kind.
"""

import functools
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxseg.models import enet

quick_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@pytest.fixture(autouse=True, scope="module")
def _short():
    with pytest.MonkeyPatch.context() as patch:
        mixed = ({}, {"dilation": 16}, {"asymmetric": True})
        patch.setattr(import_module("jaxseg.models.enet"), "_MIXED", mixed)
        yield


def drawn(network, batch=2, height=32, width=40):
    """An image, and variables of the right shapes from NumPy: cheaper than compiling the initialisers.

    The scale keeps the sums of the residual branches near 1 where no batch statistics normalise them.
    """
    rng = np.random.default_rng(0)
    shape = jax.ShapeDtypeStruct((batch, height, width, 3), jnp.float32)
    variables = jax.eval_shape(network.init, jax.random.key(0), shape)

    def value(path, leaf):
        name = path[-1].key
        if name == "kernel":
            fan_in = np.prod(leaf.shape[:-1])
            return jnp.asarray(rng.normal(0, np.sqrt(2 / fan_in), leaf.shape), leaf.dtype)
        constant = {"scale": 0.3, "var": 1.0, "slope": 0.25, "bias": 0.1, "mean": 0.0}[name]
        return jnp.full(leaf.shape, constant, leaf.dtype)

    image = jnp.asarray(rng.uniform(-1, 1, (batch, height, width, 3)), jnp.float32)
    return image, jax.tree_util.tree_map_with_path(value, variables)


def predict(network):
    return lambda variables, image: network.apply(variables, image, train=False)[0]


@pytest.mark.parametrize("variant", ["original", "port"])
def test_odd_sizes_run_and_see_the_last_row_and_column(variant):
    network = enet(3, variant=variant, width=0.25)
    image, variables = drawn(network, batch=1, height=17, width=19)
    apply = quick_jit(lambda image: network.apply(variables, image, train=False)[0].logits)
    logits = apply(image)
    assert bool(jnp.isfinite(logits).all())
    assert float(jnp.abs(apply(image.at[0, -1, -1].add(1.0)) - logits).max()) > 1e-4


@pytest.mark.parametrize(("initialization", "variance"), [("torch", 1 / 3), ("he", 2.0)])
def test_initialisation(initialization, variance):
    network = enet(4, width=0.25, initialization=initialization)
    image = jnp.zeros((1, 16, 16, 3))
    init = quick_jit(network.init)
    variables, other = init(jax.random.key(0), image), init(jax.random.key(1), image)
    assert set(variables) == {"params", "batch_stats"}
    kernel = variables["params"]["stage2_1"]["Conv_0"]["kernel"]
    assert kernel.shape == (1, 1, 32, 8)
    assert float(kernel.std()) == pytest.approx(np.sqrt(variance / 32), rel=0.2)
    if initialization == "torch":
        assert 0.9 < float(jnp.abs(kernel).max()) * np.sqrt(32) <= 1.0
    assert bool(jnp.any(kernel != other["params"]["stage2_1"]["Conv_0"]["kernel"]))
    assert bool(jnp.any(kernel != variables["params"]["stage2_2"]["Conv_0"]["kernel"]))
    assert all(bool((leaf == 0.25).all()) for leaf in jax.tree.leaves(variables["params"]["PReLU_0"]))


@pytest.mark.slow
def test_training_step_has_finite_gradients_and_drops_channels_by_the_key():
    network = enet(5, width=0.25)
    image, variables = drawn(network)

    def loss(params, key):
        output, _ = network.apply({**variables, "params": params}, image, train=True, rngs={"dropout": key})
        return jax.nn.logsumexp(output.logits, axis=-1).mean()

    step = quick_jit(jax.value_and_grad(loss))
    value, gradient = step(variables["params"], jax.random.key(0))
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))
    assert bool(jnp.any(gradient["initial"]["kernel"] != 0))
    assert step(variables["params"], jax.random.key(0))[0] == value
    assert step(variables["params"], jax.random.key(1))[0] != value


@functools.cache
def prediction():
    """A network, its input, and what one device computes in float32."""
    network = enet(5, width=0.25)
    image, variables = drawn(network, batch=8, height=64, width=24)
    output = quick_jit(predict(network))(variables, image)
    return network, image, variables, output


def test_bfloat16_computes_near_float32_from_float32_parameters():
    _, image, variables, expected = prediction()
    network = enet(5, width=0.25, dtype=jnp.bfloat16)
    shapes = jax.eval_shape(network.init, jax.random.key(0), image)
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    output = quick_jit(predict(network))(variables, image)
    assert output.logits.dtype == jnp.float32
    assert output.features.dtype == jnp.bfloat16
    error = jnp.abs(output.logits.astype(jnp.float32) - expected.logits).mean()
    assert float(error / jnp.abs(expected.logits).mean()) < 0.03


@pytest.mark.parametrize("spec", [PartitionSpec(None, "devices"), PartitionSpec("devices")])
def test_eight_devices_compute_what_one_does(spec):
    network, image, variables, expected = prediction()
    mesh = Mesh(np.asarray(jax.devices()).reshape(8), ("devices",), axis_types=(AxisType.Auto,))
    placed = jax.device_put(image, NamedSharding(mesh, spec))
    everywhere = jax.device_put(variables, NamedSharding(mesh, PartitionSpec()))
    output = quick_jit(predict(network))(everywhere, placed)
    np.testing.assert_allclose(output.logits, expected.logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(output.features, expected.features, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_recomputing_the_bottlenecks_changes_no_value():
    network, image, variables, _ = prediction()
    again = enet(5, width=0.25, remat=True)

    def loss(network):
        def value(params):
            rngs = {"dropout": jax.random.key(0)}
            output, _ = network.apply({**variables, "params": params}, image, train=True, rngs=rngs)
            return jnp.square(output.logits).mean()

        return quick_jit(jax.grad(value))(variables["params"])

    for recomputed, kept in zip(jax.tree.leaves(loss(again)), jax.tree.leaves(loss(network)), strict=True):
        np.testing.assert_allclose(recomputed, kept, rtol=1e-3, atol=1e-6)
