import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxseg import losses
from tests.losses.cases import case, softmax
from tests.losses.contract import check_loss, check_object

VARIANTS = "paper", "released"


def longhand(logits, valid, variant="paper"):
    over = 1 if variant == "paper" else logits.shape[-1]
    return -0.5 * np.sum(softmax(logits) ** 2, axis=-1) / over


def longhand_weights(logits, valid, alpha, variant):
    """The weights of one image, pixel by pixel and class by class."""
    predicted = logits.argmax(-1)
    weights = np.zeros(logits.shape)
    pixels = max(valid.sum(), 1)
    for n in np.ndindex(valid.shape):
        for c in range(logits.shape[-1]):
            k = c if variant == "paper" else predicted[n]
            area = max(np.sum(valid & (predicted == k)), 1)
            weights[n][c] = valid[n] / max(area**alpha * pixels ** (1.0 - alpha), 1.0)
    return weights


def longhand_image_wise(logits, valid, alpha=0.2, variant="paper"):
    values = np.zeros(valid.shape[:-2])
    factor = 0.5 if variant == "paper" else 1.0 / logits.shape[-1]
    for b in np.ndindex(values.shape):
        weights = longhand_weights(logits[b], valid[b], alpha, variant)
        values[b] = -factor * np.sum(weights * softmax(logits[b]) ** 2)
    return values


def released_maximum_squares(logits):
    return -0.5 * np.mean(softmax(logits) ** 2)


