import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from tests.losses.cases import case, pixels, softmax
from tests.losses.contract import check_loss, check_object


def longhand_softmax(logits, labels, valid, class_weights=None):
    values = np.zeros(labels.shape)
    p = softmax(logits)
    for n in pixels(labels.shape):
        if valid[n]:
            values[n] = -np.log(p[n][labels[n]]) * (
                1.0 if class_weights is None else class_weights[labels[n]]
            )
    return values


def longhand_soft(logits, targets, valid):
    return -np.sum(targets * np.log(softmax(logits)), axis=-1)


def longhand_sigmoid(logits, labels, valid):
    values = np.zeros(labels.shape)
    s = 1.0 / (1.0 + np.exp(-logits))
    for n in pixels(labels.shape):
        for c in range(logits.shape[-1]):
            values[n] -= np.log(s[n][c]) if c == labels[n] else np.log(1.0 - s[n][c])
    return values


def test_softmax_keeps_the_contract():
    check_loss(losses.softmax_cross_entropy, longhand_softmax)


def test_class_weights_keep_the_contract():
    def weights(some):
        return {"class_weights": 0.5 + np.arange(some.classes) / some.classes}

    check_loss(losses.softmax_cross_entropy, longhand_softmax, hyper=weights, examples=3)


def test_soft_keeps_the_contract():
    check_loss(losses.soft_cross_entropy, longhand_soft, takes="targets")


def test_sigmoid_keeps_the_contract():
    check_loss(losses.sigmoid_cross_entropy, longhand_sigmoid)


@pytest.mark.parametrize(
    ("one", "other", "function", "takes"),
    [
        (losses.SoftmaxCrossEntropy(), losses.SoftmaxCrossEntropy(), losses.softmax_cross_entropy, "labels"),
        (
            losses.SoftmaxCrossEntropy(class_weights=np.array([1.0, 2.0, 3.0], np.float32)),
            losses.SoftmaxCrossEntropy(class_weights=np.array([0.5, 1.5, 1.0], np.float32)),
            losses.softmax_cross_entropy,
            "labels",
        ),
        (losses.SoftCrossEntropy(), losses.SoftCrossEntropy(), losses.soft_cross_entropy, "targets"),
        (losses.SigmoidCrossEntropy(), losses.SigmoidCrossEntropy(), losses.sigmoid_cross_entropy, "labels"),
    ],
)
def test_objects_do_what_their_functions_do(one, other, function, takes):
    check_object(one, other, function, case((2, 3, 4), 3, takes=takes))


@pytest.mark.parametrize("classes", [2, pytest.param(19, marks=pytest.mark.fast), 150])
def test_uniform_predictions(classes):
    logits, labels = jnp.full([3, classes], 7.0), jnp.array([0, classes - 1, 255])
    expected = np.log(classes) * np.array([1.0, 1.0, 0.0])
    np.testing.assert_allclose(losses.softmax_cross_entropy(logits, labels), expected, rtol=1e-6)
    np.testing.assert_allclose(
        losses.soft_cross_entropy(logits[0], jnp.eye(classes)[1]), np.log(classes), rtol=1e-6
    )
    np.testing.assert_allclose(
        losses.sigmoid_cross_entropy(0.0 * logits, labels),
        classes * np.log(2.0) * np.array([1, 1, 0]),
        rtol=1e-6,
    )


def test_a_one_hot_target_is_a_label():
    some = case((2, 3), 5, void=0.0)
    hard = losses.softmax_cross_entropy(some.logits, some.truth)
    soft = losses.soft_cross_entropy(some.logits, np.eye(5)[some.truth])
    np.testing.assert_allclose(soft, hard, rtol=1e-5)


def test_gradient_is_the_probability_less_the_target():
    some = case((4,), 6, void=0.0)
    x = jnp.asarray(some.logits, jnp.float32)
    one_hot = np.eye(6)[some.truth]
    gradient = jax.grad(lambda x: losses.softmax_cross_entropy(x, some.truth).sum())(x)
    np.testing.assert_allclose(gradient, softmax(some.logits) - one_hot, atol=1e-6)
    gradient = jax.grad(lambda x: losses.sigmoid_cross_entropy(x, some.truth).sum())(x)
    np.testing.assert_allclose(gradient, 1.0 / (1.0 + np.exp(-some.logits)) - one_hot, atol=1e-6)


def test_gradient_to_the_targets_is_the_surprise():
    some = case((2, 3), 4, takes="targets")
    gradient = jax.grad(lambda t: losses.soft_cross_entropy(some.logits, t).sum())(jnp.asarray(some.truth))
    np.testing.assert_allclose(gradient, -np.log(softmax(some.logits)), rtol=1e-5)


def test_a_target_of_zeros_is_nothing():
    x = jnp.array([3.0, -1.0, 0.5])
    value, gradient = jax.value_and_grad(losses.soft_cross_entropy)(x, jnp.zeros(3))
    assert value == 0.0
    assert not gradient.any()


def test_void_targets_may_hold_anything():
    some = case((2, 3), 4, takes="targets", masked=True)
    targets = jnp.asarray(np.where(some.valid[..., None], some.truth, np.nan), jnp.float32)
    for wrt in (0, 1):
        gradient = jax.grad(lambda x, t: losses.soft_cross_entropy(x, t, where=some.where).sum(), wrt)(
            jnp.asarray(some.logits), targets
        )
        assert np.isfinite(gradient).all()
        assert not gradient[~some.valid].any()


