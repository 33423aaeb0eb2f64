import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.labels import CAMVID
from jaxseg.losses import ground
from jaxseg.losses._wasserstein import TotalVariation, Wasserstein, total_variation, wasserstein
from tests.losses.cases import case, pixels, softmax
from tests.losses.contract import check_loss, check_object

CHAIN = np.abs(np.arange(4)[:, None] - np.arange(4)).astype(np.float32)
SCORES = jnp.log(jnp.array([0.1, 0.2, 0.3, 0.4]))
METRICS = {
    "linear": ground.linear(CHAIN),
    "square": ground.power(CHAIN),
    "huber": ground.huber(CHAIN, tau=1.0),
    "step": ground.step(CHAIN),
}


def asymmetric(some):
    """A metric with no symmetry and no zero."""
    return {"ground": np.random.default_rng(some.classes).random((some.classes, some.classes)) + 0.1}


def longhand(logits, labels, valid, ground):
    values = np.zeros(labels.shape)
    for n in pixels(labels.shape):
        if valid[n]:
            s = softmax(logits[n])
            values[n] = sum(s[predicted] * ground[predicted, labels[n]] for predicted in range(s.size))
    return values


def longhand_variation(logits, targets, valid):
    return 0.5 * np.abs(softmax(logits) - targets).sum(axis=-1)


def test_wasserstein_keeps_the_contract():
    check_loss(wasserstein, longhand, hyper=asymmetric)


def test_total_variation_keeps_the_contract():
    check_loss(total_variation, longhand_variation, takes="targets", examples=4)


def test_objects_do_what_their_functions_do():
    random = np.random.default_rng(0)
    one, other = (Wasserstein(random.random((3, 3)).astype(np.float32)) for _ in range(2))
    check_object(one, other, wasserstein, case((2, 3), 3))
    check_object(TotalVariation(), TotalVariation(), total_variation, case((2, 3), 3, takes="targets"))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("linear", [2.0, 1.2, 0.8, 1.0]),
        ("square", [5.0, 2.0, 1.0, 2.0]),
        ("huber", [3.1, 1.6, 0.9, 1.4]),
        ("step", [0.9, 0.8, 0.7, 0.6]),
    ],
)
def test_closed_forms(metric, expected):
    logits = jnp.broadcast_to(SCORES, (4, 4))
    values = wasserstein(logits, jnp.arange(4), METRICS[metric])
    np.testing.assert_allclose(values, expected, rtol=1e-6)


@pytest.mark.fast
def test_gradient_is_s_times_cost_less_loss():
    gradient = jax.grad(wasserstein)(SCORES, jnp.array(2), CHAIN)
    np.testing.assert_allclose(gradient, [0.12, 0.04, -0.24, 0.08], atol=1e-6)


@pytest.mark.fast
def test_rows_are_predicted_and_columns_true():
    # Taking class 0 for class 1 (row 0, column 1) costs 5; the other way round costs 1.
    costs = jnp.array([[0.0, 5.0], [1.0, 0.0]])
    sure_of_0, sure_of_1 = jnp.array([30.0, 0.0]), jnp.array([0.0, 30.0])
    np.testing.assert_allclose(wasserstein(sure_of_0, jnp.array(1), costs), 5.0, rtol=1e-6)
    np.testing.assert_allclose(wasserstein(sure_of_1, jnp.array(0), costs), 1.0, rtol=1e-6)


@pytest.mark.fast
def test_a_car_in_camvid():
    car = CAMVID.names.index("car")
    s = np.full(CAMVID.classes, 0.04)
    s[car] = 0.6
    severity = ground.groups(CAMVID.groups)
    for metric, expected in (
        (ground.importance(CAMVID.groups), 1.6),
        (severity, 0.96),
        (ground.power(severity), 2.64),
        (ground.huber(severity, tau=2.0), 2.32),
    ):
        np.testing.assert_allclose(wasserstein(np.log(s), jnp.array(car), metric), expected, rtol=1e-5)


