"""Solvers of the entropic transport problem for all pixels at once, and what follows from a solution.

In the units and the layout of `_sinkhorn`: potentials p and q of log s and t [C, pixels] under the cost M [C, C], with
the plan W_ij = s_i t_j exp(p_i + q_j - M_ij). Nothing here is differentiated but through the rule in `_sinkhorn`.
"""

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

# Beyond exp(-70) the scalings of 150 classes leave the range of float32, and a kernel of zeros is wrong without notice.
_LARGEST_FOR_KERNEL = 70.0
_LARGEST_FOR_PLAIN = 40.0


def by_kernel(
    log_s: Float[Array, "C *B"], t: Float[Array, "C *B"], scaled: Float[Array, "C C"], iterations: int
) -> tuple[Float[Array, "C *B"], Float[Array, "C *B"]]:
    """The potentials by matrix scaling where the kernel can be had, on logarithms elsewhere."""
    largest = jnp.max(jnp.abs(scaled))
    way = (largest > _LARGEST_FOR_PLAIN).astype(jnp.int32) + (largest > _LARGEST_FOR_KERNEL).astype(jnp.int32)
    ways = (
        functools.partial(_iterate_scalings, bounded=False),
        functools.partial(_iterate_scalings, bounded=True),
        _iterate_logarithms,
    )
    branches = [functools.partial(each, log_s, t, scaled, iterations) for each in ways]
    return jax.lax.switch(way, branches)


def _iterate_scalings(
    log_s: Float[Array, "C *B"],
    t: Float[Array, "C *B"],
    scaled: Float[Array, "C C"],
    iterations: int,
    *,
    bounded: bool,
) -> tuple[Float[Array, "C *B"], Float[Array, "C *B"]]:
    kernel, s = jnp.exp(-scaled), jnp.exp(log_s)
    apply = functools.partial(jnp.tensordot, axes=1, precision=jax.lax.Precision.HIGHEST)

    and_sum = jnp.concatenate([kernel, jnp.ones_like(kernel[:1])])

    def iterate(_: Any, u: Float[Array, "C *B"]) -> Float[Array, "C *B"]:
        v = t / apply(kernel.T, u)
        if bounded:
            # The scale of v is free; kept at 1 it bounds that of u by 1 / kernel.
            return s / apply(kernel, v / class_sum(v))
        # The same in one product; K v may be as small as the square of the smallest entry of the kernel.
        product = apply(and_sum, v)
        return s * (product[-1] / product[:-1])

    u = jax.lax.fori_loop(1, iterations, iterate, (s > 0.0).astype(s.dtype))
    total = apply(kernel.T, u)
    return -jnp.log(apply(kernel, t / total)), -jnp.log(total)


def class_sum(x: Float[Array, "C *B"]) -> Float[Array, "*B"]:
    """Sum over the classes, as a product: XLA on CPU takes five times as long over a sum along the first axis."""
    return jnp.tensordot(jnp.ones(x.shape[0], x.dtype), x, axes=1, precision=jax.lax.Precision.HIGHEST)


def _iterate_logarithms(
    log_s: Float[Array, "C *B"],
    t: Float[Array, "C *B"],
    scaled: Float[Array, "C C"],
    iterations: int,
) -> tuple[Float[Array, "C *B"], Float[Array, "C *B"]]:
    log_t = _log(t)

    def p_of(q: Float[Array, "C *B"]) -> Float[Array, "C *B"]:
        return -_log_sum_exp(log_t + q, scaled)

    def q_of(log_u: Float[Array, "C *B"]) -> Float[Array, "C *B"]:
        return -_log_sum_exp(log_u, scaled.T)

    def iterate(_: Any, log_u: Float[Array, "C *B"]) -> Float[Array, "C *B"]:
        return log_s + p_of(q_of(log_u))

    start = jnp.where(log_s > -jnp.inf, jnp.zeros_like(log_s), -jnp.inf)
    log_u = jax.lax.fori_loop(1, iterations, iterate, start)
    q = q_of(log_u)
    return p_of(q), q


