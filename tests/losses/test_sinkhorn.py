import functools
import subprocess
import sys
import warnings

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxseg.losses import _transport
from jaxseg.losses._sinkhorn import SOLVERS, Sinkhorn, sinkhorn, transport_cost
from jaxseg.losses._wasserstein import total_variation, wasserstein
from tests.losses.cases import case, cases
from tests.losses.contract import (
    check_extremes,
    check_gradient,
    check_object,
    check_traces,
    check_transformations,
    check_value,
    check_void,
)
from tests.losses.transport import CHAIN, S, T, costs, exact, longhand, longhand_in_float64

SOME = tuple(
    jnp.asarray(each, jnp.float32)
    for each in (
        np.random.default_rng(0).normal(size=(3, 2, 7)),
        np.random.default_rng(1).dirichlet(np.ones(7), (3, 2)),
        np.random.default_rng(2).random((7, 7)) * (1.0 - np.eye(7)),
    )
)
# What ott compiles takes its time.
OTT_SLOW = [pytest.param(solver, marks=pytest.mark.slow) if solver == "ott" else solver for solver in SOLVERS]
by_kernel = functools.partial(sinkhorn, solver="kernel")


def hyper(some):
    return {"ground": costs(some.classes), "epsilon": np.float64(0.5)}


@functools.partial(jax.jit, static_argnames=("iterations", "solver"))
def solve(x, t, metric, epsilon, *, iterations=50, solver="kernel"):
    """Values, their gradient, and the cost of the plans: one program for every epsilon."""
    settings = {"epsilon": epsilon, "iterations": iterations, "solver": solver}

    def total(x):
        values = sinkhorn(x, t, metric, **settings)
        return values.sum(), values

    gradient, values = jax.grad(total, has_aux=True)(x)
    return values, gradient, transport_cost(x, t, metric, **settings)


@hypothesis.settings(max_examples=4, deadline=None, derandomize=True, database=None)
@hypothesis.given(cases(takes="targets"))
def test_values_of_any_shape(some):
    check_value(by_kernel, longhand, some, hyper(some))


def test_kernel_keeps_the_contract():
    some = case((2, 3), 5, takes="targets", masked=True)
    check_gradient(by_kernel, longhand, some, hyper(some))
    check_void(by_kernel, some, hyper(some))
    check_extremes(by_kernel, some, hyper(some))
    check_traces(by_kernel, some, hyper(some))
    check_transformations(by_kernel, some, hyper(some))


@pytest.mark.slow
def test_ott_keeps_the_contract():
    some = case((2, 3), 5, takes="targets", masked=True)
    check_gradient(sinkhorn, longhand, some, hyper(some))
    check_void(sinkhorn, some, hyper(some))
    check_extremes(sinkhorn, some, hyper(some))
    check_traces(sinkhorn, some, hyper(some))
    check_transformations(sinkhorn, some, hyper(some))


def test_ott_gives_the_values():
    some = case((2, 3), 5, takes="targets", masked=True)
    check_value(sinkhorn, longhand, some, hyper(some))


def test_object():
    one, other = (
        Sinkhorn(costs(3, seed).astype(np.float32), epsilon, solver="kernel")
        for seed, epsilon in ((0, 0.5), (1, 0.8))
    )
    check_object(one, other, sinkhorn, case((2, 2), 3, takes="targets"))


def test_costs_of_the_plan_after_so_many_iterations():
    expected = {
        1: {1.0: 0.639245, 0.5: 0.399415, 0.1: 0.000307},
        10: {1.0: 0.661227, 0.5: 0.568175, 0.1: 0.458051, 0.05: 0.447572},
        50: {1.0: 0.661227, 0.5: 0.568205, 0.1: 0.550000, 0.05: 0.549919},
    }
    for iterations, costs_at in expected.items():
        for eps, cost in costs_at.items():
            for solver in SOLVERS if iterations == 10 else ("kernel",):
                settings = {"iterations": iterations, "solver": solver}
                found = solve(np.log(S), T, CHAIN, eps / CHAIN.mean(), **settings)[2]
                np.testing.assert_allclose(found, cost, atol=2e-6, err_msg=str((iterations, eps, solver)))


