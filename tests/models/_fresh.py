"""Networks traced but not run, fresh variables without compiling their draws, passes compiled without optimisation."""

import jax
import jax.numpy as jnp
import numpy as np

QUICK = {"xla_backend_optimization_level": 0}


def draw(*shape, seed=0):
    """Normal numbers of this shape, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def abstract(network, height=32, width=40, batch=1):
    """Shapes of an image (or of what else the network takes), no side below the smallest, and of its variables."""
    sides = (max(side, network.minimum_size) for side in (height, width))
    image = jax.ShapeDtypeStruct((batch, *sides, getattr(network, "channels", 3)), jnp.float32)
    return image, jax.eval_shape(network.init, jax.random.key(0), image)


def parameters(network):
    """How many a network has."""
    return sum(leaf.size for leaf in jax.tree.leaves(abstract(network)[1]["params"]))


def variables(network, image, seed=0):
    """What `network.init` returns, kernels drawn by NumPy with He's variance, all else as at its start."""
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        name = path[-1].key
        if name == "kernel":
            fan_in = np.prod(leaf.shape[:-1])
            values = rng.standard_normal(leaf.shape) * (2 / fan_in) ** 0.5
        else:
            values = np.full(leaf.shape, 1.0 if name in ("scale", "var") else 0.0)
        return jnp.asarray(values, leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, jax.eval_shape(network.init, jax.random.key(0), image))


def forward(network, train):
    """`(variables, image) -> (Output, batch statistics)`."""
    run = lambda variables, image: network.apply(variables, image, train=train)  # noqa: E731
    return jax.jit(run, compiler_options=QUICK)
