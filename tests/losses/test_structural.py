import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxseg.losses import mean
from jaxseg.losses._structural import (
    StructuralSimilarity,
    largest_structural_error,
    structural_error,
    structural_similarity,
)
from tests.losses.contract import (
    case,
    cases,
    check_extremes,
    check_traces,
    check_value,
    check_void,
)
from tests.losses.windows import longhand_moments, window

# The paper's Figure 2: one class's label and probability around a pixel that both get wrong.
Y = np.array([[0, 0, 0], [1, 0, 1], [1, 1, 1]])
P = np.array([[0.1, 0.1, 0.1], [0.8, 0.8, 0.9], [0.8, 0.9, 0.8]])
FIGURE_2 = np.stack([np.log((1 - P) / P), np.log(P / (1 - P))], axis=-1)

EQUATIONS = {"variance": "Eq. 16", "deviation": "Eq. 10"}


def sigmoid(x):
    return np.exp(-np.logaddexp(0.0, -x))


def normalised(maps, here, around, c4, stabilizer):
    mu, variance = longhand_moments(maps, around)
    spread = np.sqrt(variance + c4) if stabilizer == "variance" else np.sqrt(variance) + c4
    return (maps[here] - mu + c4) / spread


def longhand_error(
    logits, labels, valid, size=3, sigma=1.5, c4=0.01, stabilizer="variance", border="zero", **others
):
    """e of Eq. 10 or Eq. 16, pixel by pixel."""
    error = np.zeros(logits.shape)
    onehot = (labels[..., None] == np.arange(logits.shape[-1])).astype(float)
    p = sigmoid(logits)
    for image in np.ndindex(labels.shape[:-2]):
        for pixel in np.ndindex(labels.shape[-2:]):
            if valid[image][pixel]:
                around = window(pixel, labels.shape[-2:], valid[image], size, sigma, border)
                y_nor = normalised(onehot[image], pixel, around, c4, stabilizer)
                p_nor = normalised(p[image], pixel, around, c4, stabilizer)
                error[image][pixel] = np.abs(y_nor - p_nor)
    return error


