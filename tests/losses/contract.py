"""The battery every loss passes: one call of `check_loss`, one of `check_object`.

    check_loss(losses.focal, longhand_focal, hyper={"gamma": 2.0, "alpha": 0.5})

`longhand_focal(logits, labels, valid, **hyper)` is the loss written out in NumPy float64 from its equation, without
regard to speed or overflow; what it returns at void pixels is ignored for per-pixel losses. The loss itself is
called as a user would: `loss(logits, labels, where=..., **hyper)`.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import chex
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np

from tests.losses.cases import Case, case, cases

Hyper = Mapping[str, Any] | Callable[[Case], Mapping[str, Any]]


def check_loss(
    loss: Callable,
    reference: Callable[..., np.ndarray],
    *,
    takes: str = "labels",
    images: bool = False,
    hyper: Hyper | None = None,
    examples: int = 5,
    size: tuple[int, ...] = (2, 4, 5),
    tolerance: float = 1e-9,
    differences: bool = True,
) -> None:
    """Everything the contract of a loss asks for.

    Args:
      loss: called `loss(logits[, truth], where=..., **hyper)`, returning one array.
      reference: called `reference(logits, truth, valid, **hyper)` (no `truth` where the loss takes only logits) on
        float64 NumPy arrays.
      takes: "labels", "targets" or "logits".
      images: whether the loss needs the pixels of whole images, [..., H, W].
      hyper: float hyper-parameters (arrays are welcome), or a function of the case that makes them.
      examples: number of random shapes to compare values and gradients at.
      size: pixels of the fixed case that the transformations are tried on.
      tolerance: relative, of float64 values against the reference.
      differences: whether the gradient is that of the value; False for losses that stop part of it.
    """
    make = hyper if callable(hyper) else lambda _: hyper or {}

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    @hypothesis.given(cases(takes, images))
    def at_random(some: Case) -> None:
        check_value(loss, reference, some, make(some), tolerance)
        if differences:
            check_gradient(loss, reference, some, make(some))

    at_random()
    for masked in (False, True):
        some = case(size, 5, takes=takes, masked=masked)
        check_void(loss, some, make(some))
    check_transformations(loss, some, make(some))
    check_extremes(loss, some, make(some))
    check_traces(loss, some, make(some))


def check_value(
    loss: Callable, reference: Callable, some: Case, hyper: Mapping[str, Any], tolerance: float = 1e-9
) -> None:
    """Values equal the reference's: in float64 to `tolerance`, in float32 (the dtype of the result) to 2e-5."""
    expected = _at_valid(_longhand(reference, some, hyper), some)
    with jax.enable_x64(True):
        values = jax.jit(some.bind(loss, hyper))(jnp.asarray(some.logits))
        assert values.dtype == np.float64, f"float64 logits gave {values.dtype} values"
        _close(values, expected, tolerance, "value in float64")
    values = jax.jit(some.bind(loss, hyper))(jnp.asarray(some.logits, jnp.float32))
    assert values.dtype == np.float32, f"float32 logits gave {values.dtype} values"
    _close(values, expected, 2e-5, "value in float32")


def check_gradient(loss: Callable, reference: Callable, some: Case, hyper: Mapping[str, Any]) -> None:
    """The float64 gradient equals central differences of the *reference*, along up to 24 logits of the case."""
    random = np.random.default_rng(1)
    weights = random.normal(size=_longhand(reference, some, hyper).shape)
    with jax.enable_x64(True):
        found = jax.jit(jax.grad(lambda x: jnp.sum(some.bind(loss, hyper)(x) * weights)))(some.logits)
    step = 1e-5
    for flat in random.permutation(some.logits.size)[:24]:
        where = np.unravel_index(flat, some.logits.shape)
        there = []
        for sign in (1.0, -1.0):
            logits = some.logits.copy()
            logits[where] += sign * step
            moved = dataclasses.replace(some, logits=logits)
            there.append(np.sum(weights * _at_valid(_longhand(reference, moved, hyper), some)))
        _close(
            found[where], (there[0] - there[1]) / (2 * step), 1e-6, f"gradient at logit {where}", floor=1e-3
        )


