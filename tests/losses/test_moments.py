import chex
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses._moments import BORDERS, local_moments
from tests.losses.windows import longhand_moments, window


def longhand(x, valid, size, sigma, border):
    mean, variance = np.zeros(x.shape), np.zeros(x.shape)
    for image in np.ndindex(x.shape[:-3]):
        for pixel in np.ndindex(x.shape[-3:-1]):
            around = window(pixel, x.shape[-3:-1], valid[image], size, sigma, border)
            mean[image][pixel], variance[image][pixel] = longhand_moments(x[image], around)
    return mean, variance


@pytest.mark.parametrize("border", BORDERS)
def test_longhand(border):
    @hypothesis.settings(max_examples=4, deadline=None, derandomize=True, database=None)
    @hypothesis.given(
        st.sampled_from([(4, 5), (1, 3), (2, 3, 4), (6, 2)]),
        st.integers(1, 5),
        st.sampled_from([1, 3, 5, 7]),
        st.sampled_from([0.7, 1.5, np.inf]),
        st.booleans(),
    )
    def check(shape, channels, size, sigma, masked):
        random = np.random.default_rng(0)
        x = random.normal(size=(*shape, channels))
        valid = random.random(shape) < 0.7 if masked else np.ones(shape, bool)
        with jax.enable_x64(True):
            found = jax.jit(lambda x, where: local_moments(x, size, sigma, border=border, where=where))(
                x, valid if masked else None
            )
        for each, expected in zip(found, longhand(x, valid, size, sigma, border), strict=True):
            np.testing.assert_allclose(each, expected, rtol=1e-9, atol=1e-12)

    check()


@pytest.mark.fast
def test_kernel_of_the_fact_sheet():
    # An impulse spreads the window out: corners, edges and centre at size 3, sigma 1.5.
    mean, _ = local_moments(jnp.zeros([5, 5, 1]).at[2, 2].set(1.0), 3, 1.5)
    expected = np.outer([0.0, 1.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 1.0, 0.0])
    expected[1:4, 1:4] = [
        [0.09474166, 0.11831801, 0.09474166],
        [0.11831801, 0.14776132, 0.11831801],
        [0.09474166, 0.11831801, 0.09474166],
    ]
    np.testing.assert_allclose(mean[..., 0], expected, atol=1e-7)


@pytest.mark.parametrize("border", ["zero", "renormalize"])
def test_size_and_sigma_are_swept_in_one_compilation(border):
    x = np.random.default_rng(1).normal(size=(2, 6, 5, 2)).astype(np.float32)
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def embedded(size, sigma):
        return local_moments(x, size, sigma, border=border, largest=7)

    for size in (1, 3, 5, 7):
        for sigma in (1.0, 2.5):
            found = embedded(size, sigma)
            for each, expected in zip(found, local_moments(x, size, sigma, border=border), strict=True):
                np.testing.assert_allclose(each, expected, atol=2e-6)
    for size, sigma in ((4, 1.5), (9, 1.5), (0, 1.5), (3, 0.0), (3, -1.0)):
        assert np.isnan(embedded(size, sigma)[0]).all(), "an unusable traced size or sigma went unseen"


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_derivatives(border):
    random = np.random.default_rng(2)
    step = 1e-6
    with jax.enable_x64(True):
        x, v, weights = (jnp.asarray(random.normal(size=(4, 5, 2))) for _ in range(3))

        def scalar(x, sigma):
            mean, variance = local_moments(x, 3, sigma, border=border)
            return jnp.sum(weights * mean * jnp.sqrt(variance))

        gradient = jax.jit(jax.value_and_grad(scalar, (0, 1)))
        along = jax.jit(lambda x, v: jax.jvp(lambda x: gradient(x, 1.3), (x,), (v,))[1])
        found = gradient(x, 1.3)[1]
        up, down = gradient(x + step * v, 1.3), gradient(x - step * v, 1.3)
        slope, second = along(x, v)
        np.testing.assert_allclose(jnp.vdot(found[0], v), slope, rtol=1e-9)
        np.testing.assert_allclose(slope, (up[0] - down[0]) / (2.0 * step), rtol=1e-6)
        np.testing.assert_allclose(second[0], (up[1][0] - down[1][0]) / (2.0 * step), rtol=1e-5, atol=1e-7)
        wider, narrower = gradient(x, 1.3 + step)[0], gradient(x, 1.3 - step)[0]
        np.testing.assert_allclose(found[1], (wider - narrower) / (2.0 * step), rtol=1e-6)


def test_windows_without_a_valid_pixel_are_zero():
    mean, variance = local_moments(
        jnp.full([4, 4, 1], jnp.nan), 3, border="renormalize", where=jnp.zeros([4, 4], bool)
    )
    assert not mean.any()
    assert not variance.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: local_moments(jnp.zeros([3, 3])), r"x: shape \(3, 3\) given; images"),
        (lambda: local_moments(jnp.zeros([3, 3, 1]), 4), "size: 4 given; an odd number"),
        (lambda: local_moments(jnp.zeros([3, 3, 1]), 2.5), "size: 2.5 given; an odd number"),
        (lambda: local_moments(jnp.zeros([3, 3, 1]), 5, largest=3), "size: 5 given; at most largest=3"),
        (lambda: local_moments(jnp.zeros([3, 3, 1]), largest=4), "largest: 4 given; an odd number"),
        (lambda: local_moments(jnp.zeros([3, 3, 1]), 4, largest=4), "size: 4 given; an odd number"),
        (lambda: local_moments(jnp.zeros([3, 3, 1]), sigma=0.0), r"sigma: 0\.0 given; a positive"),
        (lambda: local_moments(jnp.zeros([3, 3, 1]), jnp.ones(2)), r"size: shape \(2,\) given; \(\)"),
        (lambda: local_moments(jnp.zeros([3, 3, 1]), border="wrap"), "border: 'wrap' given; one of 'zero'"),
        (
            lambda: jax.eval_shape(lambda size: local_moments(jnp.zeros([3, 3, 1]), size), 3),
            "size: a traced value given; accepted with largest=",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
