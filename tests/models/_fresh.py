"""Fresh variables without compiling their draws, and forward passes compiled without optimisation: quick tests."""

import jax
import jax.numpy as jnp
import numpy as np

QUICK = {"xla_backend_optimization_level": 0}


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
