import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses import mean
from jaxseg.losses._adversarial import (
    AdversarialCrossEntropy,
    AdversarialHinge,
    AdversarialLeastSquares,
    adversarial_cross_entropy,
    adversarial_hinge,
    adversarial_least_squares,
    adversarial_linear,
)


def longhand_cross_entropy(score, real):
    p = 1.0 / (1.0 + np.exp(-score))
    return -np.log(p) if real else -np.log(1.0 - p)


def longhand_least_squares(score, real):
    return (score - (1.0 if real else 0.0)) ** 2


def longhand_hinge(score, real):
    return max(0.0, 1.0 - score) if real else max(0.0, 1.0 + score)


def longhand_linear(score, real):
    return -score if real else score


PAIRS = [
    (adversarial_cross_entropy, longhand_cross_entropy),
    (adversarial_least_squares, longhand_least_squares),
    (adversarial_hinge, longhand_hinge),
    (adversarial_linear, longhand_linear),
]
LOSSES = [loss for loss, _ in PAIRS]
OBJECTS = [AdversarialCrossEntropy(), AdversarialLeastSquares(), AdversarialHinge()]


def example(shape, seed=0, masked=True):
    random = np.random.default_rng(seed)
    where = random.random(shape) < 0.7 if masked else None
    return random.normal(size=shape) * 2.0, random.random(shape) < 0.5, where


@pytest.mark.parametrize(("loss", "longhand"), PAIRS)
def test_value_and_gradient_longhand(loss, longhand):
    @hypothesis.settings(max_examples=5, deadline=None, derandomize=True, database=None)
    @hypothesis.given(
        st.sampled_from([(), (3,), (2, 4, 5), (2, 3, 4, 1)]),
        st.booleans(),
        st.booleans(),
        st.integers(0, 2**16),
    )
    def check(shape, masked, one_answer, seed):
        scores, real, where = example(shape, seed, masked)
        real = bool(seed % 2) if one_answer else real
        counts = np.ones(shape, bool) if where is None else where
        answers = np.broadcast_to(real, shape)
        with jax.enable_x64(True):
            value_and_gradient = jax.jit(lambda s: jax.vjp(lambda s: loss(s, real, where=where), s))
            values, backward = value_and_gradient(scores)
            (gradient,) = backward(jnp.ones_like(values))
        for n in np.ndindex(shape):
            value = longhand(scores[n], answers[n])
            ahead, behind = (longhand(scores[n] + step, answers[n]) for step in (1e-6, -1e-6))
            np.testing.assert_allclose(values[n], value if counts[n] else 0.0, rtol=1e-9)
            np.testing.assert_allclose(gradient[n], (ahead - behind) / 2e-6 if counts[n] else 0.0, atol=1e-7)
        small = loss(np.float32(scores), real, where=where)
        assert small.dtype == jnp.float32
        np.testing.assert_allclose(small, values, rtol=1e-5, atol=1e-6)

    check()


@pytest.mark.parametrize("loss", LOSSES)
def test_void(loss):
    scores, real, where = example((4, 5))
    clean = jax.value_and_grad(lambda s: loss(s, real, where=where).sum())(jnp.asarray(scores, jnp.float32))
    assert clean[1].any()
    for junk in (np.nan, np.inf, -np.inf, 1e38):
        dirty = np.where(where, scores, junk).astype(np.float32)
        found = jax.value_and_grad(lambda s: loss(s, real, where=where).sum())(dirty)
        for each, expected in zip(found, clean, strict=True):
            np.testing.assert_array_equal(each, expected)
    assert not loss(scores, real, where=where)[~where].any()
    assert not loss(scores, real, where=np.zeros_like(where)).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_transformations(loss):
    scores, real, _ = example((3, 4))
    np.testing.assert_allclose(jax.jit(loss)(scores, real), loss(scores, real), rtol=1e-6)
    stacked = jax.vmap(loss)(scores, real)
    np.testing.assert_allclose(stacked, [loss(*each) for each in zip(scores, real, strict=True)], rtol=1e-6)
    with jax.enable_x64(True):

        def scalar(s):
            return jnp.sum(loss(s, real) * jnp.cos(jnp.arange(4.0)))

        v = jnp.asarray(np.random.default_rng(1).normal(size=(3, 4)))
        gradient, second = jax.jvp(jax.grad(scalar), (jnp.asarray(scores),), (v,))
        np.testing.assert_allclose(
            jax.jvp(scalar, (jnp.asarray(scores),), (v,))[1], jnp.vdot(gradient, v), rtol=1e-9
        )
        apart = (jax.grad(scalar)(scores + 1e-6 * v) - jax.grad(scalar)(scores - 1e-6 * v)) / 2e-6
        np.testing.assert_allclose(second, apart, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_extremes(loss, dtype):
    scores = jnp.array([1e4, -1e4, 0.0, 50.0], dtype)
    for real in (True, False):
        value, gradient = jax.value_and_grad(lambda s, real=real: loss(s, real).sum())(scores)
        assert np.isfinite(value)
        assert np.isfinite(gradient.astype(jnp.float32)).all()


@pytest.mark.parametrize("game", OBJECTS, ids=lambda game: type(game).__name__)
def test_objects(game):
    scores, real, where = example((2, 3))
    truth = {AdversarialCrossEntropy: 0, AdversarialLeastSquares: 1, AdversarialHinge: 2}[type(game)]
    np.testing.assert_array_equal(
        game.discriminator(scores, real, where=where), LOSSES[truth](scores, real, where=where)
    )
    wish = adversarial_linear if isinstance(game, AdversarialHinge) else LOSSES[truth]
    np.testing.assert_array_equal(game.generator(scores), wish(scores, True))
    np.testing.assert_array_equal(game.generator(scores, real, where=where), wish(scores, real, where=where))
    assert jax.tree.leaves(game) == []
    assert jax.tree.map(lambda leaf: leaf, game) == game


@pytest.mark.parametrize("game", OBJECTS, ids=lambda game: type(game).__name__)
def test_the_two_players_pull_apart(game):
    # The discriminator lowers the scores of target predictions, the segmentation network raises them.
    scores = jnp.array([0.25, 0.5, 0.75])
    down = jax.grad(lambda s: game.discriminator(s, False).sum())(scores)
    up = jax.grad(lambda s: game.generator(s).sum())(scores)
    assert (down > 0.0).all()
    assert (up < 0.0).all()


def test_released_naming_of_the_domains_is_a_change_of_sign():
    # AdaptSegNet calls the source 0 and the target 1, which is the same game for -s, or 1 - s under least squares.
    scores, source, _ = example((5, 4))
    for loss, turned in ((adversarial_cross_entropy, -scores), (adversarial_least_squares, 1.0 - scores)):
        np.testing.assert_allclose(loss(turned, ~source), loss(scores, source), rtol=1e-5, atol=1e-6)


def test_an_undecided_discriminator():
    game, scores = AdversarialCrossEntropy(), jnp.zeros([2, 4, 8])
    value = 0.5 * (mean(game.discriminator(scores, True)) + mean(game.discriminator(scores, False)))
    np.testing.assert_allclose(value, np.log(2.0), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adversarial_hinge(jnp.zeros(3), jnp.ones(3)), r"real: float32 of shape \(3,\) given; bool"),
        (
            lambda: adversarial_hinge(jnp.zeros(3), jnp.ones(2, bool)),
            r"real: bool of shape \(2,\) given; bool",
        ),
        (lambda: adversarial_linear(jnp.zeros(3), True, where=jnp.ones(3)), "where: dtype float32 given"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)