def check_void(loss: Callable, some: Case, hyper: Mapping[str, Any]) -> None:
    """Void pixels have value 0 and gradient 0 and change nothing elsewhere, also with NaN or infinite logits."""
    valid = some.valid
    shape = jax.eval_shape(some.bind(loss, hyper), _float32(some)).shape
    cotangent = np.random.default_rng(2).normal(size=shape).astype(np.float32)

    @jax.jit
    def value_gradient_curvature(x):
        def scalar(x):
            return jnp.sum(cotangent * some.bind(loss, hyper)(x))

        gradient, curvature = jax.jvp(jax.grad(scalar), (x,), (jnp.ones_like(x),))
        return some.bind(loss, hyper)(x), gradient, curvature

    clean = [np.asarray(each) for each in value_gradient_curvature(_float32(some))]
    for junk in (np.nan, np.inf, -np.inf, 1e38):
        logits = _float32(some).copy()
        logits[~valid] = junk
        for name, before, after in zip(
            ("value", "gradient", "curvature"), clean, value_gradient_curvature(logits), strict=True
        ):
            np.testing.assert_array_equal(after, before, f"{name} changed with void logits of {junk}")
    value, gradient, curvature = clean
    if value.shape[: valid.ndim] == valid.shape:
        assert not value[~valid].any(), "a void pixel has a value"
    assert not gradient[~valid].any(), "a void pixel has a gradient"
    assert not curvature[~valid].any(), "a void pixel has a second derivative"
    assert gradient[valid].any(), "no pixel has a gradient"
    nothing = dataclasses.replace(some, where=np.zeros_like(valid)).bind(loss, hyper)
    assert not np.asarray(jax.jit(nothing)(_float32(some))).any(), (
        "an image without a valid pixel has a value"
    )


def check_transformations(loss: Callable, some: Case, hyper: Mapping[str, Any]) -> None:
    """jit = eager, vmap = loop, jvp = <grad, v>, forward over reverse = reverse over reverse, all finite."""
    of_logits, x = some.bind(loss, hyper), jnp.asarray(_float32(some))
    _close(jax.jit(of_logits)(x), of_logits(x), 1e-5, "jit against eager")
    stack = jnp.stack([x, 0.5 * x, x[..., ::-1]])
    _close(
        jax.vmap(of_logits)(stack),
        jnp.stack([of_logits(each) for each in stack]),
        1e-5,
        "vmap against a loop",
    )
    with jax.enable_x64(True):
        of_logits, x = some.bind(loss, hyper), jnp.asarray(some.logits)
        random = np.random.default_rng(3)
        v = jnp.asarray(random.normal(size=x.shape))
        weights = jnp.asarray(random.normal(size=jax.eval_shape(of_logits, x).shape))

        def scalar(x):
            return jnp.sum(weights * of_logits(x))

        @jax.jit
        def derivatives(x):
            gradient = jax.grad(scalar)
            along = jax.jvp(scalar, (x,), (v,))[1], jnp.vdot(gradient(x), v)
            forward = jax.jvp(gradient, (x,), (v,))[1]
            reverse = jax.grad(lambda x: jnp.vdot(gradient(x), v))(x)
            apart = (gradient(x + 1e-5 * v) - gradient(x - 1e-5 * v)) / 2e-5
            return along, (forward, reverse), (forward, apart)

        names = "jvp against <grad, v>", "forward over reverse", "second derivative against differences"
        for name, pair, tolerance in zip(names, derivatives(x), (1e-8, 1e-8, 1e-4), strict=True):
            assert np.isfinite(pair[0]).all(), f"{name}: not finite"
            _close(*pair, tolerance, name, floor=1e-3)


def check_extremes(loss: Callable, some: Case, hyper: Mapping[str, Any]) -> None:
    """Value, gradient and jvp are finite at logits of +-1e4 and in bfloat16, for which the value stays float32."""
    sign = np.sign(some.logits).astype(np.float32)

    @jax.jit
    def value_jvp_gradient(x):
        of_logits = some.bind(loss, hyper)
        gradient = jax.grad(lambda x: jnp.sum(of_logits(x)))(x)
        return *jax.jvp(of_logits, (x,), (jnp.ones_like(x),)), gradient

    for dtype in (jnp.float32, jnp.bfloat16):
        for logits in (1e4 * sign, -1e4 * sign, 1e4 * np.ones_like(sign), _float32(some)):
            results = value_jvp_gradient(jnp.asarray(logits, dtype))
            assert results[0].dtype == jnp.float32, f"{dtype.__name__} logits gave {results[0].dtype} values"
            assert results[2].dtype == dtype, f"{dtype.__name__} logits gave a {results[2].dtype} gradient"
            for name, each in zip(("value", "jvp", "gradient"), results, strict=True):
                assert np.isfinite(each.astype(jnp.float32)).all(), f"{name}: not finite in {dtype.__name__}"