def test_importance_weighs_the_probability_missed():
    some = case((2, 3), 6, void=0.0)
    weights = np.random.default_rng(0).random(6).astype(np.float32)
    values = wasserstein(some.logits, some.truth, ground.importance(weights))
    missed = 1.0 - np.take_along_axis(softmax(some.logits), some.truth[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(values, weights[some.truth] * missed, rtol=1e-5)


def test_sure_pixels_keep_their_digits():
    expected = np.exp(-40.0)
    np.testing.assert_allclose(
        wasserstein(jnp.array([40.0, 0.0]), jnp.array(0), 1.0 - jnp.eye(2)), expected, rtol=1e-5
    )


def test_derivative_of_the_metric():
    some = case((3, 4), 5)
    costs = jnp.asarray(asymmetric(some)["ground"], jnp.float32)

    @jax.jit
    def derivatives(x, costs):
        def total(x, costs):
            return wasserstein(x, some.truth, costs).sum()

        return jax.grad(total, 1)(x, costs), jax.jacrev(jax.grad(total), 1)(x, costs)

    gradient, mixed = derivatives(jnp.asarray(some.logits, jnp.float32), costs)
    expected = np.zeros((5, 5))
    for n in pixels(some.truth.shape):
        if some.valid[n]:
            expected[:, some.truth[n]] += softmax(some.logits[n])
    np.testing.assert_allclose(gradient, expected, rtol=1e-4)
    # d/dx_k of s_i, the derivative to D_iy: s_i ([i = k] - s_k).
    n = next(n for n in pixels(some.truth.shape) if some.valid[n])
    s = softmax(some.logits[n])
    np.testing.assert_allclose(mixed[n][:, :, some.truth[n]], np.diag(s) - np.outer(s, s), atol=1e-6)


@pytest.mark.parametrize("ids", [np.uint8, np.int8, np.int32, np.uint32])
def test_any_integer_type_names_a_class(ids):
    labels = np.array([0, 3, 127], ids)
    values = wasserstein(jnp.broadcast_to(SCORES, (3, 4)), labels, CHAIN)
    np.testing.assert_allclose(values, [2.0, 1.0, 0.0], rtol=1e-6)


def test_integer_metrics_are_welcome():
    np.testing.assert_allclose(wasserstein(SCORES, jnp.array(1), CHAIN.astype(int)), 1.2, rtol=1e-6)


@pytest.mark.fast
def test_total_variation_values():
    np.testing.assert_allclose(total_variation(SCORES, jnp.array([0.05, 0.05, 0.8, 0.1])), 0.5, rtol=1e-6)
    steps = ground.step(CHAIN)
    for label in range(4):
        np.testing.assert_allclose(
            total_variation(SCORES, jnp.eye(4)[label]),
            wasserstein(SCORES, jnp.array(label), steps),
            rtol=1e-6,
        )


def test_gradient_to_the_targets_is_half_their_side():
    some = case((2, 3), 4, takes="targets")
    gradient = jax.jit(jax.grad(lambda t: total_variation(some.logits, t).sum()))(jnp.asarray(some.truth))
    np.testing.assert_array_equal(gradient, 0.5 * np.sign(some.truth - softmax(some.logits)))


def test_void_targets_may_hold_anything():
    some = case((2, 3), 4, takes="targets", masked=True)
    targets = jnp.asarray(np.where(some.valid[..., None], some.truth, np.nan), jnp.float32)
    for wrt in (0, 1):
        gradient = jax.jit(jax.grad(lambda x, t: total_variation(x, t, where=some.where).sum(), wrt))(
            jnp.asarray(some.logits), targets
        )
        assert np.isfinite(gradient).all()
        assert not gradient[~some.valid].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: wasserstein(jnp.zeros([2, 3]), jnp.zeros([2], int), jnp.zeros([2, 2])),
            r"ground: shape \(2, 2\) given; \(3, 3\) is accepted",
        ),
        (lambda: wasserstein(jnp.zeros([2, 3]), jnp.zeros([2]), jnp.zeros([3, 3])), "labels: dtype float32"),
        (
            lambda: total_variation(jnp.zeros([2, 3]), jnp.zeros([2])),
            r"targets: shape \(2,\) given; \(2, 3\)",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)


@pytest.mark.parametrize("loss", [Wasserstein(np.ones((19, 19), np.float32)), TotalVariation()])
def test_the_gradient_keeps_no_array_of_the_logits_size(loss):
    shape = 2, 512, 512, 19
    logits = jax.ShapeDtypeStruct(shape, jnp.float32)
    truth = jax.ShapeDtypeStruct(shape[:3], jnp.int32) if loss.takes == "labels" else logits
    gradient = jax.jit(jax.value_and_grad(lambda x, loss, y: loss.average(x, y)))
    assert gradient.lower(logits, loss, truth).compile().memory_analysis().temp_size_in_bytes < 12e6
