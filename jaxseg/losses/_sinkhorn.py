"""Entropic optimal transport between the prediction and a soft target (Cuturi 2013), pixel by pixel.

    L = min_W <W, D> + eps KL(W | s t'),    W 1 = s,    W' 1 = t

for the Wasserstein loss of Liu et al. (AAAI 2020) on soft pseudo-labels, where `wasserstein` has no closed form. Its
dual potentials f, g make the loss, <s, f> + <t, g>, and by the envelope theorem they are its gradient with respect
to s and t, as the plan W is to D. So value and gradient belong to one functional, that of ott-jax's `reg_ot_cost`;
the potentials of the variant with -eps H(W) instead of the divergence differ by eps log s.

Everything is counted in units of eps, M = D / eps, p = f / eps, q = g / eps, and, class axis first, in arrays
[C, pixels]: all pixels share the kernel exp(-M), so that an iteration is two matrix products. A solution is unique up
to a constant moved from p to q, which neither the loss nor its derivatives see.
"""

import dataclasses
import functools
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Shaped

from jaxseg.losses._pixels import (
    Logits,
    Loss,
    Scalar,
    Targets,
    Where,
    as_float,
    as_mask,
    as_scalar,
    check_choice,
    check_shape,
    class_count,
    safe_logits,
)
from jaxseg.losses._pytree import pytree
from jaxseg.losses._transport import by_kernel, by_ott, class_sum, cost_of_plan, potential_tangents

SOLVERS = "ott", "kernel"


def sinkhorn(
    logits: Logits,
    targets: Targets,
    ground: Shaped[ArrayLike, "..."],
    *,
    epsilon: Scalar = 0.05,
    iterations: int = 50,
    solver: str = "ott",
    where: Where = None,
) -> Float[Array, "*B"]:
    """Regularised transport cost between the prediction at each pixel and a distribution.

        L = min_W <W, D> + eps KL(W | s t'),    s = softmax(x),    eps = epsilon mean(D)
        dL/dx_k = s_k (f_k - <s, f>)

    with f the dual potential. Between the Wasserstein loss (epsilon to 0; at 0.05 its plan costs some 1% too much) and
    the mean cost s' D t of an independent plan (epsilon to infinity). A one-hot target leaves one plan only: then the
    loss is `wasserstein`, whatever epsilon is. The paper gives neither epsilon nor the number of iterations: the
    defaults are ours.

    The gradient is exact once the iterations have converged, to the targets, the metric and epsilon as well; second
    derivatives differentiate the optimality conditions by as many iterations again. Where max(D) / eps exceeds 70 (a
    small epsilon, or a metric of very unequal costs) the iterations run on logarithms: right, and ten times as slow.
    Epsilons stacked under `vmap` run both ways.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      targets: [*B, C] non-negative weights of the classes; divided by their sum, which makes them t.
      ground: [C, C] non-negative cost D, row = predicted class, column = true class.
      epsilon: strength of the entropic term, above 0, in units of the mean of all entries of `ground`.
      iterations: number of Sinkhorn iterations, all of which are run. Static.
      solver: "ott", ott-jax's solver, or "kernel", ours, the same iterations several times as fast. Static.
      where: [*B] bool, pixels that count; None for all.

    Returns:
      [*B] in the units of `ground`; exactly 0 (and with exactly 0 gradient) at void pixels, and where all targets
      are 0.

    Raises:
      ValueError: shapes that do not fit, `where` that is not bool, less than one iteration, an unknown solver,
        `epsilon` given as a number not above 0.

    >>> s, t = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.array([0.05, 0.05, 0.8, 0.1])
    >>> chain = jnp.abs(jnp.arange(4.0)[:, None] - jnp.arange(4.0))
    >>> f"{sinkhorn(jnp.log(s), t, chain, solver='kernel'):.3f}"                     # without epsilon: 0.550
    '0.568'
    """
    log_s, t, cost, eps, valid = _problem(logits, targets, ground, epsilon, iterations, solver, where)
    values, _, _ = _solution(log_s, t, cost / eps, iterations, solver)
    return jnp.where(valid, eps * values, 0.0)


def transport_cost(
    logits: Logits,
    targets: Targets,
    ground: Shaped[ArrayLike, "..."],
    *,
    epsilon: Scalar = 0.05,
    iterations: int = 50,
    solver: str = "ott",
    where: Where = None,
) -> Float[Array, "*B"]:
    """What the plan of `sinkhorn` costs, <W, D>, without the entropic term: a metric, with no gradient.

    From above it approaches the Wasserstein distance as epsilon goes to 0 and the iterations converge.

    Args:
      logits: [*B, C] unnormalised scores, any float type.
      targets: [*B, C] non-negative weights of the classes; divided by their sum.
      ground: [C, C] non-negative cost D, row = predicted class, column = true class.
      epsilon: strength of the entropic term, in units of the mean of `ground`.
      iterations: number of Sinkhorn iterations. Static.
      solver: "ott" or "kernel". Static.
      where: [*B] bool, pixels that count; None for all.

    Returns:
      [*B] in the units of `ground`; 0 at void pixels, and where all targets are 0.

    Raises:
      ValueError: as `sinkhorn`.

    >>> s, t = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.array([0.05, 0.05, 0.8, 0.1])
    >>> chain = jnp.abs(jnp.arange(4.0)[:, None] - jnp.arange(4.0))
    >>> f"{transport_cost(jnp.log(s), t, chain, epsilon=0.08, solver='kernel'):.3f}"
    '0.550'
    """
    log_s, t, cost, eps, valid = jax.lax.stop_gradient(
        _problem(logits, targets, ground, epsilon, iterations, solver, where)
    )
    scaled = cost / eps
    _, p, q = _solution(log_s, t, scaled, iterations, solver)
    return jnp.where(valid, jax.lax.stop_gradient(cost_of_plan(log_s, t, p, q, scaled, cost)), 0.0)


