import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses._conservative import (
    Conservative,
    ConservativeCubic,
    ConservativePiecewise,
    ConservativeSwitched,
    conservative,
    conservative_cubic,
    conservative_piecewise,
    conservative_switched,
)
from tests.losses.cases import case, softmax
from tests.losses.contract import (
    check_gradient,
    check_loss,
    check_object,
    check_traces,
    check_value,
    check_void,
)

GRID = [1e-6, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.3, 1 / math.e, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 0.999999]
# (1 + log_a p)^2 log_a(-log_a p) at GRID, to five decimals.
TABLE = {
    2.0: [
        *(1547.22534, 266.63666, 87.02337, 23.30277, 9.33793, 2.12377, 0.43263, 0.10363, 0.0),
        *(-0.03047, -0.22587, -0.75183, -1.95439, -5.93201, -19.40275),
    ],
    math.e: [
        *(431.25300, 67.45234, 19.84914, 4.37004, 1.41513, 0.17675, 0.00772, 0.0, -0.03451),
        *(-0.16074, -0.42667, -0.90522, -1.80115, -4.50815, -13.81548),
    ],
    3.0: [
        *(308.77977, 46.79261, 13.28969, 2.72282, 0.80895, 0.07514, 0.00077, -0.00069, -0.05710),
        *(-0.19953, -0.46703, -0.92137, -1.74429, -4.19502, -12.66100),
    ],
    4.0: [
        *(133.31833, 18.37765, 4.66897, 0.74918, 0.15990, 0.00279, -0.00176, -0.01829, -0.12500),
        *(-0.28721, -0.54019, -0.92756, -1.58709, -3.50258, -10.20139),
    ],
}


def of_probability(loss, **hyper):
    """The loss of a pixel with two classes as a function of the true class's probability."""

    def value(p):
        logits = jnp.stack([jnp.log(p), jnp.log1p(-p)], axis=-1)
        return loss(logits, jnp.zeros(jnp.shape(p), int), **hyper)

    return value


def slopes_of(loss, at, **hyper):
    return jax.jit(jax.vmap(jax.grad(of_probability(loss, **hyper))))(jnp.array(at))


def longhand(of_p):
    def values(logits, labels, valid, **hyper):
        known = np.where(valid, labels, 0)
        p = np.take_along_axis(softmax(logits), known[..., None].astype(int), axis=-1)[..., 0]
        return np.where(valid, of_p(p, **hyper), 0.0)

    return values


def formula(p, base=math.e, scale=5.0, clamp=np.inf):
    log_a = np.log(p) / np.log(base)
    return scale * np.clip((1.0 + log_a) ** 2 * np.log(-log_a) / np.log(base), -clamp, clamp)


def formula_clamped_after(p, base, scale, clamp):
    return np.clip(formula(p, base, scale), -clamp, clamp)


def switched(p, base, scale):
    return np.abs(formula(p, base, scale))


def cubic(p, root, scale):
    return -scale * (p - root) ** 3


def piecewise(p, low, high):
    return np.where(p < 1 / math.e, -low * (p - 1 / math.e) ** 3, -high * (p - 1 / math.e) ** 3)


def test_keeps_the_contract():
    check_loss(conservative, longhand(formula), hyper={"base": 3.0, "scale": 2.0})


@pytest.mark.parametrize(
    ("loss", "of_p", "hyper"),
    [
        (conservative, formula, {"base": math.e, "scale": 5.0, "clamp": 0.5}),
        (
            lambda *args, **kwargs: conservative(*args, clamp_on="scaled", **kwargs),
            formula_clamped_after,
            {"base": 2.0, "scale": 5.0, "clamp": 2.0},
        ),
        (conservative_switched, switched, {"base": math.e, "scale": 5.0}),
        (conservative_cubic, cubic, {"root": 0.5, "scale": 3.0}),
        (conservative_piecewise, piecewise, {"low": 2.0, "high": 3.0}),
    ],
    ids=["clamp", "clamp scaled", "switched", "cubic", "piecewise"],
)
def test_relatives_keep_the_contract(loss, of_p, hyper):
    some = case((2, 3, 4), 5, masked=True)
    check_value(loss, longhand(of_p), some, hyper)
    check_gradient(loss, longhand(of_p), some, hyper)
    check_void(loss, some, hyper)
    check_traces(loss, some, hyper)


