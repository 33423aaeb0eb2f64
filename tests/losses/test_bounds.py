"""Numbers outside their meaning are refused by every loss, and derivatives stay bounded short of convergence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.labels import CITYSCAPES
from jaxseg.losses import ground

X = jnp.zeros((1, 8, 8, 3))
Y = jnp.zeros((1, 8, 8), int)
CHAIN = ground.groups((1, 2, 4))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.conservative(X, Y, base=np.float32(0.5)), "base: 0.5 given; a number above 1"),
        (lambda: losses.conservative(X, Y, base=jnp.float32(0.5)), "base: 0.5 given; a number above 1"),
        (lambda: losses.conservative(X, Y, clamp=-1.0), "clamp: -1.0 given; a number above 0"),
        (lambda: losses.focal(X, Y, gamma=-1.0), "gamma: -1.0 given; a number at least 0"),
        (lambda: losses.maximum_squares_image_wise(X, alpha=5.0), "alpha: 5.0 given; a number at most 1"),
        (lambda: losses.robust_entropy(X, eta=0.0), "eta: 0.0 given; a number above 0"),
        (lambda: losses.robust_entropy(X, epsilon=-0.5), "epsilon: -0.5 given; a number at least 0"),
        (lambda: losses.ssim(X, Y, c1=0.0), "c1: 0.0 given; a number above 0"),
        (
            lambda: losses.region_mutual_information(X, Y, stabilizer=0.0),
            "stabilizer: 0.0 given; a number above",
        ),
        (
            lambda: losses.sinkhorn(X, X, CHAIN, epsilon=np.float32(-1)),
            "epsilon: -1.0 given; a number above 0",
        ),
        (lambda: losses.sinkhorn(X, X, CHAIN, iterations=True), "iterations: True given; 1 or more"),
        (lambda: ground.huber(CHAIN, tau=-1.0), "tau: -1.0 given; a number above 0"),
        (lambda: ground.power(CHAIN, p=0.0), "p: 0.0 given; a number above 0"),
        (lambda: ground.groups((1, 2), within=-3.0), "within: -3.0 given; numbers of at least 0"),
        (lambda: losses.structural_similarity(X, Y, c4=0.0), "c4: 0.0 given; a number above 0"),
        (lambda: losses.largest_structural_error(3, 1.5, c4=0.0), "c4: 0.0 given; a number above 0"),
        (lambda: losses.structural_similarity(X, Y, size=np.nan), "size: nan given; an odd number"),
        (lambda: losses.structural_similarity(X, Y, size=np.inf), "size: inf given; an odd number"),
    ],
)
def test_numbers_outside_their_meaning_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_traced_epsilon_that_has_no_meaning_gives_no_number():
    loss = jax.jit(
        lambda epsilon: losses.sinkhorn(X[0, 0], X[0, 0] + 1, CHAIN, epsilon=epsilon, solver="kernel")
    )
    assert np.isnan(loss(-1.0)).all()
    assert np.isfinite(loss(0.1)).all()


def test_groups_without_a_sign_are_groups_like_others():
    np.testing.assert_array_equal(ground.groups(np.array([1, 2, 4], np.uint8)), CHAIN)


def test_second_derivatives_through_sinkhorn_stay_bounded_where_it_has_not_converged():
    """The potentials' tangents are of the size of the problem: before, they grew by a factor in every iteration."""
    rng = np.random.default_rng(0)
    logits = jnp.asarray(3.0 * rng.normal(size=(16, 19)), jnp.float32)
    targets = jnp.asarray(rng.dirichlet(np.full(19, 0.3), 16), jnp.float32)
    along = jnp.asarray(rng.normal(size=logits.shape), jnp.float32)
    metric = ground.huber(ground.groups(CITYSCAPES.groups), 2.0)

    def slope(x):
        return jax.grad(lambda x: losses.sinkhorn(x, targets, metric, solver="kernel").sum())(x)

    curvature = jax.jit(lambda x: jax.jvp(slope, (x,), (along,))[1])(logits)
    assert float(jnp.abs(curvature).max()) < 50.0


@pytest.mark.parametrize("loss", [losses.SSIM(), losses.StructuralSimilarity()])
def test_an_object_as_it_is_has_a_gradient_with_respect_to_its_numbers(loss):
    x = jax.random.normal(jax.random.key(0), X.shape)
    slopes = jax.grad(lambda loss: loss.average(x, Y))(loss)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    assert np.shape(slopes.size) == ()


@pytest.mark.usefixtures("unchecked")
def test_importance_aware_takes_groups_as_an_array():
    loss = losses.ImportanceAware(groups=np.array([1, 2, 4]))
    assert loss == losses.ImportanceAware(groups=(1, 2, 4))
    assert np.isfinite(jax.jit(lambda loss: loss.average(X, Y))(loss))
