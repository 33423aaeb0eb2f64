import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from tests.losses.cases import case, softmax
from tests.losses.contract import check_loss, check_object


def longhand(logits, valid, normalized=True):
    p = softmax(logits)
    nats = -np.sum(p * np.log(p), axis=-1)
    return nats / np.log(logits.shape[-1]) if normalized else nats


def test_entropy_keeps_the_contract():
    check_loss(losses.entropy, longhand, takes="logits")


def test_entropy_in_nats():
    some = case((3, 4), 7, takes="logits")
    values = losses.entropy(some.logits, normalized=False)
    np.testing.assert_allclose(values, longhand(some.logits, some.valid, normalized=False), rtol=1e-5)


@pytest.mark.parametrize("normalized", [True, False])
def test_object(normalized):
    loss = losses.Entropy(normalized=normalized)
    check_object(
        loss,
        losses.Entropy(normalized=normalized),
        losses.entropy,
        case((2, 3), 4, takes="logits", masked=True),
    )
    assert jax.tree.leaves(loss) == []


@pytest.mark.parametrize("classes", [2, pytest.param(19, marks=pytest.mark.fast), 150])
def test_uniform_is_one_and_certain_is_zero(classes):
    np.testing.assert_allclose(losses.entropy(jnp.zeros(classes)), 1.0, rtol=1e-6)
    np.testing.assert_allclose(
        losses.entropy(jnp.zeros(classes), normalized=False), np.log(classes), rtol=1e-6
    )
    certain = jnp.zeros(classes).at[1].set(1e4)
    value, gradient = jax.value_and_grad(losses.entropy)(certain)
    assert value == 0.0
    assert not gradient.any()


def test_logit_gradient_by_its_formula():
    logits = case((5,), 6, takes="logits").logits
    p = softmax(logits)
    nats = -np.sum(p * np.log(p), axis=-1, keepdims=True)
    gradient = jax.grad(lambda x: losses.entropy(x, normalized=False).sum())(jnp.asarray(logits))
    np.testing.assert_allclose(gradient, -p * (np.log(p) + nats), atol=1e-6)


def test_two_classes_against_the_slope_of_the_probability():
    # dH/dp = log(1 - p) - log p, and dp/dx = p (1 - p): the maximum-squares paper's motive.
    x = 1.7
    p = 1.0 / (1.0 + np.exp(-x))
    slope = jax.grad(lambda x: losses.entropy(jnp.stack([x, 0.0 * x]), normalized=False))(x)
    np.testing.assert_allclose(slope, np.log((1.0 - p) / p) * p * (1.0 - p), rtol=1e-5)


def test_confident_pixels_keep_their_digits():
    q = np.exp(-30.0)
    value = losses.entropy(jnp.array([30.0, 0.0]), normalized=False)
    # (1 + 30) q; of these log(1 + q) loses its one.
    np.testing.assert_allclose(value, 31.0 * q, rtol=0.04)


def test_a_class_ruled_out_by_minus_infinity():
    x = jnp.array([0.0, 0.0, -jnp.inf])
    value, gradient = jax.value_and_grad(losses.entropy)(x)
    np.testing.assert_allclose(value, np.log(2.0) / np.log(3.0), rtol=1e-6)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


def test_average_counts_the_pixels_of_where():
    logits = jnp.array([[0.0, 0.0], [1e4, 0.0], [jnp.nan, 0.0]])
    where = jnp.array([True, True, False])
    np.testing.assert_allclose(losses.Entropy().average(logits, where=where), 0.5, rtol=1e-6)
    np.testing.assert_allclose(losses.Entropy().average(logits[:2], jnp.array([255, 255])), 0.5, rtol=1e-6)


def test_one_class_has_no_normalised_entropy():
    with pytest.raises(ValueError, match="logits: 1 class given; 2 or more are accepted when normalized"):
        losses.entropy(jnp.zeros([4, 1]))
    assert not losses.entropy(jnp.zeros([4, 1]), normalized=False).any()


def test_the_gradient_keeps_no_array_of_the_logits_size():
    logits = jax.ShapeDtypeStruct((2, 512, 512, 19), jnp.float32)
    compiled = jax.jit(jax.value_and_grad(losses.Entropy().average)).lower(logits).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 12e6