def _problem(
    logits: Logits,
    targets: Targets,
    ground: Shaped[ArrayLike, "..."],
    epsilon: Scalar,
    iterations: int,
    solver: str,
    where: Where,
) -> tuple[
    Float[Array, "C *B"], Float[Array, "C *B"], Float[Array, "C C"], Float[Array, ""], Bool[Array, "*B"]
]:
    classes = class_count(logits)
    check_shape("targets", targets, jnp.shape(logits))
    check_shape("ground", ground, (classes, classes))
    check_choice("solver", solver, SOLVERS)
    if not isinstance(iterations, int) or iterations < 1:
        raise ValueError(f"iterations: {iterations!r} given; 1 or more, a Python int, is accepted")
    if isinstance(epsilon, int | float) and not epsilon > 0.0:
        raise ValueError(f"epsilon: {epsilon} given; a number above 0 is accepted")
    where = as_mask(where, jnp.shape(logits)[:-1])
    x = safe_logits(logits, where)
    t = jnp.where(where[..., None], jnp.asarray(targets).astype(x.dtype), 0.0)
    mass = jnp.sum(t, axis=-1, keepdims=True)
    some = mass > 0.0
    t = jnp.where(some, t / jnp.where(some, mass, 1.0), 1.0 / classes)
    cost = as_float(ground).astype(x.dtype)
    # A metric of zeros has no scale; any will do.
    eps = as_scalar("epsilon", epsilon, x) * jnp.mean(cost)
    eps = jnp.where(jnp.max(jnp.abs(cost)) > 0.0, eps, 1.0)
    log_s = jax.nn.log_softmax(x, axis=-1)
    return jnp.moveaxis(log_s, -1, 0), jnp.moveaxis(t, -1, 0), cost, eps, where & some[..., 0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def _solution(
    log_s: Float[Array, "C *B"],
    t: Float[Array, "C *B"],
    scaled: Float[Array, "C C"],
    iterations: int,
    solver: str,
) -> tuple[Float[Array, "*B"], Float[Array, "C *B"], Float[Array, "C *B"]]:
    """The loss and the potentials (p, q), in units of eps: p fits q exactly, q fits p as far as converged."""
    solve = by_ott if solver == "ott" else by_kernel
    p, q = solve(log_s, t, scaled, iterations)
    return class_sum(jnp.exp(log_s) * p + t * q), p, q


def _solution_jvp(iterations: int, solver: str, primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    log_s, t, scaled = primals
    value, p, q = _solution(log_s, t, scaled, iterations, solver)
    is_zero = [type(tangent) is jax.custom_derivatives.SymbolicZero for tangent in tangents]
    dlog_s, dt, dscaled = (
        jnp.zeros_like(primal) if zero else tangent
        for primal, tangent, zero in zip(primals, tangents, is_zero, strict=True)
    )
    change = jnp.sum(jnp.exp(log_s) * p * dlog_s, axis=0) + jnp.sum(q * dt, axis=0)
    if not is_zero[2]:
        change = change + cost_of_plan(log_s, t, p, q, scaled, dscaled)
    dp, dq = potential_tangents(log_s, t, p, q, scaled, dlog_s, dt, dscaled, iterations)
    return (value, p, q), (change, dp, dq)


_solution.defjvp(_solution_jvp, symbolic_zeros=True)


@pytree
@dataclasses.dataclass(frozen=True)
class Sinkhorn(Loss):
    """`sinkhorn` with its ground metric and epsilon as leaves; `iterations` and `solver` are static."""

    takes: ClassVar[Literal["targets"]] = "targets"
    ground: Any
    epsilon: Scalar = 0.05
    iterations: int = dataclasses.field(default=50, metadata={"static": True})
    solver: str = dataclasses.field(default="ott", metadata={"static": True})

    def __call__(self, logits: Logits, targets: Targets, *, where: Where = None) -> Float[Array, "*B"]:
        """[*B] values of `sinkhorn`."""
        return sinkhorn(
            logits,
            targets,
            self.ground,
            epsilon=self.epsilon,
            iterations=self.iterations,
            solver=self.solver,
            where=where,
        )