@pytest.mark.parametrize(
    ("one", "other", "function"),
    [
        (Conservative(base=3.0), Conservative(scale=1.0), conservative),
        (
            Conservative(clamp=0.5, clamp_on="scaled"),
            Conservative(base=2.0, clamp=3.0, clamp_on="scaled"),
            conservative,
        ),
        (ConservativeSwitched(), ConservativeSwitched(base=2.0, scale=1.0), conservative_switched),
        (ConservativeCubic(), ConservativeCubic(root=0.5, scale=1.0), conservative_cubic),
        (ConservativePiecewise(), ConservativePiecewise(low=2.0, high=1.0), conservative_piecewise),
    ],
)
def test_objects_do_what_their_functions_do(one, other, function):
    check_object(one, other, function, case((2, 3), 3))


@pytest.mark.fast
def test_values():
    bases, expected = list(TABLE), list(TABLE.values())
    with jax.enable_x64(True):
        at_bases = jax.vmap(lambda base, p: of_probability(conservative, base=base, scale=1.0)(p), (0, None))
        values = jax.jit(at_bases)(jnp.array(bases), jnp.array(GRID))
    np.testing.assert_allclose(values, expected, atol=5.1e-6)


@pytest.mark.fast
def test_values_the_paper_prints():
    values = of_probability(conservative, scale=1.0)(jnp.array([0.9, 0.1, 0.5]))
    np.testing.assert_allclose(values, [-1.8, 1.4, -0.03], atol=0.02)


def test_slopes():
    expected = {
        0.01: -1383.38,
        0.05: -114.179,
        0.1: -29.0968,
        0.2: -4.05409,
        0.3: -0.36761,
        1 / math.e: 0.0,
        0.5: -0.72155,
        0.6: -1.87604,
        0.9: -12.9146,
        0.99: -107.694,
    }
    slopes = slopes_of(conservative, list(expected), scale=1.0)
    np.testing.assert_allclose(slopes, list(expected.values()), rtol=1e-5, atol=1e-5)


def test_never_ascends():
    x = jnp.linspace(-30.0, 30.0, 20001)
    logits = jnp.stack([x, jnp.zeros_like(x)], axis=-1)

    @jax.jit
    def values_and_slopes(base):
        def total(x):
            values = conservative(x, jnp.zeros(20001, int), base=base)
            return values.sum(), values

        slopes, values = jax.grad(total, has_aux=True)(logits)
        return values, slopes[:, 0]

    for base in (2.0, math.e, 4.0):
        values, slopes = values_and_slopes(base)
        assert (np.diff(values) <= 0.0).all()
        assert (np.asarray(slopes) <= 0.0).all()


def test_the_switched_variant_ascends_above_its_root():
    slopes = slopes_of(conservative_switched, [0.1, 0.3, 0.5, 0.9], scale=1.0)
    np.testing.assert_allclose(slopes, [-29.0968, -0.36761, 0.72155, 12.9146], rtol=1e-5)


def test_zero_at_one_over_the_base():
    with jax.enable_x64(True):

        def value(p, base):
            return of_probability(conservative, base=base)(p)

        bases = jnp.array([1.5, 2.0, 10.0])
        values, slopes = jax.jit(jax.vmap(jax.value_and_grad(value)))(1.0 / bases, bases)
    np.testing.assert_allclose(values, 0.0, atol=1e-14)
    np.testing.assert_allclose(slopes, 0.0, atol=1e-10)


def test_the_cubic_is_its_taylor_expansion():
    near = jnp.array(1 / math.e) + jnp.array([-0.02, -0.01, 0.01, 0.02])
    values = of_probability(conservative, scale=1.0)(near)
    np.testing.assert_allclose(values, of_probability(conservative_cubic)(near), rtol=0.06, atol=1e-9)


@pytest.mark.fast
def test_cubic_values():
    at = jnp.array([0.1, 0.5, 0.9])
    values = of_probability(conservative_cubic, root=0.5, scale=1.0)(at)
    np.testing.assert_allclose(values, [0.064, 0.0, -0.064], atol=1e-6)
    expected = [0.019223, -0.002306, -0.150671]
    np.testing.assert_allclose(of_probability(conservative_cubic, scale=1.0)(at), expected, atol=1e-6)
    equal_halves = of_probability(conservative_piecewise, low=1.0, high=1.0)(at)
    np.testing.assert_allclose(equal_halves, expected, atol=1e-6)
    halves = of_probability(conservative_piecewise, low=2.0, high=3.0)(at)
    np.testing.assert_allclose(halves, np.array(expected) * [2.0, 3.0, 3.0], atol=1e-6)


