import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses import mean
from jaxseg.losses._structural import (
    StructuralSimilarity,
    largest_structural_error,
    structural_similarity,
)
from tests.losses.cases import case, cases
from tests.losses.contract import check_extremes, check_traces, check_value, check_void
from tests.losses.images import FIGURE_2, Y, check_borders_only, sigmoid
from tests.losses.structural import longhand, longhand_bound, longhand_error

STATIC = "size", "reweight", "mine", "stabilizer", "border", "largest"
compiled = jax.jit(structural_similarity, static_argnames=STATIC)

average = jax.jit(StructuralSimilarity().average)


def values_of(*args, **hyper):
    return structural_similarity(*args, **hyper)[0]


def longhand_values(*args, **hyper):
    return longhand(*args, **hyper)[0]


HYPER = {"sigma": 1.5, "beta": 0.1, "c4": 0.01}
SWITCHES = [
    {},
    {"stabilizer": "deviation", "border": "edge", "size": 5},
    {"border": "reflect", "reweight": False},
    {"border": "renormalize", "mine": False},
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_longhand(switches):
    import hypothesis

    loss, reference = (functools.partial(each, **switches) for each in (values_of, longhand_values))

    @hypothesis.settings(max_examples=3, deadline=None, derandomize=True, database=None)
    @hypothesis.given(cases(images=True))
    def check(some):
        check_value(loss, reference, some, HYPER)

    check()


def test_contract():
    # The parts of the battery that hold though e is held fixed: its gradient is not that of its value.
    for masked in (False, True):
        check_void(values_of, case((2, 4, 5), 5, masked=masked), HYPER)
    some = case((2, 4, 5), 5)
    check_extremes(values_of, some, HYPER)
    check_traces(values_of, some, HYPER)


def test_gradient_holds_error_and_mask_fixed():
    some = case((2, 4, 5), 4)
    weights = np.random.default_rng(0).normal(size=some.logits.shape)
    with jax.enable_x64(True):

        def scalar(x):
            return jnp.sum(weights * values_of(x, some.truth))

        @jax.jit
        def derivatives(x):
            ahead = jax.jvp(scalar, (x,), (jnp.ones_like(x),))[1]
            return ahead, *jax.jvp(jax.grad(scalar), (x,), (weights,))

        forward, found, along = derivatives(some.logits)
    error = longhand_error(some.logits, some.truth, some.valid)
    weight = weights * np.where(error > 0.1 * longhand_bound(), error, 0.0)
    p, y = sigmoid(some.logits), some.truth[..., None] == np.arange(4)
    np.testing.assert_allclose(found, weight * (p - y), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(along, weight * p * (1.0 - p) * weights, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(forward, np.sum(weight * (p - y)), rtol=1e-9)


def test_no_gradient_to_the_hyper_parameters_of_the_error():
    some = case((4, 5), 3)
    loss = StructuralSimilarity(size=3.0)
    logits = jnp.asarray(some.logits, jnp.float32)
    slopes = jax.jit(jax.grad(lambda loss: loss.average(logits, some.truth)))(loss)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(slopes))


def test_jit_and_vmap():
    some = case((3, 4, 5), 4)
    logits = some.logits.astype(np.float32)
    eager = structural_similarity(logits, some.truth)
    for other in (compiled, jax.jit(jax.vmap(structural_similarity))):
        values, hard = other(logits, some.truth)
        np.testing.assert_allclose(values, eager[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(hard, eager[1])


def test_size_1_is_degenerate():
    some = case((4, 5), 3)
    embedded = functools.partial(jax.jit(functools.partial(structural_similarity, largest=5)), size=1)
    for loss in (functools.partial(compiled, size=1), embedded, functools.partial(compiled, sigma=1e-3)):
        values, hard = loss(some.logits, some.truth)
        assert not hard.any()
        assert not values.any()


def test_nothing_hard_is_a_loss_of_0():
    labels = case((6, 6), 3, void=0.0).truth
    logits = jnp.where(jax.nn.one_hot(labels, 3) > 0.0, 30.0, -30.0)
    value, gradient = jax.jit(jax.value_and_grad(StructuralSimilarity().average))(logits, labels)
    assert value == 0.0
    assert not gradient.any()


def test_void_pixels_do_not_count():
    some = case((5, 6), 3, void=0.4)
    values, hard = compiled(some.logits, some.truth)
    assert not hard[~some.valid].any()
    expected, expected_hard = longhand(some.logits, some.truth, some.valid)
    found = average(some.logits, some.truth)
    np.testing.assert_allclose(found, expected.sum() / expected_hard.sum(), rtol=1e-5)
    np.testing.assert_allclose(mean(values, hard), found, rtol=1e-6)


def test_nan_at_a_pixel_that_counts_is_seen():
    logits = np.zeros([5, 5, 2], np.float32)
    logits[2, 2, 0] = np.nan
    assert np.isnan(average(logits, np.zeros([5, 5], int)))


def test_objects_are_swept_in_one_compilation():
    some = case((5, 6), 4, masked=True)
    logits = some.logits.astype(np.float32)
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def average(loss):
        return loss.average(logits, some.truth, where=some.where)

    members = [
        StructuralSimilarity(size=size, sigma=sigma, beta=beta, largest=7)
        for size in (1, 3, 5, 7)
        for sigma in (1.0, 1.5, 3.0)
        for beta in (0.1, 0.3)
    ]
    one_by_one = [average(member) for member in members]
    expected = []
    for member in members:
        values, hard = longhand(
            some.logits,
            some.truth,
            some.valid,
            size=member.size,
            sigma=member.sigma,
            beta=member.beta,
        )
        expected.append(values.sum() / max(hard.sum(), 1))
    np.testing.assert_allclose(one_by_one, expected, rtol=2e-5)
    stacked = jax.tree.map(
        lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *members[4:12:3]
    )
    together = jax.jit(jax.vmap(lambda loss: loss.average(logits, some.truth, where=some.where)))(stacked)
    np.testing.assert_allclose(together, one_by_one[4:12:3], rtol=1e-5)


def test_object_holds_the_window_it_needs():
    loss = StructuralSimilarity()
    assert jax.tree.leaves(loss) == [3, 1.5, 0.1, 0.01]
    assert loss.largest == 3
    assert dataclasses.replace(loss, size=7).largest == 7
    assert dataclasses.replace(loss, size=7, largest=11).largest == 11
    assert jax.tree.map(lambda leaf: leaf, loss) == loss
    with pytest.raises(ValueError, match="truth: None given"):
        loss.average(FIGURE_2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: structural_similarity(jnp.zeros([3, 3]), jnp.zeros([3], int)),
            r"logits: shape \(3, 3\) given",
        ),
        (
            lambda: structural_similarity(jnp.zeros([3, 3, 2]), jnp.zeros([3, 2], int)),
            r"labels: shape \(3, 2\) given; \(3, 3\)",
        ),
        (lambda: structural_similarity(FIGURE_2, Y, size=2), "size: 2 given; an odd number"),
        (lambda: StructuralSimilarity(size=2)(FIGURE_2, Y), "size: 2 given; an odd number"),
        (lambda: structural_similarity(FIGURE_2, Y, sigma=0.0), "sigma: 0.0 given; a positive"),
        (lambda: structural_similarity(FIGURE_2, Y, stabilizer="eq 10"), "stabilizer: 'eq 10' given; one of"),
        (lambda: structural_similarity(FIGURE_2, Y, border="same"), "border: 'same' given; one of"),
        (lambda: structural_similarity(FIGURE_2, Y, beta=jnp.ones(2)), r"beta: shape \(2,\) given"),
        (lambda: largest_structural_error(3, 1.5, stabilizer="both"), "stabilizer: 'both' given"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)


def test_sharded_images_exchange_borders_only():
    check_borders_only(StructuralSimilarity())
