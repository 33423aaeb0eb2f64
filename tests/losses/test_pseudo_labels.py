import chex
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from jaxseg.losses import softmax_cross_entropy
from jaxseg.losses._pseudo_labels import MRKLD, cbst_labels, lrent_labels, lrl2_labels, mrkld
from tests.losses.cases import case, pixels, softmax
from tests.losses.contract import check_loss, check_object

P, THRESHOLDS = np.array([0.7, 0.2, 0.1]), np.array([0.9, 0.4, 0.2])

problems = hypothesis.given(st.integers(2, 150), st.sampled_from([0.05, 0.25, 1.0]), st.integers(0, 2**16))
few = hypothesis.settings(max_examples=6, deadline=None, derandomize=True, database=None)


def problem(classes, seed, count=40):
    """Probabilities and thresholds of which about half of the pixels pass."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(classes, 0.3), count) + 1e-6
    p /= p.sum(-1, keepdims=True)
    return p, np.quantile(p.max(-1), 0.5) * random.uniform(0.4, 1.1, classes)


def cost(y, p, thresholds, alpha, regulariser):
    """What a label costs; no label costs 0."""
    logs = np.log(np.maximum(y, 1e-300))
    return -np.sum(y * np.log(p / thresholds)) + alpha * np.sum(
        y * logs if regulariser == "entropy" else y**2
    )


@pytest.mark.fast
def test_lrent_golden_value():
    labels, selected = lrent_labels(np.log(P), THRESHOLDS, 0.25)
    np.testing.assert_allclose(labels, [0.745392, 0.127304, 0.127304], atol=1e-6)
    # The two sides of the released rule: the pixel is dropped.
    left = -np.sum(labels * np.log(P)) + 0.25 * np.sum(labels * np.log(labels))
    right = -np.sum(labels * np.log(THRESHOLDS))
    np.testing.assert_allclose([left, right], [0.577924, 0.400071], atol=2e-6)
    assert not selected


@few
@problems
def test_lrent_longhand(classes, alpha, seed):
    p, thresholds = problem(classes, seed)
    labels, selected = jax.jit(lrent_labels)(np.log(p), thresholds, alpha)
    for n, pixel in enumerate(p):
        powers = (pixel / thresholds) ** (1.0 / alpha)
        y = powers / powers.sum()
        np.testing.assert_allclose(labels[n], y, atol=2e-5)
        # The released rule; it equals Z > 1.
        kept = -np.sum(y * np.log(pixel)) + alpha * np.sum(y * np.log(y)) < -np.sum(y * np.log(thresholds))
        assert kept == (powers.sum() > 1.0)
        assert selected[n] == kept


@few
@problems
def test_hard_labels_longhand(classes, alpha, seed):
    p, thresholds = problem(classes, seed)
    labels, selected = jax.jit(cbst_labels)(np.log(p), thresholds)
    for n, pixel in enumerate(p):
        best = np.argmax(pixel / thresholds)
        kept = pixel[best] / thresholds[best] >= 1.0
        assert selected[n] == kept
        assert labels[n] == (best if kept else 255)
    assert selected.any()


@few
@problems
def test_sparse_labels_are_the_minimum(classes, alpha, seed):
    p, thresholds = problem(classes, seed, count=8)
    labels, selected = jax.jit(lrl2_labels)(np.log(p), thresholds, alpha)
    labels = np.asarray(labels, np.float64)
    np.testing.assert_allclose(labels.sum(-1), 1.0, atol=1e-5)
    assert labels.min() >= 0.0
    for n, (y, pixel) in enumerate(zip(labels, p, strict=True)):
        # Conditions of a minimum on the simplex: one slope for all classes in use, no smaller one elsewhere.
        slope = -np.log(pixel / thresholds) + 2.0 * alpha * y
        used = y > 1e-4
        np.testing.assert_allclose(slope[used], slope[used][0], atol=1e-3)
        assert (slope > slope[used][0] - 1e-3).all()
        value = cost(y, pixel, thresholds, alpha, "square")
        assert abs(value) < 1e-4 or selected[n] == (value < 0.0)


@pytest.mark.parametrize(("rule", "regulariser"), [(lrent_labels, "entropy"), (lrl2_labels, "square")])
def test_against_a_general_solver(rule, regulariser):
    p, thresholds = problem(4, 3, count=3)
    labels, selected = rule(np.log(p), thresholds, 0.5)
    for n, pixel in enumerate(p):
        found = minimize(
            cost,
            np.full(4, 0.25),
            (pixel, thresholds, 0.5, regulariser),
            bounds=[(1e-12, 1.0)] * 4,
            constraints={"type": "eq", "fun": lambda y: y.sum() - 1.0},
            options={"ftol": 1e-14, "maxiter": 500},
        )
        np.testing.assert_allclose(labels[n], found.x, atol=1e-4)
        assert selected[n] == (found.fun < 0.0)


@pytest.mark.parametrize("rule", [lrent_labels, lrl2_labels])
def test_small_alpha_gives_hard_labels(rule):
    p, thresholds = problem(7, 5)
    labels, selected = rule(np.log(p), thresholds, 1e-4)
    hard, hard_selected = cbst_labels(np.log(p), thresholds)
    np.testing.assert_array_equal(selected, hard_selected)
    np.testing.assert_array_equal(jnp.argmax(labels, axis=-1)[selected], hard[selected])
    np.testing.assert_allclose(jnp.max(labels, axis=-1)[selected], 1.0, atol=1e-5)


def test_a_pixel_at_its_threshold_is_selected():
    logits = jnp.zeros([1, 2])
    labels, selected = cbst_labels(logits, jnp.exp(jax.nn.log_softmax(logits[0])))
    assert selected.all()
    assert labels[0] == 0


@pytest.mark.parametrize("rule", [cbst_labels, lrent_labels, lrl2_labels])
@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf])
def test_excluded_pixels(rule, junk):
    p, thresholds = problem(5, 1)
    where = np.arange(len(p)) % 3 > 0
    logits = np.log(p)
    logits[~where] = junk
    labels, selected = rule(logits, thresholds, where=where)
    everywhere = rule(np.log(p), thresholds)
    np.testing.assert_array_equal(selected, where & np.asarray(everywhere[1]))
    np.testing.assert_array_equal(labels[where], everywhere[0][where])
    assert (np.asarray(labels)[~where] == (255 if rule is cbst_labels else 0)).all()


@pytest.mark.parametrize("rule", [lrent_labels, lrl2_labels])
def test_labels_are_constants_and_alpha_is_traced(rule):
    p, thresholds = problem(5, 2)
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def slopes(logits, thresholds, alpha):
        return jax.grad(lambda *given: jnp.sum(rule(*given)[0] ** 2), (0, 1, 2))(logits, thresholds, alpha)

    for alpha in (0.1, 0.25, 0.7):
        given = jnp.log(jnp.asarray(p, jnp.float32)), jnp.asarray(thresholds, jnp.float32), alpha
        assert not any(each.any() for each in slopes(*given))


@pytest.mark.parametrize("rule", [cbst_labels, lrent_labels, lrl2_labels])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_extremes(rule, dtype):
    sign = np.sign(case((3, 4), 5, takes="logits").logits)
    labels, selected = jax.vmap(rule, (0, None))(jnp.asarray(1e4 * sign, dtype), jnp.full(5, 0.5))
    assert np.isfinite(labels.astype(jnp.float32)).all()
    assert selected.shape == (3, 4)


def longhand_mrkld(logits, labels, valid, alpha=0.1):
    values = np.zeros(labels.shape)
    for n in pixels(labels.shape):
        if valid[n]:
            p = softmax(logits[n])
            values[n] = -np.log(p[labels[n]]) - alpha * np.mean(np.log(p))
    return values


def test_mrkld_keeps_the_contract():
    check_loss(mrkld, longhand_mrkld, hyper={"alpha": 0.3}, examples=4)


def test_mrkld_object():
    check_object(MRKLD(), MRKLD(alpha=0.4), mrkld, case((2, 3), 4, masked=True))
    assert jax.tree.leaves(MRKLD()) == [0.1]


def test_mrkld_is_label_smoothing_up_to_a_factor():
    some = case((6,), 4)
    smoothed = np.where(some.valid[:, None], 0.9 * (some.truth[:, None] == np.arange(4)) + 0.1 / 4, 0.0)
    alpha = 0.1 / 0.9
    expected = -np.sum(smoothed * np.log(softmax(some.logits)), axis=-1)
    np.testing.assert_allclose(mrkld(some.logits, some.truth, alpha=alpha), expected / 0.9, rtol=1e-5)
    plain = softmax_cross_entropy(some.logits, some.truth)
    np.testing.assert_allclose(mrkld(some.logits, some.truth, alpha=0.0), plain, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cbst_labels(jnp.zeros([3, 2]), jnp.ones(3)), r"thresholds: shape \(3,\) given; \(2,\)"),
        (lambda: cbst_labels(jnp.zeros([3, 2]), jnp.ones(2), void=1), r"void: 1 given; an id outside 0\.\.1"),
        (lambda: lrent_labels(jnp.zeros([3, 2]), jnp.ones(2), 0.0), "alpha: 0 given; a positive"),
        (lambda: lrl2_labels(jnp.zeros([3, 2]), jnp.ones(2), -1.0), "alpha: -1 given; a positive"),
        (lambda: lrent_labels(jnp.zeros([3, 2]), jnp.ones(2), jnp.ones(2)), r"alpha: shape \(2,\) given"),
        (
            lambda: lrent_labels(jnp.zeros([3, 2]), jnp.ones(2), where=jnp.ones(2, bool)),
            r"where: shape \(2,\) given; \(3,\)",
        ),
        (lambda: mrkld(jnp.zeros([3, 2]), jnp.zeros(3)), "labels: dtype float32 given"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)
