import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses import SoftmaxCrossEntropy, softmax_cross_entropy
from jaxseg.losses._focal import Focal, focal
from tests.losses.cases import case, pixels, softmax
from tests.losses.contract import (
    check_gradient,
    check_loss,
    check_object,
    check_traces,
    check_value,
    check_void,
)


def longhand(logits, labels, valid, gamma=2.0, alpha=1.0):
    values = np.zeros(labels.shape)
    p = softmax(logits)
    for n in pixels(labels.shape):
        if valid[n]:
            scale = alpha if np.ndim(alpha) == 0 else alpha[labels[n]]
            true = p[n][labels[n]]
            values[n] = -scale * (1.0 - true) ** gamma * np.log(true)
    return values


def at_probability(p):
    """Logits of two classes whose first has probability p, and its label."""
    p = jnp.asarray(p, jnp.float32)
    return jnp.stack([jnp.log(p), jnp.log1p(-p)], axis=-1), jnp.zeros(p.shape, int)


def test_keeps_the_contract():
    check_loss(focal, longhand, hyper={"gamma": 2.0, "alpha": 0.5})


@pytest.mark.parametrize(
    "hyper",
    [{"gamma": 0.5, "alpha": 2.0}, {"gamma": 1.5, "alpha": np.array([1.0, 0.5, 2.0, 1.5, 0.1])}],
    ids=["gamma below 1", "a scale for each class"],
)
def test_relatives_keep_the_contract(hyper):
    some = case((2, 3, 4), 5, masked=True)
    check_value(focal, longhand, some, hyper)
    check_gradient(focal, longhand, some, hyper)
    check_void(focal, some, hyper)
    check_traces(focal, some, hyper)


def test_object():
    check_object(Focal(gamma=2.0, alpha=5.0), Focal(gamma=0.7, alpha=1.0), focal, case((2, 3, 4), 5))


@pytest.mark.fast
def test_values_of_the_paper_s_comparison():
    values = focal(*at_probability([0.1, 0.5, 0.9]), alpha=5.0)
    np.testing.assert_allclose(values, [9.32547, 0.86643, 0.00527], atol=5e-6)


def test_gamma_0_is_cross_entropy():
    some = case((2, 3, 4), 19)
    expected = softmax_cross_entropy(some.logits, some.truth)
    np.testing.assert_allclose(focal(some.logits, some.truth, gamma=0.0), expected, rtol=1e-6)
    average = Focal(gamma=0.0).average(some.logits, some.truth)
    np.testing.assert_allclose(average, SoftmaxCrossEntropy().average(some.logits, some.truth), rtol=1e-6)


def test_confident_pixels_keep_their_digits():
    # q = 1 - p = exp(-10) / (1 + exp(-10)), so FL = q^2 * -log1p(-q) is about 1e-13.
    q = np.exp(-10.0) / (1.0 + np.exp(-10.0))
    value = focal(jnp.array([10.0, 0.0]), jnp.array(0))
    np.testing.assert_allclose(value, -(q**2) * np.log1p(-q), rtol=1e-5)


def test_derivatives_are_finite_at_both_ends():
    ends = jnp.array([0.0, 20.0, 86.0, 88.0, 1e4, -90.0, -1e4])
    x = jnp.stack([ends, jnp.zeros(7), -jnp.ones(7)], axis=-1)

    @jax.jit
    def derivatives(gamma):
        def at(x):
            def value(x, gamma):
                return focal(x, jnp.array(0), gamma=gamma)

            return (
                jax.grad(value, (0, 1))(x, gamma),
                jax.hessian(value)(x, gamma),
                jax.jacfwd(jax.hessian(value))(x, gamma),
            )

        return jax.vmap(at)(x)

    for gamma in (0.0, 0.3, 1.0, 1.5, 2.0, 5.0):
        assert all(np.isfinite(each).all() for each in jax.tree.leaves(derivatives(gamma)))


def test_the_focus_falls_with_gamma():
    logits, labels = at_probability([0.2, 0.5, 0.9, 0.99])
    values = jax.vmap(lambda gamma: focal(logits, labels, gamma=gamma))(jnp.arange(5.0))
    assert (np.diff(values, axis=0) < 0).all()


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"gamma": np.ones(3, np.float32)}, r"gamma: shape \(3,\) given; \(\) is accepted"),
        ({"alpha": np.ones(2, np.float32)}, r"alpha: shape \(2,\) given; \(3,\) is accepted"),
    ],
)
def test_arguments_that_do_not_fit_are_named(hyper, message):
    with pytest.raises(ValueError, match=message):
        focal(jnp.zeros([4, 3]), jnp.zeros([4], int), **hyper)


def test_the_gradient_keeps_no_array_of_the_logits_size():
    gradient = jax.jit(jax.value_and_grad(lambda x, loss, y: loss.average(x, y)))
    shape = 2, 512, 512, 19
    arguments = jax.ShapeDtypeStruct(shape, jnp.float32), Focal(), jax.ShapeDtypeStruct(shape[:3], jnp.int32)
    assert gradient.lower(*arguments).compile().memory_analysis().temp_size_in_bytes < 12e6