def by_ott(
    log_s: Float[Array, "C *B"],
    t: Float[Array, "C *B"],
    scaled: Float[Array, "C C"],
    iterations: int,
) -> tuple[Float[Array, "C *B"], Float[Array, "C *B"]]:
    """The potentials by ott-jax, all pixels at once: as many iterations for each, so that none waits for another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what ott itself imports
        from ott.geometry.geometry import Geometry
        from ott.problems.linear.linear_problem import LinearProblem
        from ott.solvers.linear.sinkhorn import Sinkhorn

    def of_pixels(on_logarithms: bool) -> Callable[..., tuple[Array, Array]]:
        solver = Sinkhorn(
            lse_mode=on_logarithms,
            min_iterations=iterations,
            max_iterations=iterations,
            inner_iterations=iterations,
            threshold=0.0,
        )

        def of_pixel(s: Float[Array, "C"], t: Float[Array, "C"]) -> tuple[Array, Array]:
            with jax.numpy_dtype_promotion("standard"):
                solved = solver(LinearProblem(Geometry(cost_matrix=scaled, epsilon=1.0), a=s, b=t))
            return solved.f, solved.g

        def solve() -> tuple[Array, Array]:
            solve_all = of_pixel
            for _ in t.shape[1:]:
                solve_all = jax.vmap(solve_all, in_axes=-1, out_axes=-1)
            log_u, log_v = solve_all(jnp.exp(log_s), t)
            # ott's potentials hold log s and log t, and -inf where a class has no mass: ours go on there.
            p = -_log_sum_exp(log_v, scaled)
            return p, jnp.where(t > 0.0, log_v - _log(t), -_log_sum_exp(log_u, scaled.T))

        return solve

    return jax.lax.cond(jnp.max(jnp.abs(scaled)) > _LARGEST_FOR_KERNEL, of_pixels(True), of_pixels(False))


Solved = tuple[Float[Array, "C *B"], ...]
"""log s, t and the potentials p and q that solve the problem."""


def cost_of_plan(
    solved: Solved,
    scaled: Float[Array, "C C"],
    cost: Float[Array, "C C"],
) -> Float[Array, "*B"]:
    """<W, cost> with the plan W_ij = s_i t_j exp(p_i + q_j - M_ij)."""

    @jax.checkpoint
    def of_block(log_s: Array, t: Array, p: Array, q: Array) -> Array:
        plan = jnp.exp(_outer(log_s + p, q, scaled)) * t
        return jnp.sum(plan * _beside(cost, t), axis=(0, 1))

    return _block_by_block(of_block, _block(scaled.shape[0]), *solved)


def potential_tangents(
    solved: Solved,
    scaled: Float[Array, "C C"],
    dlog_s: Float[Array, "C *B"],
    dt: Float[Array, "C *B"],
    dscaled: Float[Array, "C C"],
    iterations: int,
) -> tuple[Float[Array, "C *B"], Float[Array, "C *B"]]:
    """Tangents of the potentials, for second derivatives: the linearised iteration, run from the solution."""

    @jax.checkpoint
    def of_block(log_s: Array, t: Array, p: Array, q: Array, dlog_s: Array, dt: Array) -> tuple[Array, Array]:
        # What q_j is made of for each i, and p_i for each j: at the solution both sum to 1.
        of_q = jnp.exp(_outer(log_s + p, q, scaled))
        of_p = jnp.exp(_outer(p, q + _log(t), scaled))
        # Short of convergence they do not, and the linearised iteration would grow from step to step.
        of_q /= _or_one(jnp.sum(of_q, axis=0, keepdims=True))
        of_p /= _or_one(jnp.sum(of_p, axis=1, keepdims=True))
        change = _beside(dscaled, t)
        # A class without mass in s has no use for its p; the cap keeps it finite.
        per_t = jnp.exp(jnp.minimum(_outer(p, q, scaled), _LARGEST_FOR_KERNEL))
        source_p = jnp.sum(of_p * change - per_t * dt, axis=1)
        source_q = jnp.sum(of_q * (change - dlog_s[:, None]), axis=0)

        def iterate(dp: Array, _: None) -> tuple[Array, None]:
            dq = source_q - jnp.sum(of_q * dp[:, None], axis=0)
            return source_p - jnp.sum(of_p * dq, axis=1), None

        dp, _ = jax.lax.scan(iterate, jnp.zeros_like(p), length=iterations)
        return dp, source_q - jnp.sum(of_q * dp[:, None], axis=0)

    return _block_by_block(of_block, _block(scaled.shape[0]), *solved, dlog_s, dt)


def _or_one(total: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return jnp.where(total > 0.0, total, 1.0)


def _log(t: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    some = t > 0.0
    return jnp.where(some, jnp.log(jnp.where(some, t, 1.0)), -jnp.inf)


def _log_sum_exp(terms: Float[Array, "C *B"], scaled: Float[Array, "C C"]) -> Float[Array, "C *B"]:
    """log sum_j exp(terms_j - scaled_ij) for each i, one j after the other: no array [C, C, pixels]."""

    def term(j: Array | int) -> Float[Array, "C *B"]:
        return terms[j] - jnp.reshape(scaled[:, j], (-1,) + (1,) * (terms.ndim - 1))

    classes = scaled.shape[0]
    top = jax.lax.fori_loop(1, classes, lambda j, top: jnp.maximum(top, term(j)), term(0))
    total = jax.lax.fori_loop(
        0, classes, lambda j, total: total + jnp.exp(term(j) - top), jnp.zeros_like(top)
    )
    return top + jnp.log(total)


def _outer(rows: Float[Array, "C *B"], columns: Float[Array, "C *B"], scaled: Float[Array, "C C"]) -> Array:
    """rows_i + columns_j - scaled_ij, [C, C, *B]: of a block of pixels only."""
    return rows[:, None] + columns - _beside(scaled, rows)


def _beside(matrix: Float[Array, "C C"], pixels: Float[Array, "C *B"]) -> Array:
    return jnp.reshape(matrix, matrix.shape + (1,) * (pixels.ndim - 1))


def _block(classes: int) -> int:
    """Pixels that are taken at once where each needs a matrix of its own."""
    entries = 2**21 if jax.default_backend() == "cpu" else 2**26
    return _power_of_two(entries // classes**2)


def _power_of_two(most: int) -> int:
    return 1 << max(most.bit_length() - 1, 0)


def block_of(solver: str, classes: int) -> int:
    """Pixels that a solver takes at once; 0 for all.

    On a CPU a block stays in the cache through all iterations; ott's solver holds a matrix a pixel.
    """
    if solver == "ott":
        return _block(classes)
    return _power_of_two(2**15 // classes) if jax.default_backend() == "cpu" else 0


def in_blocks(
    function: Callable[..., Any], block: int, counts: Bool[Array, "*B"], *arrays: Shaped[Array, "..."]
) -> Any:
    """`function` of arrays that begin with [*B], on blocks of pixels, in the way that suits the devices.

    One CPU gathers the pixels that count and solves no other; several devices, or an accelerator, take some columns
    (entries of the last axis of *B) after the other and leave the axes before whole, as devices may share them. The
    results, which begin with [*B] too, are written in place; for that there is no reverse derivative.

    Args:
      function: of as many arrays, pixel by pixel; to it, they may have one axis of pixels.
      block: pixels that are taken at once; 0 for all.
      counts: pixels whose results are wanted; those of others are zeros or anything finite.
      arrays: what is known of each pixel.
    """
    pixels = counts.shape
    if not counts.size:
        one_pixel = (jnp.zeros((1, *array.shape[len(pixels) :]), array.dtype) for array in arrays)
        return _zeros_for(function, pixels, *one_pixel)
    if not block or not pixels:
        return function(*arrays)
    if jax.default_backend() == "cpu" and max(jax.sharding.get_abstract_mesh().size, 1) == 1:
        return _of_chosen(function, block, counts, *arrays)
    width = max(block // max(math.prod(pixels[:-1]), 1), 1)
    if width >= pixels[-1]:
        return function(*arrays)
    axis = len(pixels) - 1

    def columns(array: Array, first: Array | int) -> Array:
        return jax.lax.dynamic_slice_in_dim(array, first, width, axis=axis)

    def one(number: Array | int, results: Any) -> Any:
        # Where fewer columns are left, a slice begins earlier, in what it reads and in what it writes.
        first = number * width
        part = function(*(columns(array, first) for array in arrays))
        return jax.tree.map(
            lambda whole, each: jax.lax.dynamic_update_slice_in_dim(whole, each, first, axis=axis),
            results,
            part,
        )

    empty = _zeros_for(function, pixels, *(columns(array, 0) for array in arrays))
    return jax.lax.fori_loop(0, -(-pixels[-1] // width), one, empty)


def _of_chosen(
    function: Callable[..., Any], block: int, chosen: Bool[Array, "*B"], *arrays: Shaped[Array, "..."]
) -> Any:
    """`in_blocks` of the pixels that are chosen, and of no other."""
    pixels = chosen.shape
    count = chosen.size
    block = min(block, count)
    flat = [array.reshape(count, *array.shape[len(pixels) :]) for array in arrays]
    blocks = -(-count // block)
    rank = jnp.cumsum(chosen.reshape(-1), dtype=jnp.int32)
    nowhere = jnp.full(blocks * block, count, jnp.int32)
    places = nowhere.at[jnp.where(chosen.reshape(-1), rank - 1, nowhere.size)].set(
        jnp.arange(count, dtype=jnp.int32), mode="drop"
    )

    def one(number: Array | int, results: Any) -> Any:
        here = jax.lax.dynamic_slice_in_dim(places, number * block, block)
        part = function(*(array.at[here].get(mode="clip") for array in flat))
        return jax.tree.map(lambda whole, each: whole.at[here].set(each, mode="drop"), results, part)

    empty = _zeros_for(function, (count,), *(array[:block] for array in flat))
    needed = (rank[-1] + block - 1) // block
    results = jax.lax.fori_loop(0, needed, one, empty)
    return jax.tree.map(lambda result: result.reshape(*pixels, *result.shape[1:]), results)


def _zeros_for(function: Callable[..., Any], pixels: tuple[int, ...], *parts: Array) -> Any:
    """What the results of `function` on some pixels become for so many."""
    before = parts[-1].ndim
    return jax.tree.map(
        lambda part: jnp.zeros((*pixels, *part.shape[before:]), part.dtype), jax.eval_shape(function, *parts)
    )


def _block_by_block(function: Callable[..., Any], block: int, *arrays: Float[Array, "C *B"]) -> Any:
    """`function` of arrays [C, pixels], on blocks of pixels one after the other."""
    shape = arrays[0].shape[1:]
    flat = [array.reshape(array.shape[0], -1) for array in arrays]
    count = flat[0].shape[1]
    blocks = -(-count // block)
    if blocks <= 1:
        results = function(*flat)
    else:
        # Filled up with pixels that can be solved: a NaN there would reach the derivative of the metric.
        padded = (jnp.pad(array, ((0, 0), (0, blocks * block - count)), mode="edge") for array in flat)
        stacked = tuple(jnp.moveaxis(array.reshape(-1, blocks, block), 1, 0) for array in padded)
        results = jax.lax.map(lambda each: function(*each), stacked)

    def unfold(result: Array) -> Array:
        if blocks > 1:
            result = jnp.moveaxis(result, 0, -2)
            result = result.reshape(*result.shape[:-2], -1)[..., :count]
        return result.reshape(*result.shape[:-1], *shape)

    return jax.tree.map(unfold, results)
