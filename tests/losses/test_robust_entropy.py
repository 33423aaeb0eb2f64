import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses._robust_entropy import RobustEntropy, robust_entropy
from tests.losses.cases import case, pixels, softmax
from tests.losses.contract import check_loss, check_object


def longhand(logits, valid, eta=2.0, epsilon=1e-8):
    values = np.zeros(valid.shape)
    for n in pixels(valid.shape):
        p = softmax(logits[n])
        share = -np.sum(p * np.log(p)) / np.log(len(p))
        values[n] = (share**2 + epsilon) ** eta
    return values


@pytest.mark.parametrize("hyper", [{"eta": 2.0, "epsilon": 1e-8}, {"eta": 0.4, "epsilon": 1e-3}], ids=str)
def test_keeps_the_contract(hyper):
    check_loss(robust_entropy, longhand, takes="logits", hyper=hyper, examples=4)


def test_object():
    some = case((2, 3), 4, takes="logits", masked=True)
    check_object(RobustEntropy(eta=1.5, epsilon=1e-3), RobustEntropy(epsilon=1e-3), robust_entropy, some)
    assert jax.tree.leaves(RobustEntropy()) == [2.0, 1e-8]


@pytest.mark.fast
@pytest.mark.parametrize("classes", [2, 16, 19])
def test_uniform_and_certain(classes):
    # The released code divides by 2.9444 whatever the number of classes; here the uniform pixel is 1 for all.
    assert round(np.log(19), 4) == 2.9444
    value, gradient = jax.value_and_grad(robust_entropy)(jnp.zeros(classes))
    np.testing.assert_allclose(value, 1.0, rtol=1e-6)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)
    value, gradient = jax.value_and_grad(robust_entropy)(jnp.zeros(classes).at[0].set(1e4))
    np.testing.assert_allclose(value, 1e-16, rtol=1e-5)
    assert not gradient.any()


def test_half_an_exponent_is_the_entropy_itself():
    logits = case((6,), 5, takes="logits").logits
    p = softmax(logits)
    expected = -np.sum(p * np.log(p), axis=-1) / np.log(5)
    np.testing.assert_allclose(robust_entropy(logits, eta=0.5, epsilon=0.0), expected, rtol=1e-5)


def test_uncertain_pixels_weigh_most():
    # drho/de = 4 e^3 under the default: the slope grows with the entropy, against 1 for the entropy itself.
    e = np.array([0.2, 0.5, 0.9])
    logits = jnp.stack([jnp.linspace(0.0, 6.0, 400), jnp.zeros(400)], axis=-1)
    shares = np.asarray(robust_entropy(logits, eta=0.5))
    rho = np.asarray(robust_entropy(logits))
    slope = np.interp(e, shares[::-1], np.gradient(rho, shares)[::-1])
    np.testing.assert_allclose(slope, 4.0 * e**3, rtol=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: robust_entropy(jnp.zeros([3, 1])), "logits: 1 class given"),
        (lambda: robust_entropy(jnp.zeros([3, 2]), eta=jnp.ones(3)), r"eta: shape \(3,\) given; \(\)"),
        (lambda: robust_entropy(jnp.zeros([3, 2]), where=jnp.ones(3)), "where: dtype float32 given"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)