def test_confident_pixels_keep_their_digits():
    # log1p(2 exp(-30)) is 1.87e-13: a difference of logarithms would give 0 or 1e-7.
    expected = 2.0 * np.exp(-30.0)
    x = jnp.array([30.0, 0.0, 0.0])
    np.testing.assert_allclose(losses.softmax_cross_entropy(x, jnp.array(0)), expected, rtol=1e-5)
    np.testing.assert_allclose(losses.softmax_cross_entropy(x + 1e4, jnp.array(0)), expected, rtol=2e-3)
    np.testing.assert_allclose(
        losses.sigmoid_cross_entropy(jnp.array([30.0, -30.0, -30.0]), jnp.array(0)), 1.5 * expected, rtol=1e-5
    )


def test_a_class_ruled_out_by_minus_infinity():
    x = jnp.array([0.0, 0.0, -jnp.inf])
    value, gradient = jax.value_and_grad(losses.softmax_cross_entropy)(x, jnp.array(0))
    np.testing.assert_allclose(value, np.log(2.0), rtol=1e-6)
    np.testing.assert_allclose(gradient, [-0.5, 0.5, 0.0], atol=1e-6)


def test_a_class_ruled_out_for_a_distribution():
    # Two classes are left, with p = 1/2 each: -(0.3 + 0.7) log(1/2), and p - t. Where the target wants the third, inf.
    x, targets = jnp.array([0.0, 0.0, -jnp.inf]), jnp.array([0.3, 0.7, 0.0])
    value, gradient = jax.value_and_grad(losses.soft_cross_entropy)(x, targets)
    np.testing.assert_allclose(value, np.log(2.0), rtol=1e-6)
    np.testing.assert_allclose(gradient, [0.2, -0.2, 0.0], atol=1e-6)
    assert losses.soft_cross_entropy(x, jnp.array([0.3, 0.6, 0.1])) == jnp.inf


@pytest.mark.parametrize(
    "labels", [np.array([1, 255], np.uint8), np.array([1, -1], np.int8), np.array([1, 300])]
)
def test_any_integer_type_names_a_class(labels):
    values = losses.softmax_cross_entropy(np.zeros((2, 280)), labels)
    expected = [np.log(280.0), np.log(280.0) if labels[1] == 255 else 0.0]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


@pytest.mark.fast
def test_where_excludes_and_cannot_include():
    labels, where = jnp.array([0, 1, 255]), jnp.array([True, False, True])
    values = losses.softmax_cross_entropy(jnp.zeros([3, 2]), labels, where=where)
    np.testing.assert_allclose(values, [np.log(2.0), 0.0, 0.0], rtol=1e-6)
    average = losses.SoftmaxCrossEntropy().average(jnp.zeros([3, 2]), labels, where=where)
    np.testing.assert_allclose(average, np.log(2.0), rtol=1e-6)


def test_weighted_mean_divides_by_the_number_of_pixels():
    loss = losses.SoftmaxCrossEntropy(class_weights=jnp.array([1.0, 3.0]))
    average = loss.average(jnp.zeros([3, 2]), jnp.array([0, 1, 255]))
    np.testing.assert_allclose(average, 2.0 * np.log(2.0), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: losses.softmax_cross_entropy(jnp.zeros([2, 3]), jnp.zeros([3], int)),
            r"labels: shape \(3,\) given; \(2,\)",
        ),
        (
            lambda: losses.softmax_cross_entropy(jnp.zeros([2, 3]), jnp.zeros([2])),
            "labels: dtype float32 given; integer",
        ),
        (
            lambda: losses.softmax_cross_entropy(jnp.zeros([]), jnp.array(0)),
            r"logits: shape \(\) given; \[\.\.\., C\]",
        ),
        (
            lambda: losses.softmax_cross_entropy(
                jnp.zeros([2, 3]), jnp.zeros([2], int), class_weights=jnp.ones(2)
            ),
            r"class_weights: shape \(2,\) given; \(3,\)",
        ),
        (
            lambda: losses.softmax_cross_entropy(jnp.zeros([2, 3]), jnp.zeros([2], int), where=jnp.ones(2)),
            "where: dtype float32 given; bool",
        ),
        (
            lambda: losses.sigmoid_cross_entropy(
                jnp.zeros([2, 3]), jnp.zeros([2], int), where=jnp.ones(3, bool)
            ),
            r"where: shape \(3,\) given; \(2,\)",
        ),
        (
            lambda: losses.soft_cross_entropy(jnp.zeros([2, 3]), jnp.zeros([2, 2])),
            r"targets: shape \(2, 2\) given",
        ),
        (
            lambda: losses.SoftmaxCrossEntropy().average(jnp.zeros([2, 3])),
            "truth: None given; SoftmaxCrossEntropy takes",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)


@pytest.mark.parametrize(
    ("loss", "limit"),
    [
        (losses.SoftmaxCrossEntropy(), 12e6),
        (losses.SoftCrossEntropy(), 12e6),
        (losses.SigmoidCrossEntropy(), 12e6),
    ],
)
def test_the_gradient_keeps_no_array_of_the_logits_size(loss, limit):
    shape = 2, 512, 512, 19
    truth = (
        jax.ShapeDtypeStruct(shape, jnp.float32)
        if loss.takes == "targets"
        else jax.ShapeDtypeStruct(shape[:3], jnp.int32)
    )
    gradient = jax.jit(jax.value_and_grad(loss.average))
    compiled = gradient.lower(jax.ShapeDtypeStruct(shape, jnp.float32), truth).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < limit
