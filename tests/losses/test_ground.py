import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.labels import CAMVID, CITYSCAPES
from jaxseg.losses import ground
from tests.losses.cases import pixels

CHAIN = np.abs(np.arange(4)[:, None] - np.arange(4))


@pytest.mark.fast
def test_functions_of_the_distance():
    d = jnp.array([0.0, 0.5, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ground.linear(d), d)
    np.testing.assert_array_equal(ground.power(d), d * d)
    np.testing.assert_allclose(ground.power(d, 3), d**3, rtol=1e-6)
    np.testing.assert_array_equal(ground.huber(d, 1.0), [0.0, 0.25, 1.0, 3.0, 5.0])
    np.testing.assert_array_equal(ground.huber(jnp.arange(5), tau=2.0), [0.0, 1.0, 4.0, 8.0, 12.0])
    np.testing.assert_array_equal(ground.step(d), [0.0, 1.0, 1.0, 1.0, 1.0])


def test_huber_is_continuous_and_smooth_at_its_end():
    for tau in (0.3, 1.5, 4.0):
        below, above = ground.huber(np.array([tau - 1e-4, tau + 1e-4], np.float32), tau)
        np.testing.assert_allclose([below, above], tau * tau, rtol=2e-3)
        slopes = jax.vmap(jax.grad(lambda d, tau=tau: ground.huber(d, tau)))(jnp.array([tau, tau + 1e-4]))
        np.testing.assert_allclose(slopes, 2.0 * tau, rtol=1e-3)


def test_parameters_are_differentiable():
    def total(p, tau):
        return jnp.sum(ground.power(CHAIN, p)) + jnp.sum(ground.huber(CHAIN, tau))

    slopes = jax.grad(total, (0, 1))(2.0, 1.0)
    apart = CHAIN[CHAIN > 0]
    np.testing.assert_allclose(slopes[0], np.sum(apart**2 * np.log(apart)), rtol=1e-6)
    np.testing.assert_allclose(slopes[1], np.sum(2 * apart[apart > 1] - 2), rtol=1e-6)
    for p in (0.5, 2.0, 3.0):
        assert np.isfinite(jax.jacfwd(jax.grad(lambda p: jnp.sum(ground.power(CHAIN, p))))(p))


@pytest.mark.fast
@hypothesis.settings(max_examples=30, deadline=None, derandomize=True, database=None)
@hypothesis.given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.floats(0.0, 5.0, width=16))
def test_severity_by_groups(g, within):
    found = ground.groups(g, within)
    for i, j in pixels((len(g), len(g))):
        assert found[i, j] == (0.0 if i == j else within + abs(g[i] - g[j]))


@hypothesis.settings(max_examples=20, deadline=None, derandomize=True, database=None)
@hypothesis.given(st.lists(st.sampled_from([1, 2, 5]), min_size=1, max_size=12), st.integers(0, 99))
def test_any_matrix_of_the_groups(g, seed):
    random = np.random.default_rng(seed)
    levels = sorted(set(g))
    within = random.random(len(levels)).astype(np.float32)
    across = random.random((len(levels), len(levels))).astype(np.float32)
    found = ground.groups(g, within, across=across)
    for i, j in pixels((len(g), len(g))):
        predicted, true = levels.index(g[i]), levels.index(g[j])
        expected = 0.0 if i == j else within[true] if predicted == true else across[predicted, true]
        assert found[i, j] == expected
    found = ground.groups(g, within)
    for i, j in pixels((len(g), len(g))):
        expected = 0.0 if i == j else within[levels.index(g[j])] + np.float32(abs(g[i] - g[j]))
        assert found[i, j] == expected


@pytest.mark.fast
@pytest.mark.parametrize("space", [CITYSCAPES, CAMVID])
def test_groups_express_both_matrices_of_the_paper(space):
    severity = np.asarray(ground.groups(space.groups))
    np.testing.assert_array_equal(severity, severity.T)
    same = np.equal.outer(space.groups, space.groups)
    off = ~np.eye(space.classes, dtype=bool)
    assert not severity[~off].any()
    assert severity[same & off].max() < severity[~same].min()

    importance = np.asarray(ground.importance(space.groups))
    weights = jnp.arange(1.0, 5.0)[-len(set(space.groups)) :]
    assert sorted(set(space.groups)) == weights.tolist()
    across = jnp.broadcast_to(weights, (weights.size, weights.size))
    np.testing.assert_array_equal(ground.groups(space.groups, weights, across=across), importance)
    for j in range(space.classes):
        assert set(importance[off[:, j], j]) == {space.groups[j]}


def test_distances_are_differentiable_in_what_they_are_made_of():
    def total(within, across, weights):
        return jnp.sum(ground.groups((1, 2, 2), within, across=across)) + jnp.sum(ground.importance(weights))

    within, across, weights = jax.grad(total, (0, 1, 2))(jnp.ones(2), jnp.ones([2, 2]), jnp.ones(3))
    np.testing.assert_array_equal(within, [0.0, 2.0])
    np.testing.assert_array_equal(across, [[0.0, 2.0], [2.0, 0.0]])
    np.testing.assert_array_equal(weights, [2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ground.groups((1, None, 2)), r"groups: \[1, None, 2\] given; one integer for each class"),
        (lambda: ground.groups(()), r"groups: \[\] given"),
        (lambda: ground.groups(np.ones((2, 2), int)), r"groups: \[\[1, 1\], \[1, 1\]\] given"),
        (lambda: ground.groups((1, 2, 2), jnp.ones(3)), r"within: shape \(3,\) given; \(2,\) is accepted"),
        (lambda: ground.groups((1, 2), across=jnp.ones([3, 3])), r"across: shape \(3, 3\) given; \(2, 2\)"),
        (lambda: ground.importance(jnp.ones([2, 2])), r"w: shape \(2, 2\) given; one number"),
        (lambda: ground.power(jnp.ones(3), jnp.ones(3)), r"p: shape \(3,\) given; \(\)"),
        (lambda: ground.huber(jnp.ones(3), jnp.ones(3)), r"tau: shape \(3,\) given; \(\)"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