def longhand_bound(size=3, sigma=1.5, c4=0.01, stabilizer="variance", **others):
    """e_max from two binary maps: one at the centre alone, one everywhere but there."""
    size = int(size)
    centre = np.zeros([size, size, 1])
    centre[size // 2, size // 2] = 1.0
    here = (size // 2, size // 2)
    around = window(here, (size, size), np.ones([size, size], bool), size, sigma, "zero")
    highest = normalised(centre, here, around, c4, stabilizer)
    return (highest - normalised(1.0 - centre, here, around, c4, stabilizer)).item()


def longhand(logits, labels, valid, *, beta=0.1, reweight=True, mine=True, **hyper):
    """Values and hard of Eq. 11 and 12."""
    error = longhand_error(logits, labels, valid, **hyper)
    hard = np.broadcast_to(valid[..., None], error.shape)
    if mine:
        hard = hard & (error > beta * longhand_bound(**hyper))
    true = labels[..., None] == np.arange(logits.shape[-1])
    bce = np.logaddexp(0.0, np.where(true, -logits, logits))
    return np.where(hard, (error if reweight else 1.0) * bce, 0.0), hard


STATIC = "reweight", "mine", "stabilizer", "border", "largest"
compiled = jax.jit(structural_similarity, static_argnames=("size", *STATIC))
compiled_error = jax.jit(structural_error, static_argnames=("size", *STATIC[2:]))

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


def test_figure_2_cross_entropy():
    values = np.asarray(compiled(FIGURE_2, Y, reweight=False, mine=False)[0])[..., 1]
    np.testing.assert_allclose(values.sum(), 2.805671, atol=2e-6)
    np.testing.assert_allclose(values[1, 1] / values.sum(), 0.573637, atol=1e-6)


def test_figure_2_as_the_paper_draws_it():
    # Its numbers come from one mean and deviation of the whole patch, uniform weights and no C4: a window of 5 x 5
    # that leaves out what is beyond the image holds the whole patch at every pixel.
    from jaxseg.losses._moments import local_moments

    maps = jnp.stack([Y.astype(np.float32), P.astype(np.float32)], axis=-1)
    mu, variance = local_moments(maps, 5, np.inf, border="renormalize")
    y_nor, p_nor = np.moveaxis(np.asarray((maps - mu) / np.sqrt(variance)), -1, 0)
    np.testing.assert_allclose(np.unique(y_nor.round(4)), [-1.118, 0.8944], atol=1e-4)
    np.testing.assert_allclose(np.unique(p_nor.round(4)), [-1.4055, 0.6069, 0.8944], atol=1e-4)
    weighted = (
        np.abs(y_nor - p_nor) * np.asarray(compiled(FIGURE_2, Y, reweight=False, mine=False)[0])[..., 1]
    )
    np.testing.assert_allclose(weighted.sum(), 3.0596, atol=5e-5)
    np.testing.assert_allclose(weighted[1, 1] / weighted.sum(), 0.9074, atol=5e-5)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("stabilizer", "error", "value", "sums", "losses"),
    [
        ("deviation", 1.6266266, 2.6179545, (2.86777, 3.57694, 3.14179), (2.6179545, 0.7594612)),
        ("variance", 1.6197139, 2.6068290, (2.86011, 3.40285, 2.98184), (2.6068290, 1.3737934)),
    ],
)
def test_figure_2_with_windows(stabilizer, error, value, sums, losses):
    given = {"stabilizer": stabilizer}
    np.testing.assert_allclose(compiled_error(FIGURE_2, Y, **given)[1, 1, 1], error, rtol=1e-6)
    values, hard = compiled(FIGURE_2, Y, **given)
    np.testing.assert_allclose(values[1, 1, 1], value, rtol=1e-6)
    assert hard[..., 1].sum() == 1
    np.testing.assert_allclose(mean(values[..., 1], hard[..., 1]), losses[0], rtol=1e-6)
    values, hard = compiled(FIGURE_2, Y, border="edge", **given)
    assert hard[..., 1].sum() == (2 if stabilizer == "variance" else 4)
    np.testing.assert_allclose(mean(values[..., 1], hard[..., 1]), losses[1], rtol=2e-6)
    for border, expected in zip(("zero", "reflect", "edge"), sums, strict=True):
        everywhere, hard = compiled(FIGURE_2, Y, mine=False, border=border, **given)
        assert hard.all()
        np.testing.assert_allclose(everywhere[..., 1].sum(), expected, atol=1e-5)
    values, hard = compiled(FIGURE_2, Y, reweight=False, **given)
    np.testing.assert_allclose(mean(values[..., 1], hard[..., 1]), 1.6094379, rtol=1e-6)


def test_the_two_equations_differ_where_the_fact_sheet_says():
    flat = np.full([5, 5], 0.96)
    flat[2, 2] = 0.94
    alone = np.full([5, 5], 0.05)
    alone[2, 2] = 0.3
    for p, y, expected in (
        (flat, np.ones([5, 5], int), {"deviation": 1.41204, "variance": 0.17027}),
        (alone, np.zeros([5, 5], int), {"deviation": 0.10357, "variance": 0.67009}),
    ):
        y[2, 2] = 1
        logits = np.stack([np.zeros([5, 5]), np.log(p / (1 - p))], axis=-1)
        for stabilizer, error in expected.items():
            found = compiled_error(logits, y, stabilizer=stabilizer)[2, 2, 1]
            np.testing.assert_allclose(found, error, atol=5e-4)


@pytest.mark.parametrize(
    ("size", "sigma", "deviation", "variance"),
    [
        (3, 1.0, 3.85291, 3.83232),
        (3, 1.5, 4.67155, 4.62314),
        (3, 2.0, 5.00715, 4.94286),
        (3, 3.0, 5.26478, 5.18631),
        (5, 1.5, 6.32247, 6.16565),
        (7, 1.5, 6.85003, 6.64070),
        (9, 1.5, 6.96060, 6.73904),
        (11, 1.5, 6.97555, 6.75229),
        (1, 1.5, 0.0, 0.0),
    ],
)
def test_largest_error_of_the_fact_sheet(size, sigma, deviation, variance):
    for stabilizer, expected in (("deviation", deviation), ("variance", variance)):
        for largest in (None, 11):
            found = largest_structural_error(size, sigma, stabilizer=stabilizer, largest=largest)
            np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)
        if size > 1:
            np.testing.assert_allclose(
                longhand_bound(size, sigma, stabilizer=stabilizer), expected, rtol=2e-6
            )


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
    mesh = jax.make_mesh((2, 4), ("data", "space"), axis_types=(AxisType.Auto, AxisType.Auto))
    some = case((4, 8, 6), 3)
    logits = some.logits.astype(np.float32)
    gradient = jax.jit(jax.value_and_grad(StructuralSimilarity().average))
    place = NamedSharding(mesh, PartitionSpec("data", "space"))
    sharded = jax.device_put(logits, place), jax.device_put(some.truth, place)
    for whole, parts in zip(gradient(logits, some.truth), gradient(*sharded), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-8)
    assert "all-gather" not in gradient.lower(*sharded).compile().as_text()