def test_the_two_readings_of_the_clamp():
    uniform = jnp.zeros(19), jnp.array(4)
    np.testing.assert_allclose(conservative(*uniform), 20.41501, rtol=1e-5)
    for clamp_on, value, alive in (("unscaled", 20.41501, True), ("scaled", 10.0, False)):
        clamped, gradient = jax.jit(
            jax.value_and_grad(functools.partial(conservative, clamp=10.0, clamp_on=clamp_on))
        )(*uniform)
        np.testing.assert_allclose(clamped, value, rtol=1e-5)
        assert bool(gradient.any()) == alive
    # Where each reading saturates: 5 CL and CL reach +-10 at these probabilities.
    scaled = of_probability(conservative)(jnp.array([0.0834966, 0.9143327]))
    np.testing.assert_allclose(scaled, [10.0, -10.0], rtol=1e-5)
    slopes = slopes_of(conservative, [0.0235, 0.0236, 0.9999, 0.99996], scale=1.0, clamp=10.0)
    assert [bool(slope) for slope in slopes] == [False, True, True, False]


@pytest.mark.parametrize(
    "loss", [conservative, conservative_switched, conservative_cubic, conservative_piecewise]
)
def test_derivatives_are_finite_at_both_ends(loss):
    ends = jnp.array([0.0, 19.99, 20.01, 86.0, 88.0, 1e4, -90.0, -1e4])
    x = jnp.stack([ends, jnp.zeros(8), -jnp.ones(8)], axis=-1)

    @jax.jit
    @jax.vmap
    def derivatives(x):
        def value(x):
            return loss(x, jnp.array(0))

        return jax.grad(value)(x), jax.hessian(value)(x), jax.jacfwd(jax.hessian(value))(x)

    assert all(np.isfinite(each).all() for each in derivatives(x))


@pytest.mark.parametrize("clamp", [None, 10.0])
def test_finite_where_a_probability_is_exactly_0_or_1(clamp):
    logits = jnp.array([[0.0, -jnp.inf], [-jnp.inf, 0.0], [1e30, 0.0], [0.0, 1e15]])
    each = jax.vmap(jax.value_and_grad(functools.partial(conservative, clamp=clamp)))
    for found in jax.jit(each)(logits, jnp.zeros(4, int)):
        assert np.isfinite(found).all()


def test_sure_pixels_keep_their_digits_and_their_gradient():
    # -log p = log1p(exp(-60)) is exp(-60): log(-log p) is -60, and (1 - exp(-60))^2 is 1.
    x = jnp.array([60.0, 0.0])
    value, gradient = jax.jit(jax.value_and_grad(conservative))(x, jnp.array(0))
    np.testing.assert_allclose(value, -300.0, rtol=1e-6)
    np.testing.assert_allclose(gradient, [-5.0, 5.0], rtol=1e-5)
    expected = (1.0 - np.log1p(np.exp(-10.0))) ** 2 * np.log(np.log1p(np.exp(-10.0)))
    np.testing.assert_allclose(conservative(x / 6.0, jnp.array(0), scale=1.0), expected, rtol=1e-6)


def test_second_derivative_where_two_classes_tie():
    # p(1-p) dCL/dp and its derivative at p = 1/2, where the formulas of both ends meet.
    with jax.enable_x64(True):

        def along(z):
            return conservative(jnp.stack([z, jnp.zeros_like(z)]), jnp.array(0))

        slope = jax.jit(jax.grad(along))
        found = jax.jit(jax.grad(jax.grad(along)))(jnp.array(0.0))
        apart = (slope(jnp.array(1e-5)) - slope(jnp.array(-1e-5))) / 2e-5
    np.testing.assert_allclose(found, apart, rtol=1e-6)


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"base": 1.0}, "base: 1.0 given; a number above 1"),
        ({"clamp": 1.0, "clamp_on": "mean"}, "clamp_on: 'mean' given; one of 'unscaled', 'scaled'"),
        ({"scale": np.ones(2, np.float32)}, r"scale: shape \(2,\) given; \(\)"),
    ],
)
def test_arguments_that_do_not_fit_are_named(hyper, message):
    with pytest.raises(ValueError, match=message):
        conservative(jnp.zeros([4, 3]), jnp.zeros([4], int), **hyper)


@pytest.mark.parametrize("loss", [Conservative(), ConservativeCubic(), ConservativePiecewise()])
def test_the_gradient_keeps_no_array_of_the_logits_size(loss):
    gradient = jax.jit(jax.value_and_grad(lambda x, loss, y: loss.average(x, y)))
    shape = 2, 512, 512, 19
    arguments = jax.ShapeDtypeStruct(shape, jnp.float32), loss, jax.ShapeDtypeStruct(shape[:3], jnp.int32)
    assert gradient.lower(*arguments).compile().memory_analysis().temp_size_in_bytes < 12e6
