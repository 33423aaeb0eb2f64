"""What the losses of neighbouring pixels share in their tests: a drawn example, borders on a mesh, memory."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from tests.losses.cases import case

# Figure 2 of the SSL paper: one class's label and probability around a pixel that both get wrong.
Y = np.array([[0, 0, 0], [1, 0, 1], [1, 1, 1]])
P = np.array([[0.1, 0.1, 0.1], [0.8, 0.8, 0.9], [0.8, 0.9, 0.8]])
FIGURE_2 = np.stack([np.log((1 - P) / P), np.log(P / (1 - P))], axis=-1)


def sigmoid(x):
    return np.exp(-np.logaddexp(0.0, -x))


def check_borders_only(loss):
    """Images whose rows are split over devices give what whole ones give, and no image is gathered."""
    mesh = jax.make_mesh((2, 4), ("data", "space"), axis_types=(AxisType.Auto, AxisType.Auto))
    some = case((4, 8, 6), 3)
    logits = some.logits.astype(np.float32)
    gradient = jax.jit(jax.value_and_grad(loss.average))
    place = NamedSharding(mesh, PartitionSpec("data", "space"))
    sharded = jax.device_put(logits, place), jax.device_put(some.truth, place)
    for whole, parts in zip(gradient(logits, some.truth), gradient(*sharded), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-7)
    assert "all-gather" not in gradient.lower(*sharded).compile().as_text()


def gradient_memory(loss):
    """Bytes that the gradient for two images of 512x512 and 19 classes takes beside its arguments."""
    logits = jax.ShapeDtypeStruct((2, 512, 512, 19), jnp.float32)
    labels = jax.ShapeDtypeStruct((2, 512, 512), jnp.int32)
    compiled = jax.jit(jax.value_and_grad(loss.average)).lower(logits, labels).compile()
    return compiled.memory_analysis().temp_size_in_bytes
