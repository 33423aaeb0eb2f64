"""Hyper-gradients against finite differences, and the method that follows them against its longhand."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import (
    SGD,
    Adam,
    Constant,
    HyperMethod,
    Term,
    WarmStart,
    hypergradient,
    numbers,
    with_numbers,
)
from jaxseg.train import MeshShape
from tests import tiny
from tests.methods.contract import check_meshes, check_resumed
from tests.methods.linear import Linear, mean_slope, poly
from tests.methods.weighting import CLASSES, batch, network
from tests.models._fresh import QUICK

CHAIN = np.abs(np.arange(CLASSES)[:, None] - np.arange(CLASSES)).astype(np.float64)
CROSS_ENTROPY = losses.SoftmaxCrossEntropy()
OUTER = {"target": Term(CROSS_ENTROPY, domain="target")}


def everything() -> dict[str, Term]:
    return {
        "moved": Term(losses.Wasserstein(ground=CHAIN), weight=0.7),
        "focal": Term(losses.Focal(gamma=2.0, alpha=0.8), weight=0.3),
        "weighted": Term(losses.SoftmaxCrossEntropy(class_weights=np.array([1.0, 0.5, 2.0]))),
    }


@pytest.mark.fast
def test_numbers_are_named_and_replaced() -> None:
    found = numbers(everything())
    expected = ["moved.loss.ground", "moved.weight", "focal.loss.gamma", "focal.loss.alpha", "focal.weight"]
    assert set(found) == {*expected, "weighted.loss.class_weights", "weighted.weight"}
    new = with_numbers(everything(), {"focal.loss.gamma": 5.0})
    assert {name: value for name, value in numbers(new).items() if name.startswith("focal")} == {
        "focal.loss.gamma": 5.0,
        "focal.loss.alpha": 0.8,
        "focal.weight": 0.3,
    }
    with pytest.raises(
        InputError, match=r"no number 'focal.gamma'; did you mean focal.loss.gamma\?"
    ) as caught:
        with_numbers(everything(), {"focal.gamma": 1.0})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("steps", "remat"), [(1, False), pytest.param(2, True, marks=pytest.mark.slow)])
def test_every_hypergradient_is_that_of_finite_differences(steps: int, remat: bool) -> None:
    """In float64, through batch normalisation and dropout, for every number of three losses at once."""
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        net, rng, width = network(dtype="float64"), np.random.default_rng(0), 1e-4
        given = [batch(seed, dtype="float64") for seed in range(steps)]
        variables = jax.jit(net.init, compiler_options=QUICK)(jax.random.key(0), given[0]["source"]["image"])

        def run(new: dict[str, Any]) -> tuple[Any, Any]:
            objective = with_numbers(everything(), new)
            options: dict[str, Any] = {"rate": 0.5, "steps": steps, "remat": remat, "key": jax.random.key(3)}
            return hypergradient(net, variables, objective, given, OUTER, **options)

        compiled = jax.jit(run, compiler_options=QUICK)
        at = {name: jnp.asarray(value, jnp.float64) for name, value in numbers(everything()).items()}
        slopes = compiled(at)[1]
        assert set(slopes) == set(at)
        for name, value in at.items():
            along = rng.standard_normal(value.shape)
            up, down = (compiled({**at, name: value + sign * width * along})[0] for sign in (1, -1))
            expected = float(up - down) / (2 * width)
            assert abs(expected) > 1e-6, name
            assert float(np.vdot(slopes[name], along)) == pytest.approx(expected, rel=1e-6), name


def test_what_only_decides_has_no_slope() -> None:
    net, given = network(), batch()
    variables = jax.jit(net.init, compiler_options=QUICK)(jax.random.key(0), given["source"]["image"])
    objective = {"shape": Term(losses.StructuralSimilarity(beta=0.1))}

    def run() -> Any:
        names = ("shape.loss.beta", "shape.weight")
        return hypergradient(net, variables, objective, given, OUTER, rate=0.5, names=names)[1]

    found = jax.jit(run, compiler_options=QUICK)()
    assert float(found["shape.loss.beta"]) == 0.0
    assert float(found["shape.weight"]) != 0.0


def method(**fields: Any) -> HyperMethod:
    values: dict[str, Any] = {
        "network": network(Linear()),
        "objective": {
            "source": Term(CROSS_ENTROPY, weight=0.5),
            "target": Term(losses.Entropy(), domain="target"),
        },
        "outer": OUTER,
        "steps": 4,
        "positive": ("source.weight",),
        "optimizer": SGD(learning_rate=0.2, weight_decay=0.0),
        "hyper_optimizer": SGD(learning_rate=0.6, momentum=0.0, weight_decay=0.0, schedule=Constant()),
    }
    return HyperMethod(**(values | fields))


def start(m: HyperMethod, phase: int = 0) -> Any:
    return jax.jit(
        lambda: m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), phase), compiler_options=QUICK
    )()


_step = jax.jit(HyperMethod.step, static_argnums=3, compiler_options=QUICK)


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("form", ["positive", "free"])
def test_two_steps_equal_their_longhand(form: str, halves: bool) -> None:
    other = "free" if form == "positive" else "positive"
    only = {"source": Term(CROSS_ENTROPY, weight=0.5)}
    m = method(objective=only, halves=halves, **{form: ("source.weight",), other: ()})
    state = start(m)
    theta = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), dict(state.params["network"]["head"]))
    velocity, weight = jax.tree.map(np.zeros_like, theta), 0.5
    for step in range(2):
        given = batch(step)
        data = jax.tree.map(np.asarray, given)
        state, metrics = _step(m, state, given, 0)
        part = slice(0, 1) if halves else slice(None)
        source = jax.tree.map(lambda x, part=part: x[part], data["source"])
        target = jax.tree.map(lambda x: x[1:] if halves else x, data["target"])
        rate = 0.2 * poly(step, 4)
        lost, gradient = mean_slope(theta, source)
        plus = {leaf: theta[leaf] - rate * weight * gradient[leaf] for leaf in theta}
        outer, beyond = mean_slope(plus, target)
        slope = -rate * sum((gradient[leaf] * beyond[leaf]).sum() for leaf in theta)
        weight = weight * np.exp(-0.6 * slope * weight) if form == "positive" else weight - 0.6 * slope
        for leaf in theta:
            velocity[leaf] = 0.9 * velocity[leaf] + weight * gradient[leaf]
            theta[leaf] = theta[leaf] - rate * velocity[leaf]
        assert float(metrics["terms"]["outer"]) == pytest.approx(outer, rel=1e-5)
        assert float(metrics["terms"]["source"]) == pytest.approx(lost, rel=1e-5)
        assert float(metrics["loss"]) == pytest.approx(weight * lost, rel=1e-5)
        assert float(metrics["hyper"]["source.weight"]) == pytest.approx(weight, rel=1e-5)
        assert float(m.numbers(state)["source.weight"]) == pytest.approx(weight, rel=1e-5)
        found = dict(state.params["network"]["head"])
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-5, atol=1e-6), theta, found)


def test_a_ground_metric_stays_one_of_positive_entries_and_zero_diagonal() -> None:
    ground = CHAIN.astype(np.float32)
    m = method(
        objective={"source": Term(losses.Wasserstein(ground=ground))},
        positive=("source.loss.ground",),
        hyper_optimizer=Adam(learning_rate=0.1, schedule=Constant()),
    )
    state = start(m)
    for step in range(2):
        state, _ = _step(m, state, batch(step), 0)
    learned = np.asarray(m.numbers(state)["source.loss.ground"])
    assert (np.diag(learned) == 0).all()
    off = ~np.eye(CLASSES, dtype=bool)
    assert (learned[off] > 0).all()
    assert (np.abs(learned - ground)[off] > 0.01).all()


def test_it_resumes_in_either_phase(tmp_path: Path) -> None:
    m = method(
        network=tiny.network(normalize=True, dropout=0.2),
        steps=3,
        hyper_optimizer=Adam(learning_rate=0.1),
        warm_start=WarmStart(2, {"source": Term(CROSS_ENTROPY)}, Adam(learning_rate=0.1)),
    )
    check_resumed(tmp_path, m, after=(1, 4))


def test_the_outer_loss_is_not_read_in_a_warm_start() -> None:
    m = method(warm_start=WarmStart(2, {"source": Term(CROSS_ENTROPY)}))
    assert [m.reads(phase) for phase in (0, 1)] == [("source",), ("source", "target")]


@pytest.mark.slow
def test_many_devices_compute_what_one_computes(tmp_path: Path) -> None:
    m = method(network=tiny.network(normalize=True, dropout=0.2), steps=2)
    check_meshes(tmp_path, m, meshes=(MeshShape(data=8), MeshShape(data=2, space=4)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"positive": ()}, "positive, free: no number is to be learned"),
        ({"free": ("source.weight",)}, "source.weight is named twice"),
        ({"positive": ("source.weigth",)}, "no number 'source.weigth'; did you mean source.weight"),
        (
            {"objective": {"source": Term(CROSS_ENTROPY, weight=-1.0)}},
            "positive: source.weight begins below 0",
        ),
        (
            {"objective": {"outer": Term(CROSS_ENTROPY)}, "positive": ("outer.weight",)},
            "objective.outer: the name of",
        ),
        ({"outer": {"x": Term(CROSS_ENTROPY, domain="moon")}}, "outer.x.domain: 'moon'"),
        ({"inner_steps": 0}, "inner_steps: 0; it is at least 1"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        method(**fields).validate()
    assert "\n" not in str(caught.value)


def test_batches_that_do_not_fit_are_refused() -> None:
    given, m = batch(), method()
    with pytest.raises(InputError, match="batch: 1 given for 2 steps"):
        hypergradient(m.network, {"params": {}}, m.objective, [given], OUTER, rate=0.1, steps=2)
    one = jax.tree.map(lambda x: x[:1], given)
    halved = dataclasses.replace(m, halves=True)
    with pytest.raises(InputError, match="halves: a batch of one image has none"):
        halved.step(start(halved), one, 0)
    assert m.needs() == ("source", "target")
