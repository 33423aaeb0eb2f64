import dataclasses
import functools

import chex
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses._ssim import SSIM, ssim
from tests.losses.cases import case, cases
from tests.losses.contract import (
    check_extremes,
    check_gradient,
    check_traces,
    check_transformations,
    check_value,
    check_void,
)
from tests.losses.images import FIGURE_2, P, Y, check_borders_only, gradient_memory, sigmoid
from tests.losses.windows import longhand_moments, weighted_mean, window

HYPER = {"sigma": 1.5, "c1": 1e-3, "c2": 2e-3}


def longhand(
    logits, labels, valid, size=3, sigma=1.5, c1=1e-4, c2=9e-4, mean_subtracted=False, border="zero", **others
):
    """Eq. 7 or Eq. 9 from means, variances and covariance around each pixel."""
    values = np.zeros(logits.shape)
    y, p = (labels[..., None] == np.arange(logits.shape[-1])).astype(float), sigmoid(logits)
    for image in np.ndindex(labels.shape[:-2]):
        for pixel in np.ndindex(labels.shape[-2:]):
            if not valid[image][pixel]:
                continue
            around = window(pixel, labels.shape[-2:], valid[image], size, sigma, border)
            mu_y, var_y = longhand_moments(y[image], around)
            mu_p, var_p = longhand_moments(p[image], around)
            covariance = weighted_mean(y[image] * p[image], around) - mu_y * mu_p
            s1 = (2 * mu_y * mu_p + c1) / (mu_y**2 + mu_p**2 + c1)
            s2 = (2 * covariance + c2) / (var_y + var_p + c2)
            values[image][pixel] = 1 - (s2 if mean_subtracted else s1 * s2)
    return values


NINE = {"mean_subtracted": True, "border": "reflect", "size": 5}


@pytest.mark.parametrize("switches", [{}, NINE], ids=["Eq. 7", "Eq. 9"])
def test_value_and_gradient_longhand(switches):
    loss, reference = (functools.partial(each, **switches) for each in (ssim, longhand))

    @hypothesis.settings(max_examples=3, deadline=None, derandomize=True, database=None)
    @hypothesis.given(cases(images=True))
    def check(some):
        check_value(loss, reference, some, HYPER)

    check()
    check_gradient(loss, reference, case((2, 3, 4), 4, masked=True), HYPER)


@pytest.mark.parametrize(
    "check",
    [check_void, check_transformations, check_extremes, check_traces],
    ids=lambda check: check.__name__,
)
def test_keeps_the_contract(check):
    check(ssim, case((3, 4), 3, masked=True), HYPER)


@pytest.mark.parametrize("border", ["edge", "renormalize"])
def test_borders_longhand(border):
    some = case((2, 4, 5), 7, masked=True)
    found = jax.jit(functools.partial(ssim, border=border))(some.logits, some.truth, where=some.where)
    np.testing.assert_allclose(
        found, longhand(some.logits, some.truth, some.valid, border=border), rtol=1e-4, atol=1e-5
    )


@pytest.mark.fast
def test_golden_values():
    # The centre of Figure 2's patch, far enough from the border for none to be seen.
    assert FIGURE_2.shape == (*P.shape, 2)
    for mean_subtracted, expected in ((False, 0.3006232), (True, 0.2963299)):
        values = ssim(FIGURE_2, Y, mean_subtracted=mean_subtracted)
        np.testing.assert_allclose(values[1, 1, 1], expected, rtol=2e-6)


def test_a_perfect_and_an_opposite_prediction():
    labels = case((6, 6), 2, void=0.0).truth
    right = jnp.where(jax.nn.one_hot(labels, 2) > 0.0, 40.0, -40.0)
    loss = jax.jit(SSIM().average)
    np.testing.assert_allclose(loss(right, labels), 0.0, atol=1e-6)
    assert 1.0 < loss(-right, labels) <= 2.0


def test_void_pixels_do_not_count_in_the_average():
    some = case((4, 5), 3, void=0.4)
    found = SSIM().average(some.logits, some.truth)
    expected = longhand(some.logits, some.truth, some.valid).sum() / (3 * some.valid.sum())
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="truth: None given"):
        SSIM().average(some.logits)


def test_objects_are_swept_in_one_compilation():
    some = case((4, 5), 3, masked=True)
    logits = some.logits.astype(np.float32)
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def value_and_slopes(leaves, size):
        loss = dataclasses.replace(SSIM(size=size, largest=5), **leaves)
        return loss.average(logits, some.truth, where=some.where)

    gradient = jax.jit(jax.grad(lambda leaves: value_and_slopes(leaves, 3)))
    for size in (3, 5):
        for sigma in (1.0, 2.0):
            found = value_and_slopes({"sigma": sigma, "c1": 1e-3, "c2": 1e-3}, size)
            expected = longhand(some.logits, some.truth, some.valid, size=size, sigma=sigma, c1=1e-3, c2=1e-3)
            np.testing.assert_allclose(found, expected.sum() / (3 * some.valid.sum()), rtol=2e-5)
    with jax.enable_x64(True):

        def average(leaves):
            return SSIM(**leaves).average(some.logits, some.truth)

        leaves = {"sigma": 1.5, "c1": 1e-3, "c2": 2e-3}
        gradient, average = jax.jit(jax.grad(average)), jax.jit(average)
        for name, slope in gradient(leaves).items():
            up, down = (average(leaves | {name: leaves[name] + step}) for step in (1e-6, -1e-6))
            np.testing.assert_allclose(slope, (up - down) / 2e-6, rtol=1e-5)


def test_object_holds_the_window_it_needs():
    loss = SSIM(size=11)
    assert jax.tree.leaves(loss) == [11, 1.5, 1e-4, 9e-4]
    assert loss.largest == 11
    assert jax.tree.map(lambda leaf: leaf, loss) == loss


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ssim(jnp.zeros([3, 3]), jnp.zeros([3], int)), r"logits: shape \(3, 3\) given"),
        (lambda: ssim(FIGURE_2, Y, size=4), "size: 4 given; an odd number"),
        (lambda: SSIM(size=4)(FIGURE_2, Y), "size: 4 given; an odd number"),
        (lambda: ssim(FIGURE_2, Y, border="same"), "border: 'same' given; one of"),
        (lambda: ssim(FIGURE_2, Y, c2=jnp.ones(2)), r"c2: shape \(2,\) given"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)


def test_sharded_images_exchange_borders_only():
    check_borders_only(SSIM())


def test_memory_of_the_gradient():
    assert gradient_memory(SSIM(size=11)) < 250e6