def released_image_wise(logits, alpha):
    """The released code's loss: counts, one weight a pixel, sum over everything over batch and classes."""
    p = softmax(logits)
    total = 0.0
    for image in p:
        classes = image.shape[-1]
        counts = np.bincount(image.argmax(-1).ravel(), minlength=classes).astype(float)
        weights = 1.0 / np.maximum(counts**alpha * counts.sum() ** (1.0 - alpha), 1.0)
        total -= np.sum(weights[image.argmax(-1)][..., None] * image**2)
    return total / (p.shape[0] * p.shape[-1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_maximum_squares_keeps_the_contract(variant):
    check_loss(
        functools.partial(losses.maximum_squares, variant=variant),
        functools.partial(longhand, variant=variant),
        takes="logits",
        examples=3,
    )


@pytest.mark.parametrize("variant", [VARIANTS[0], pytest.param(VARIANTS[1], marks=pytest.mark.slow)])
def test_image_wise_keeps_the_contract(variant):
    check_loss(
        functools.partial(losses.maximum_squares_image_wise, variant=variant),
        functools.partial(longhand_image_wise, variant=variant),
        takes="logits",
        images=True,
        hyper={"alpha": 0.2},
        examples=3,
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_maximum_squares_object(variant):
    some = case((2, 3), 4, takes="logits", masked=True)
    one, other = losses.MaximumSquares(variant=variant), losses.MaximumSquares(variant=variant)
    check_object(one, other, losses.maximum_squares, some)
    assert jax.tree.leaves(one) == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_image_wise_object(variant):
    one, other = (losses.MaximumSquaresImageWise(alpha=alpha, variant=variant) for alpha in (0.2, 0.7))
    check_object(
        one, other, losses.maximum_squares_image_wise, case((2, 4, 5), 3, takes="logits", masked=True)
    )
    assert jax.tree.leaves(one) == [0.2]


@pytest.mark.fast
@pytest.mark.parametrize("classes", [2, 19, 150])
def test_uniform_and_certain(classes):
    value, gradient = jax.value_and_grad(losses.maximum_squares)(jnp.zeros(classes))
    np.testing.assert_allclose(value, -0.5 / classes, rtol=1e-6)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)
    assert losses.maximum_squares(jnp.zeros(classes).at[1].set(1e4)) == -0.5


def test_logit_gradient_by_its_formula():
    logits = case((5,), 6, takes="logits").logits
    p = softmax(logits)
    gradient = jax.grad(lambda x: losses.maximum_squares(x).sum())(jnp.asarray(logits))
    np.testing.assert_allclose(gradient, -p * (p - np.sum(p**2, axis=-1, keepdims=True)), atol=1e-6)


def test_two_classes_against_the_slope_of_the_paper():
    # -(p^2 + (1 - p)^2) has slope 2 - 4p in p; the loss is half of it, and dp/dx = p (1 - p).
    p = 0.9
    x = np.log(p / (1.0 - p))
    slope = jax.grad(lambda x: losses.maximum_squares(jnp.stack([x, 0.0 * x])))(x)
    np.testing.assert_allclose(slope, (2.0 - 4.0 * p) / 2.0 * p * (1.0 - p), rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.2, -0.2, 1.0])
def test_released_variant_is_the_released_loss(alpha):
    logits = case((3, 6, 5), 4, takes="logits").logits
    loss = losses.MaximumSquaresImageWise(alpha=alpha, variant="released")
    np.testing.assert_allclose(loss.average(logits), released_image_wise(logits, alpha), rtol=1e-5)


@pytest.mark.fast
@pytest.mark.parametrize("classes", [2, 19])
def test_released_maximum_squares_averages_over_the_classes_too(classes):
    logits = case((2, 4, 3), classes, takes="logits").logits
    released = losses.MaximumSquares(variant="released")
    np.testing.assert_allclose(released.average(logits), released_maximum_squares(logits), rtol=1e-5)
    np.testing.assert_allclose(released(jnp.zeros(classes)), -0.5 / classes**2, rtol=1e-6)


def test_alpha_zero_is_the_plain_loss():
    logits = case((3, 6, 5), 4, takes="logits").logits
    plain = losses.MaximumSquares().average(logits)
    np.testing.assert_allclose(plain / 4.0, released_maximum_squares(logits), rtol=1e-5)
    paper = losses.MaximumSquaresImageWise(alpha=0.0).average(logits)
    np.testing.assert_allclose(paper, plain, rtol=1e-5)
    released = losses.MaximumSquaresImageWise(alpha=0.0, variant="released").average(logits)
    np.testing.assert_allclose(released, 2.0 * released_maximum_squares(logits), rtol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("masked", [False, True])
def test_weights_longhand(variant, masked):
    some = case((2, 5, 4), 3, takes="logits", masked=masked)
    weights = losses.image_wise_weights(some.logits, alpha=0.3, variant=variant, where=some.where)
    expected = [longhand_weights(some.logits[b], some.valid[b], 0.3, variant) for b in range(2)]
    np.testing.assert_allclose(weights, expected, rtol=1e-5)


@pytest.mark.fast
def test_weights_of_a_small_image():
    # Three pixels of class 0, one of class 1, none of class 2, which counts as one.
    logits = jnp.eye(3)[jnp.array([[0, 0], [0, 1]])]
    weights = losses.image_wise_weights(logits, alpha=0.5)
    np.testing.assert_allclose(weights[1, 1], 1.0 / np.sqrt([3.0 * 4.0, 4.0, 4.0]), rtol=1e-6)
    released = losses.image_wise_weights(logits, alpha=0.5, variant="released")
    np.testing.assert_allclose(released[..., 2], 1.0 / np.sqrt([[12.0, 12.0], [12.0, 4.0]]), rtol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_have_a_gradient_to_alpha_alone(variant):
    some = case((4, 5), 6, takes="logits")
    weights = functools.partial(losses.image_wise_weights, variant=variant)
    assert not jax.grad(lambda x: weights(x).sum())(jnp.asarray(some.logits)).any()
    slope = jax.grad(lambda alpha: weights(some.logits, alpha=alpha).sum())(0.2)
    above, below = (longhand_weights(some.logits, some.valid, 0.2 + e, variant).sum() for e in (1e-4, -1e-4))
    np.testing.assert_allclose(slope, (above - below) / 2e-4, rtol=1e-3)


def test_paper_gradient_raises_the_rare_class_more():
    # Two classes equally likely at a pixel of an image that class 0 covers: Eq. 13 pulls towards class 1 there.
    logits = jnp.zeros([4, 4, 2]).at[..., 0].set(3.0).at[0, 0].set(0.0)
    losses_of = (
        functools.partial(losses.maximum_squares_image_wise, variant=variant) for variant in VARIANTS
    )
    gradients = [jax.jit(jax.grad(loss))(logits) for loss in losses_of]
    assert gradients[0][0, 0, 1] < 0.0
    assert gradients[1][0, 0, 1] == 0.0


def test_void_pixels_leave_the_counts():
    image = case((6, 5), 4, takes="logits").logits
    where = np.zeros((6, 9), bool)
    where[:, 2:7] = True
    wide = np.full((6, 9, 4), np.nan)
    wide[:, 2:7] = image
    for variant in VARIANTS:
        alone = losses.maximum_squares_image_wise(image, variant=variant)
        within = losses.maximum_squares_image_wise(wide, variant=variant, where=where)
        np.testing.assert_allclose(within, alone, rtol=1e-5)


def test_average_leaves_out_images_without_a_valid_pixel():
    some = case((3, 4, 5), 3, takes="logits")
    where = np.ones((3, 4, 5), bool)
    where[1] = False
    loss = losses.MaximumSquaresImageWise()
    expected = np.mean(longhand_image_wise(some.logits[[0, 2]], where[[0, 2]]))
    np.testing.assert_allclose(loss.average(some.logits, where=where), expected, rtol=1e-5)
    assert loss.average(some.logits, where=np.zeros_like(where)) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: losses.maximum_squares_image_wise(jnp.zeros([4, 3])),
            r"logits: shape \(4, 3\) given; images",
        ),
        (
            lambda: losses.image_wise_weights(jnp.zeros([2, 3, 3]), variant="code"),
            "variant: 'code' given; one of 'paper'",
        ),
        (
            lambda: losses.maximum_squares(jnp.zeros([2, 3]), variant="code"),
            "variant: 'code' given; one of 'paper', 'released' is accepted",
        ),
        (
            lambda: losses.maximum_squares_image_wise(jnp.zeros([2, 3, 3]), alpha=jnp.zeros(2)),
            r"alpha: shape \(2,\) given; \(\) is accepted",
        ),
        (
            lambda: losses.maximum_squares(jnp.zeros([2, 3, 3]), where=jnp.ones([3, 2], bool)),
            r"where: shape \(3, 2\) given; \(2, 3\)",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)


@pytest.mark.parametrize(
    "loss",
    [
        losses.MaximumSquares(),
        losses.MaximumSquares(variant="released"),
        losses.MaximumSquaresImageWise(),
        losses.MaximumSquaresImageWise(variant="released"),
    ],
)
def test_the_gradient_keeps_no_array_of_the_logits_size(loss):
    logits = jax.ShapeDtypeStruct((2, 512, 512, 19), jnp.float32)
    compiled = jax.jit(jax.value_and_grad(loss.average)).lower(logits).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 12e6


@pytest.mark.parametrize("variant", VARIANTS)
def test_sharded_images_exchange_counts_only(variant):
    mesh = jax.make_mesh((2, 4), ("data", "space"), axis_types=(AxisType.Auto, AxisType.Auto))
    logits = case((4, 8, 6), 5, takes="logits").logits.astype(np.float32)
    gradient = jax.jit(jax.value_and_grad(losses.MaximumSquaresImageWise(variant=variant).average))
    sharded = jax.device_put(logits, NamedSharding(mesh, PartitionSpec("data", "space")))
    for whole, parts in zip(gradient(logits), gradient(sharded), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-8)
    assert "all-gather" not in gradient.lower(sharded).compile().as_text()