@pytest.mark.parametrize("epsilon", [0.5, 0.05, 0.01])
def test_both_solvers_agree(epsilon):
    # 0.01 of the mean is beyond the kernel: both go over to logarithms.
    ours, theirs = (solve(*SOME, epsilon, solver=solver) for solver in SOLVERS)
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, atol=1e-5)


def test_value_is_the_regularised_cost_of_ott():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ott.geometry.geometry import Geometry
        from ott.problems.linear.linear_problem import LinearProblem
        from ott.solvers.linear.sinkhorn import Sinkhorn as Solver
    x, t, metric = (each[0, 0] if each.ndim > 2 else each for each in SOME)
    geometry = Geometry(cost_matrix=metric, epsilon=0.5 * metric.mean())
    with jax.numpy_dtype_promotion("standard"):
        solved = jax.jit(Solver(threshold=1e-6))(LinearProblem(geometry, a=jax.nn.softmax(x), b=t))
    for solver in SOLVERS:
        values = solve(*SOME, 0.5, solver=solver)[0]
        np.testing.assert_allclose(values[0, 0], solved.reg_ot_cost, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_approaches_the_linear_program_as_epsilon_falls(seed):
    random = np.random.default_rng(seed)
    s, t, metric = random.dirichlet(np.ones(6)), random.dirichlet(np.ones(6)), costs(6, seed)
    expected, previous = exact(s, t, metric), np.inf
    for epsilon, tolerance in ((0.5, 1.0), (0.05, 0.1), (0.01, 0.01)):
        with jax.enable_x64(True):
            loss, _, cost = (
                np.asarray(each) for each in solve(np.log(s), t, metric, epsilon, iterations=4000)
            )
        assert expected - 1e-6 < cost < expected * (1.0 + tolerance)
        # <W, D> and the divergence are both at least 0, and their sum falls with epsilon.
        assert cost <= loss + 1e-9
        assert loss < previous
        previous = loss
    assert loss < expected * 1.1


@pytest.mark.fast
def test_the_linear_programs_of_the_fact_sheet():
    for metric in (CHAIN, CHAIN**2):
        np.testing.assert_allclose(exact(S, T, metric), 0.55)
    steps = (CHAIN > 0).astype(np.float32)
    np.testing.assert_allclose(exact(S, T, steps), 0.5)
    cost = transport_cost(np.log(S), T, steps, epsilon=0.02, iterations=300, solver="kernel")
    np.testing.assert_allclose(cost, total_variation(np.log(S), T), rtol=1e-3)


@pytest.mark.parametrize("largest", [70.0, 0.0], ids=["by the kernel", "on logarithms"])
@pytest.mark.parametrize("solver", OTT_SLOW)
def test_derivatives_are_those_of_the_value(monkeypatch, solver, largest):
    monkeypatch.setattr(_transport, "_LARGEST_FOR_KERNEL", largest)
    some = case((3,), 5, takes="targets", seed=1)
    random = np.random.default_rng(0)
    weights = random.normal(size=3)

    def total(x, t, metric, epsilon):
        values = sinkhorn(x, t, metric, epsilon=epsilon, iterations=200, solver=solver)
        return jnp.vdot(weights, values)

    total, gradient_of = jax.jit(total), jax.jit(jax.grad(total, (0, 1, 2, 3)))
    with jax.enable_x64(True):
        arguments = [jnp.asarray(each) for each in (some.logits, some.truth, costs(5), 0.3)]
        for index, gradient in enumerate(gradient_of(*arguments)):
            v = jnp.asarray(random.normal(size=gradient.shape))
            there = [
                total(*arguments[:index], arguments[index] + step * v, *arguments[index + 1 :])
                for step in (1e-6, -1e-6)
            ]
            expected = (there[0] - there[1]) / 2e-6
            np.testing.assert_allclose(jnp.vdot(gradient, v), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("largest", [70.0, 0.0], ids=["by the kernel", "on logarithms"])
def test_second_derivatives(monkeypatch, largest):
    monkeypatch.setattr(_transport, "_LARGEST_FOR_KERNEL", largest)
    some = case((2,), 4, takes="targets", seed=5)
    v = np.random.default_rng(0).normal(size=some.logits.shape)

    def gradient(x):
        return jax.grad(lambda x: by_kernel(x, some.truth, CHAIN, epsilon=0.3, iterations=100).sum())(x)

    with jax.enable_x64(True):

        @jax.jit
        def second(x):
            apart = (gradient(x + 1e-5 * v) - gradient(x - 1e-5 * v)) / 2e-5
            forward = jax.jvp(gradient, (x,), (jnp.asarray(v),))[1]
            return apart, forward, jax.grad(lambda x: jnp.vdot(gradient(x), v))(x)

        apart, forward, backward = second(jnp.asarray(some.logits))
    np.testing.assert_allclose(forward, apart, atol=1e-7)
    np.testing.assert_allclose(backward, forward, atol=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("epsilon", [1.0, 0.05, 0.004])
def test_one_hot_targets_have_the_closed_form(solver, epsilon):
    x, _, metric = SOME
    labels = np.random.default_rng(0).integers(0, 7, x.shape[:-1])
    values, gradient, cost = solve(x, jnp.eye(7)[labels], metric, epsilon, solver=solver)
    expected = wasserstein(x, labels, metric)
    np.testing.assert_allclose(values, expected, atol=2e-5)
    np.testing.assert_allclose(cost, expected, atol=2e-5)
    expected = jax.grad(lambda x: wasserstein(x, labels, metric).sum())(x)
    np.testing.assert_allclose(gradient, expected, atol=2e-5)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("epsilon", [0.2, 0.004])
def test_classes_without_mass_might_as_well_not_be_there(solver, epsilon):
    x, t, metric = SOME
    here, gone = np.array([0, 2, 3, 5]), np.array([1, 4, 6])
    t = t.at[..., gone].set(0.0).at[..., 0, 2].set(0.0)
    some = metric[np.ix_(here, here)]
    within = longhand_in_float64(x[..., here], t[..., here], some, epsilon * metric.mean() / some.mean())
    for nothing in (-jnp.inf, -1e4):
        values, gradient, _ = solve(x.at[..., gone].set(nothing), t, metric, epsilon, solver=solver)
        np.testing.assert_allclose(values, within, atol=2e-5)
        assert np.isfinite(gradient).all()
        np.testing.assert_array_equal(gradient[..., gone], 0.0)


def test_targets_of_another_mass():
    x, t, metric = SOME
    values, gradient, _ = solve(x, t, metric, 0.05)
    heavier = solve(x, 3.0 * t, metric, 0.05)
    np.testing.assert_allclose(heavier[0], values, atol=1e-6)
    np.testing.assert_allclose(heavier[1], gradient, atol=1e-6)
    without = solve(x, t.at[0, 1].set(0.0), metric, 0.05)
    for found, before in zip(without, solve(x, t, metric, 0.05), strict=True):
        assert not found[0, 1].any()
        np.testing.assert_array_equal(found.at[0, 1].set(0.0), before.at[0, 1].set(0.0))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("largest", [50.0, 69.0, 71.0, 500.0])
def test_float32_is_right_on_either_side_of_the_kernel_s_range(solver, largest):
    # Mass at opposite ends of the metric: all of it takes the entry exp(-largest) of the kernel.
    x, _, _ = SOME
    metric = jnp.asarray(np.abs(np.arange(7)[:, None] - np.arange(7)), jnp.float32)
    ends = jnp.zeros_like(x).at[0, :, 0].set(40.0).at[1, :, -1].set(40.0)
    targets = jnp.full_like(x, 1e-6).at[0, :, -1].set(1.0).at[1, :, 0].set(1.0)
    epsilon = metric.max() / metric.mean() / largest
    values, gradient, _ = solve(ends, targets, metric, epsilon, solver=solver)
    expected = longhand_in_float64(ends, targets, metric, epsilon)
    np.testing.assert_allclose(values, expected, rtol=3e-5)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("solver", OTT_SLOW)
def test_blocks_of_pixels_are_put_together_again(solver):
    # More pixels than a block takes, and no multiple of it.
    random = np.random.default_rng(0)
    x, t, metric = random.normal(size=(3, 1367, 64)), random.dirichlet(np.ones(64), (3, 1367)), costs(64)
    values = jax.jit(functools.partial(sinkhorn, epsilon=0.5, iterations=3, solver=solver))(x, t, metric)
    expected = longhand(x, t, np.ones((3, 1367)), metric, 0.5, iterations=3)
    np.testing.assert_allclose(values, expected, rtol=1e-4)


@pytest.mark.parametrize("solver", OTT_SLOW)
def test_devices_that_share_the_batch_solve_their_own_images(solver):
    """Some columns after the other, of which the last are fewer; with void pixels; nothing of an image is gathered."""
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 256, 21, 64)).astype(np.float32)
    t = random.dirichlet(np.ones(64), (2, 256, 21)).astype(np.float32)
    metric, where = costs(64).astype(np.float32), random.random((2, 256, 21)) < 0.7
    given = {"epsilon": 0.5, "iterations": 3, "solver": solver}
    both = jax.value_and_grad(lambda x, t, where: sinkhorn(x, t, metric, where=where, **given).sum())
    value, gradient = jax.jit(both)(x, t, where)
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:2])
    place = NamedSharding(mesh, PartitionSpec("data"))
    with jax.set_mesh(mesh):
        shared = [jax.device_put(each, place) for each in (x, t, where)]
        compiled = jax.jit(both, out_shardings=(None, place)).lower(*shared).compile()
        ours, slope = compiled(*shared)
    np.testing.assert_allclose(ours, value, rtol=1e-5)
    np.testing.assert_allclose(slope, gradient, rtol=1e-5, atol=1e-6)
    assert not np.asarray(slope)[~where].any()
    assert "all-gather" not in compiled.as_text()


