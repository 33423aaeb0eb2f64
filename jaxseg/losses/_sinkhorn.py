"""Entropic optimal transport between the prediction and a soft target (Cuturi 2013), pixel by pixel.

    L = min_W <W, D> + eps KL(W | s t'),    W 1 = s,    W' 1 = t

for the Wasserstein loss of Liu et al. (AAAI 2020) on soft pseudo-labels, where `wasserstein` has no closed form. Its
dual potentials f, g make the loss, <s, f> + <t, g>, and by the envelope theorem they are its gradient with respect
to s and t, as the plan W is to D. So value and gradient belong to one functional, that of ott-jax's `reg_ot_cost`;
the potentials of the variant with -eps H(W) instead of the divergence differ by eps log s.

Everything is counted in units of eps, M = D / eps, p = f / eps, q = g / eps, and solved class axis first, in arrays
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
from jaxseg.losses._transport import (
    block_of,
    by_kernel,
    by_ott,
    class_sum,
    cost_of_plan,
    in_blocks,
    potential_tangents,
)

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
    where, cost, eps = _problem(logits, targets, ground, epsilon, iterations, solver, where)
    values, *_ = _solution(jnp.asarray(logits), jnp.asarray(targets), where, cost / eps, iterations, solver)
    return eps * values


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

    From above it approaches the Wasserstein distance as epsilon goes to 0, once the iterations have converged. How many
    that takes grows as 1 / epsilon: a plan that has not converged moves too little and costs too little, 0.46 for the
    0.55 of `sinkhorn`'s example at epsilon 0.02 and 50 iterations, which 5,000 bring.

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
    where, cost, eps = _problem(logits, targets, ground, epsilon, iterations, solver, where)
    logits, targets, cost, eps = jax.lax.stop_gradient((jnp.asarray(logits), jnp.asarray(targets), cost, eps))
    scaled = cost / eps
    _, _, p, q = _solution(logits, targets, where, scaled, iterations, solver)
    log_s, t, valid = _distributions(logits, targets, where)
    plan_cost = cost_of_plan(tuple(map(_classes_first, (log_s, t, p, q))), scaled, cost)
    return jnp.where(valid, jax.lax.stop_gradient(plan_cost), 0.0)


def _problem(
    logits: Logits,
    targets: Targets,
    ground: Shaped[ArrayLike, "..."],
    epsilon: Scalar,
    iterations: int,
    solver: str,
    where: Where,
) -> tuple[Bool[Array, "*B"], Float[Array, "C C"], Float[Array, ""]]:
    """The pixels that count, the cost, and the strength of the entropic term in its units."""
    classes = class_count(logits)
    check_shape("targets", targets, jnp.shape(logits))
    check_shape("ground", ground, (classes, classes))
    check_choice("solver", solver, SOLVERS)
    if not isinstance(iterations, int) or isinstance(iterations, bool) or iterations < 1:
        raise ValueError(f"iterations: {iterations!r} given; 1 or more, a Python int, is accepted")
    x = as_float(logits)
    cost = as_float(ground).astype(x.dtype)
    share = as_scalar("epsilon", epsilon, x, above=0.0)
    # A metric of zeros has no scale; any will do. A traced epsilon that is not above 0 has no meaning.
    eps = jnp.where(jnp.max(jnp.abs(cost)) > 0.0, share * jnp.mean(cost), 1.0)
    eps = jnp.where(share > 0.0, eps, jnp.nan)
    return as_mask(where, jnp.shape(logits)[:-1]), cost, eps


def _prediction(logits: Logits, where: Bool[Array, "*B"]) -> Float[Array, "*B C"]:
    """log s, uniform at void pixels."""
    return jax.nn.log_softmax(safe_logits(logits, where), axis=-1)


def _truth(targets: Targets, where: Bool[Array, "*B"], dtype: Any) -> Float[Array, "*B C"]:
    """t, uniform where nothing is known."""
    t = jnp.where(where[..., None], jnp.asarray(targets).astype(dtype), 0.0)
    mass = jnp.sum(t, axis=-1, keepdims=True)
    return jnp.where(mass > 0.0, t / jnp.where(mass > 0.0, mass, 1.0), 1.0 / t.shape[-1])


def _distributions(
    logits: Logits, targets: Targets, where: Bool[Array, "*B"]
) -> tuple[Float[Array, "*B C"], Float[Array, "*B C"], Bool[Array, "*B"]]:
    """log s, t, and the pixels that count and have a target."""
    log_s = _prediction(logits, where)
    return log_s, _truth(targets, where, log_s.dtype), _counting(targets, where)


def _counting(targets: Targets, where: Bool[Array, "*B"]) -> Bool[Array, "*B"]:
    """The pixels that count and have a target."""
    return where & jnp.any(jnp.asarray(targets) > 0, axis=-1)


def _classes_first(x: Float[Array, "*B C"]) -> Float[Array, "C *B"]:
    return jnp.moveaxis(x, -1, 0)


def _classes_last(x: Float[Array, "C *B"]) -> Float[Array, "*B C"]:
    return jnp.moveaxis(x, 0, -1)


@functools.partial(jax.custom_jvp, nondiff_argnums=(4, 5))
def _solution(
    logits: Float[Array, "*B C"],
    targets: Shaped[Array, "*B C"],
    where: Bool[Array, "*B"],
    scaled: Float[Array, "C C"],
    iterations: int,
    solver: str,
) -> tuple[Float[Array, "*B"], Float[Array, "*B C"], Float[Array, "*B C"], Float[Array, "*B C"]]:
    """The loss, its gradient and the potentials, in units of eps: p fits q exactly, q fits p as far as converged.

    The gradient, to the logits, is made here while all it needs is at hand. Pixels that do not count have zeros.
    """
    solve = by_ott if solver == "ott" else by_kernel
    block = block_of(solver, scaled.shape[0])

    def of_pixels(
        logits: Array, targets: Array, where: Array
    ) -> tuple[Float[Array, "*n"], Float[Array, "*n C"], Float[Array, "*n C"], Float[Array, "*n C"]]:
        *known, valid = _distributions(logits, targets, where)
        # In a block the pixels become one axis: a matrix, laid out class after class, as products want it.
        log_s, t = (first.reshape(len(first), -1) if block else first for first in map(_classes_first, known))
        p, q = solve(log_s, t, scaled, iterations)
        s = jnp.exp(log_s)
        cost = class_sum(s * p)
        value = jnp.where(valid, (cost + class_sum(t * q)).reshape(valid.shape), 0.0)
        slope, p, q = (_classes_last(each.reshape(-1, *valid.shape)) for each in (s * (p - cost), p, q))
        return value, jnp.where(valid[..., None], slope, 0.0), p, q

    return in_blocks(of_pixels, block, _counting(targets, where), logits, targets, where)


def _solution_jvp(iterations: int, solver: str, primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    logits, targets, where, scaled = primals
    value, slope, p, q = _solution(logits, targets, where, scaled, iterations, solver)
    log_s, t, valid = _distributions(logits, targets, where)
    fixed = [type(tangent) is jax.custom_derivatives.SymbolicZero for tangent in tangents]
    change, dlog_s, dt, dscaled = jnp.zeros_like(value), *map(jnp.zeros_like, (log_s, t, scaled))
    if not fixed[0]:
        change = change + jnp.sum(slope * tangents[0].astype(slope.dtype), axis=-1)
        dlog_s = jax.jvp(lambda x: _prediction(x, where), (logits,), (tangents[0],))[1]
    if not fixed[1]:
        dt = jax.jvp(lambda t: _truth(t, where, slope.dtype), (targets,), (tangents[1],))[1]
        change = change + jnp.sum(jnp.where(valid[..., None], q * dt, 0.0), axis=-1)
    first = tuple(map(_classes_first, (log_s, t, p, q)))
    if not fixed[3]:
        dscaled = tangents[3]
        change = change + jnp.where(valid, cost_of_plan(first, scaled, dscaled), 0.0)
    dp, dq = potential_tangents(
        first, scaled, _classes_first(dlog_s), _classes_first(dt), dscaled, iterations
    )
    dp, dq = _classes_last(dp), _classes_last(dq)
    dslope = jax.jvp(_slope, (log_s, p), (dlog_s, dp))[1]
    return (value, slope, p, q), (change, jnp.where(valid[..., None], dslope, 0.0), dp, dq)


def _slope(log_s: Float[Array, "*B C"], p: Float[Array, "*B C"]) -> Float[Array, "*B C"]:
    s = jnp.exp(log_s)
    return s * (p - jnp.sum(s * p, axis=-1, keepdims=True))


_solution.defjvp(_solution_jvp, symbolic_zeros=True)


@pytree
@dataclasses.dataclass(frozen=True)
class Sinkhorn(Loss):
    """`sinkhorn` with its ground metric and epsilon as leaves; the others are static."""

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