def check_traces(loss: Callable, some: Case, hyper: Mapping[str, Any]) -> None:
    """Hyper-parameters are traced: changing one does not compile again, and each has a finite derivative."""
    if not hyper:
        return
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def value_and_slopes(hyper):
        return jax.value_and_grad(lambda hyper: jnp.sum(some.bind(loss, hyper)(jnp.asarray(_float32(some)))))(
            hyper
        )

    for factor in (1.0, 1.1):
        moved = {name: np.float32(factor) * np.asarray(each, np.float32) for name, each in hyper.items()}
        for each in jax.tree.leaves(value_and_slopes(moved)):
            assert np.isfinite(each).all(), "not finite with respect to a hyper-parameter"


def check_object(loss: Any, other: Any, function: Callable, some: Case) -> None:
    """Two objects of one class, differing in their leaves only, do what their function does, in one compilation.

    `function` is called `function(logits[, truth], where=..., **fields)`. Stacked objects under `vmap` equal one
    after the other, and the derivative with respect to a leaf equals differences.
    """
    fields = [field.name for field in dataclasses.fields(loss)]
    x = jnp.asarray(_float32(some))
    takes = "logits" if some.truth is None else "labels" if some.truth.dtype.kind in "iu" else "targets"
    assert loss.takes == takes
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def call(loss, x):
        return some.bind(loss, {})(x)

    for each in (loss, other):
        given = {name: getattr(each, name) for name in fields}
        np.testing.assert_allclose(
            call(each, x), jax.jit(some.bind(function, given))(x), rtol=1e-5, atol=1e-7
        )
    truth = () if some.truth is None else (some.truth,)
    average = jax.jit(lambda loss: loss.average(x, *truth, where=some.where))(loss)
    assert average.shape == ()
    assert np.isfinite(average)
    if not jax.tree.leaves(loss):
        return
    stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), loss, other)
    together = jax.jit(jax.vmap(lambda loss: some.bind(loss, {})(x)))(stacked)
    _close(together, jnp.stack([call(loss, x), call(other, x)]), 1e-5, "vmap over stacked objects")
    with jax.enable_x64(True):
        leaves, structure = jax.tree.flatten(loss)
        leaves = [jnp.asarray(leaf, jnp.float64) for leaf in leaves]
        scalar = jax.jit(functools.partial(_total, structure, some))
        found = jax.jit(jax.grad(scalar))(leaves)
        for index, leaf in enumerate(leaves):
            there = [
                scalar([*leaves[:index], leaf + sign * 1e-5, *leaves[index + 1 :]]) for sign in (1.0, -1.0)
            ]
            _close(
                jnp.sum(found[index]), (there[0] - there[1]) / 2e-5, 1e-5, "derivative of a leaf", floor=1e-3
            )


def _total(structure: Any, some: Case, leaves: list[jax.Array]) -> jax.Array:
    return jnp.sum(some.bind(jax.tree.unflatten(structure, leaves), {})(jnp.asarray(some.logits)))


def _float32(some: Case) -> np.ndarray:
    return some.logits.astype(np.float32)


def _longhand(reference: Callable, some: Case, hyper: Mapping[str, Any]) -> np.ndarray:
    truth = () if some.truth is None else (some.truth,)
    hyper = {name: np.asarray(each, np.float64) for name, each in hyper.items()}
    return np.asarray(reference(some.logits, *truth, some.valid, **hyper), np.float64)


def _at_valid(values: np.ndarray, some: Case) -> np.ndarray:
    valid = some.valid
    if values.shape[: valid.ndim] != valid.shape:
        return values
    return np.where(valid.reshape(valid.shape + (1,) * (values.ndim - valid.ndim)), values, 0.0)


def _close(found: Any, expected: Any, tolerance: float, name: str, floor: float = 1e-2) -> None:
    """Relative to the largest expected number, or to `floor` where all are smaller."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape, f"{name}: shape {found.shape}, expected {expected.shape}"
    scale = max(floor, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=tolerance * scale, err_msg=name)