@pytest.mark.parametrize("solver", OTT_SLOW)
def test_no_array_of_a_matrix_for_each_pixel(solver):
    pixels, classes = 2 * 256 * 256, 64
    logits = jax.ShapeDtypeStruct((2, 256, 256, classes), jnp.float32)
    loss = Sinkhorn(jax.ShapeDtypeStruct((classes, classes), jnp.float32), iterations=3, solver=solver)
    # To the metric as well, whose derivative is made of all plans.
    gradient = jax.jit(jax.value_and_grad(lambda x, loss, t: loss.average(x, t), (0, 1)))
    temporary = gradient.lower(logits, loss, logits).compile().memory_analysis().temp_size_in_bytes
    assert temporary < pixels * classes * classes * 4 / 4


def test_no_gradient_through_the_metric_cost():
    gradient = jax.grad(lambda x: transport_cost(x, T, CHAIN, solver="kernel"))(jnp.log(jnp.asarray(S)))
    assert not gradient.any()


def test_a_metric_of_zeros_costs_nothing():
    value, gradient = jax.value_and_grad(by_kernel)(jnp.asarray(S), T, 0.0 * CHAIN)
    np.testing.assert_allclose(value, 0.0, atol=1e-6)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_image_costs_nothing(solver):
    x = jnp.zeros([0, 4, 5, 3])
    both = jax.value_and_grad(lambda loss, x: loss.average(x, x), (0, 1))
    value, (slopes, slope) = both(Sinkhorn(costs(3).astype(np.float32), solver=solver), x)
    assert (value, slope.shape) == (0.0, x.shape)
    assert not slopes.ground.any()


def test_ott_is_imported_when_it_is_used():
    code = "import sys, jaxseg.losses._sinkhorn; sys.exit('ott' in sys.modules or 'jaxopt' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"solver": "lp"}, "solver: 'lp' given; one of 'ott', 'kernel' is accepted"),
        ({"iterations": 0}, "iterations: 0 given; 1 or more"),
        ({"epsilon": 0.0}, "epsilon: 0.0 given; a number above 0"),
        ({"ground": np.ones((3, 3), np.float32)}, r"ground: shape \(3, 3\) given; \(4, 4\)"),
        ({"targets": np.ones(3, np.float32)}, r"targets: shape \(3,\) given; \(4,\)"),
        ({"epsilon": np.ones(2, np.float32)}, r"epsilon: shape \(2,\) given; \(\)"),
    ],
)
def test_arguments_that_do_not_fit_are_named(hyper, message):
    for loss in (sinkhorn, transport_cost):
        with pytest.raises(ValueError, match=message):
            loss(**{"logits": np.log(S), "targets": T, "ground": CHAIN} | hyper)
