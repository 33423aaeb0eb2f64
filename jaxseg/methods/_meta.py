"""The gradient of a loss after one virtual step, with respect to what weighs the pixels that the step learns from.

    L_s(theta, phi) = sum_n s_n W_n(phi) l_n(theta),    theta+ = theta - alpha dL_s/dtheta,    dL_t(theta+)/dphi

Both ways give the same numbers, up to rounding.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.losses import Scalar

Values = Callable[[Any], Float[Array, "*B"]]
"""Parameters to the loss l_n of each pixel."""
Loss = Callable[[Any], Float[Array, ""]]
"""Parameters to L_t."""
Weights = Callable[[Any], tuple[Float[Array, "*B"], Any]]
"""What weighs, phi, to what each pixel's loss is multiplied with, and whatever else comes with that."""
Result = tuple[Float[Array, ""], tuple[Float[Array, "*B"], Any], Any]
"""L_t at the virtual parameters; the factors and what came with them; dL_t/dphi."""


def stepped(params: Any, gradient: Any, rate: Scalar) -> Any:
    """Parameters after a step of plain gradient descent.

    >>> round(float(stepped({"w": jnp.array(0.5)}, {"w": jnp.array(-0.35)}, 0.1)["w"]), 4)
    0.535
    """
    return jax.tree.map(lambda p, g: p - jnp.asarray(rate, p.dtype) * g, params, gradient)


def through_the_step(
    weights: Weights, values: Values, target: Loss, phi: Any, theta: Any, rate: Scalar
) -> Result:
    """Reverse mode through the virtual step, with respect to phi alone.

    Args:
      weights: F of phi, the factors of L_s = sum_n F_n l_n.
      values: l of theta.
      target: L_t.
      phi: what weighs.
      theta: parameters before the step.
      rate: alpha.
    """

    def after(phi: Any) -> tuple[Float[Array, ""], tuple[Array, Any]]:
        given, others = weights(phi)
        gradient = jax.grad(lambda theta: jnp.sum(given * values(theta)))(theta)
        return target(stepped(theta, gradient, rate)), (given, others)

    (value, found), gradient = jax.value_and_grad(after, has_aux=True)(phi)
    return value, found, gradient


def through_the_identity(
    weights: Weights, values: Values, target: Loss, phi: Any, theta: Any, rate: Scalar
) -> Result:
    """The same from first derivatives, since L_s is linear in F; the arguments are those of `through_the_step`.

        v = dL_t/dtheta at theta+,    c_n = <dl_n/dtheta, v> at theta,    dL_t/dphi = -alpha sum_n c_n dF_n/dphi

    The forward passes that c and dF/dphi need are computed again, so that nothing of the first ones is kept while v is
    made: that is what it saves.
    """
    given, others = weights(phi)
    gradient = jax.grad(lambda theta: jnp.sum(given * values(theta)))(theta)
    value, direction = jax.value_and_grad(target)(stepped(theta, gradient, rate))
    _, change = jax.jvp(values, (_anew(theta, direction),), (direction,))
    phi = _anew(phi, change)
    factor = -jnp.asarray(rate, change.dtype) * change
    return value, (given, others), jax.grad(lambda phi: jnp.sum(weights(phi)[0] * factor))(phi)


def _anew(params: Any, after: Any) -> Any:
    """The same parameters, but the compiler cannot know: what is made of them is made again, once all of `after` is.

    `jax.lax.optimization_barrier` says it better, but on a CPU XLA drops it before it looks for equal computations.
    What is added is 0 times numbers of `after`, which no compiler may leave out: it is NaN where one is not finite.
    """
    zero = jnp.zeros(())
    for leaf in jax.tree.leaves(after):
        zero += 0.0 * leaf[(0,) * leaf.ndim].astype(zero.dtype)
    return jax.tree.map(lambda leaf: leaf + zero.astype(leaf.dtype), params)
