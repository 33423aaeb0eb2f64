"""A Flax NNX module behind the network interface: statistics, dropout, gradients, and equality with the Linen form."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxseg.models import LinenNetwork, NNXNetwork


class Mine(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.layers = nnx.List([nnx.Conv(3, 6, (3, 3), rngs=rngs), nnx.BatchNorm(6, momentum=0.9, rngs=rngs)])
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.head = nnx.Conv(6, 4, (1, 1), rngs=rngs)

    def __call__(self, image: jax.Array) -> jax.Array:
        for layer in self.layers:
            image = layer(image)
        return self.head(self.dropout(nnx.relu(image)))


class Same(nn.Module):
    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> jax.Array:
        x = nn.Conv(6, (3, 3), name="conv")(image)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9, name="bn")(x))
        return nn.Conv(4, (1, 1), name="head")(x)


def _image() -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 7, 3)), jnp.float32)


def test_evaluation_equals_the_same_linen_module() -> None:
    network, same = NNXNetwork(4, make=Mine), LinenNetwork(4, module=Same())
    with jax.numpy_dtype_promotion("standard"):
        variables = network.init(jax.random.key(1), _image())
        params, stats = variables["params"], variables["batch_stats"]
        linen = {
            "params": {"conv": params["layers"]["#0"], "bn": params["layers"]["#1"], "head": params["head"]},
            "batch_stats": {"bn": stats["layers"]["#1"]},
        }
        ours = network.apply(variables, _image(), train=False)[0].logits
        np.testing.assert_allclose(
            ours, same.apply(linen, _image(), train=False)[0].logits, rtol=1e-5, atol=1e-6
        )
        _, after = network.apply(variables, _image(), train=True, rngs={"dropout": jax.random.key(0)})
        _, expected = same.apply(linen, _image(), train=True)
        np.testing.assert_allclose(
            after["layers"]["#1"]["mean"], expected["bn"]["mean"], rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(after["layers"]["#1"]["var"], expected["bn"]["var"], rtol=1e-5)


def test_training_is_a_pure_function_of_variables_and_key() -> None:
    network = NNXNetwork(4, make=Mine)
    with jax.numpy_dtype_promotion("standard"):
        variables = network.init(jax.random.key(1), _image())

        @jax.jit
        def loss(params, key):
            rngs = {"dropout": key}
            output, _ = network.apply({**variables, "params": params}, _image(), train=True, rngs=rngs)
            return jnp.square(output.logits).mean()

        one = loss(variables["params"], jax.random.key(0))
        assert float(one) == float(loss(variables["params"], jax.random.key(0)))
        assert float(one) != float(loss(variables["params"], jax.random.key(1)))
        gradient = jax.jit(jax.grad(loss))(variables["params"], jax.random.key(0))
    assert jax.tree.structure(gradient) == jax.tree.structure(variables["params"])
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(gradient["head"]))
