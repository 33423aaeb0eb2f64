import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.losses import _pixels, pytree
from tests.losses.cases import case, softmax


@pytest.mark.fast
@pytest.mark.parametrize("ids", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32])
def test_valid_pixels_are_those_of_known_classes(ids):
    labels = np.array([[0, 4, 5], [127, 3, 1]], ids)
    expected = [[True, True, False], [False, True, True]]
    np.testing.assert_array_equal(losses.valid_pixels(labels, 5), expected)
    np.testing.assert_array_equal(jax.jit(losses.valid_pixels, static_argnums=1)(labels, 5), expected)
    assert losses.valid_pixels(labels, 300).all()


def test_where_narrows_valid_pixels():
    labels = jnp.array([[0, 255], [1, 1]])
    where = jnp.array([[True, True], [False, True]])
    np.testing.assert_array_equal(losses.valid_pixels(labels, 2, where), [[True, False], [False, True]])
    np.testing.assert_array_equal(losses.valid_pixels(labels, 2, where[1:]), [[False, False], [False, True]])
    assert losses.valid_pixels(1, 2)
    assert not losses.valid_pixels(-1, 2)


@pytest.mark.fast
def test_mean_is_over_what_counts():
    values = jnp.array([[1.0, 2.0], [3.0, jnp.nan]])
    where = jnp.array([[True, False], [True, False]])
    assert losses.mean(values, where) == 2.0
    np.testing.assert_array_equal(jax.grad(losses.mean)(values, where), [[0.5, 0.0], [0.5, 0.0]])
    assert losses.mean(values, jnp.zeros_like(where)) == 0.0
    assert losses.mean(values[:1]) == 1.5
    assert losses.mean(values[:1], True) == 1.5
    assert losses.mean(jnp.zeros([0])) == 0.0
    assert losses.mean(values.astype(jnp.bfloat16), where).dtype == jnp.float32


def test_mean_counts_beyond_float32():
    # 2^24 + 1 ones: a float32 count, or a serial float32 sum, sticks at 2^24.
    count = 2**24 + 1
    where = jnp.ones(count, bool)
    assert losses.mean(jnp.ones(count, jnp.bfloat16), where) == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: losses.mean(jnp.ones(3), jnp.ones(2, bool)),
            r"where: shape \(2,\) given; \(3,\) is accepted",
        ),
        (lambda: losses.mean(jnp.ones(3), jnp.ones([1, 3], bool)), r"where: shape \(1, 3\) given"),
        (lambda: losses.mean(jnp.ones(3), jnp.ones(3)), "where: dtype float32 given; bool is accepted"),
        (
            lambda: losses.valid_pixels(jnp.ones(3), 2),
            "labels: dtype float32 given; integer class ids are accepted",
        ),
        (lambda: losses.valid_pixels(jnp.ones(3, bool), 2), "labels: dtype bool given"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)


def test_true_class_nll_is_harmless_at_void_pixels():
    labels = jnp.array([0, 1, 255, 255])
    logits = jnp.array([[2.0, 0.0], [2.0, 0.0], [jnp.nan, jnp.inf], [-jnp.inf, 1e38]])
    valid = losses.valid_pixels(labels, 2)
    nll = _pixels.true_class_nll(logits, labels, valid)
    np.testing.assert_allclose(nll[:2], -np.log(softmax(np.array([2.0, 0.0]))), rtol=1e-6)
    np.testing.assert_allclose(nll[2:], np.log(2.0), rtol=1e-6)
    # Powers and logarithms of p and 1 - p, as losses take them, stay finite under the mask.
    gradient = jax.grad(
        lambda x: jnp.where(
            valid, jnp.log(_pixels.true_class_nll(x, labels, valid)) * jnp.sqrt(-jnp.expm1(-nll)), 0.0
        ).sum()
    )(logits)
    assert np.isfinite(gradient).all()
    assert not gradient[2:].any()


def test_true_class_nll_at_both_ends():
    logits = jnp.array([[60.0, 0.0], [-1e4, 1e4]])
    labels = jnp.array([0, 0])
    nll = _pixels.true_class_nll(logits, labels, jnp.array([True, True]))
    np.testing.assert_allclose(nll, [np.exp(-60.0), 2e4], rtol=1e-5)


def test_a_nan_at_a_pixel_that_counts_shows():
    logits = jnp.array([[jnp.nan, 0.0, 1.0]])
    value, gradient = jax.value_and_grad(losses.SoftmaxCrossEntropy().average)(logits, jnp.array([1]))
    assert np.isnan(value)
    assert np.isnan(gradient).any()


def test_safe_logits():
    logits = jnp.array([[1.0, 2.0], [jnp.nan, 3.0]], jnp.bfloat16)
    safe = _pixels.safe_logits(logits, jnp.array([True, False]))
    np.testing.assert_array_equal(safe, [[1.0, 2.0], [0.0, 0.0]])
    assert safe.dtype == jnp.float32


@pytree
@dataclasses.dataclass(frozen=True)
class Scaled(losses.Loss):
    """A loss of someone else's: what the base class asks of it is a call."""

    takes: ClassVar = "labels"
    scale: losses.Scalar = 2.0

    def __call__(self, logits, labels, *, where=None):
        return _pixels.as_scalar("scale", self.scale, logits) * losses.softmax_cross_entropy(
            logits, labels, where=where
        )


def test_a_loss_of_ones_own_has_an_average():
    some = case((2, 3, 4), 5, masked=True)
    logits = jnp.asarray(some.logits, jnp.float32)
    values = losses.softmax_cross_entropy(logits, some.truth, where=some.where)
    average = Scaled(scale=3.0).average(logits, some.truth, where=some.where)
    np.testing.assert_allclose(average, 3.0 * np.asarray(values).sum() / some.valid.sum(), rtol=1e-5)


@pytest.mark.parametrize("said", [{}, {"takes": "label"}])
def test_a_loss_that_does_not_say_what_it_takes_is_refused_where_it_is_defined(said):
    with pytest.raises(
        TypeError, match="Mine: it does not say what it is called with; set takes = 'labels', "
    ):
        type("Mine", (losses.Loss,), said)


def test_objects_survive_trees_of_anything():
    loss = losses.MaximumSquaresImageWise(alpha=0.3)
    axes = jax.tree.map(lambda _: 0, loss)
    logits = jnp.asarray(case((4, 5), 3, takes="logits").logits)
    stacked = dataclasses.replace(loss, alpha=jnp.array([0.1, 0.3]))
    values = jax.vmap(lambda loss: loss(logits), in_axes=(axes,))(stacked)
    np.testing.assert_allclose(values[1], loss(logits), rtol=1e-6)
    assert jax.tree.map(lambda _: None, loss).alpha is None
