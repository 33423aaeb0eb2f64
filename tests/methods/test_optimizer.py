"""Optimisers against their update rules written out, schedules against the papers' numbers."""

import jax
import numpy as np
import optax
import pytest

from jaxseg import models
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Adam, Constant, Groups, Inverse, Poly, Schedule, Stairs


@pytest.mark.fast
@pytest.mark.parametrize(
    ("rate", "step", "steps", "expected"),
    [
        (1e-4, 75000, 150000, 5.358867e-5),
        (0.007, 15000, 30000, 3.751207e-3),
        (1e-4, 149999, 150000, 2.195421e-9),
    ],
)
def test_poly_has_the_values_of_the_fact_sheet(rate: float, step: int, steps: int, expected: float) -> None:
    assert float(SGD(learning_rate=rate).rate(step, steps)) == pytest.approx(expected, rel=1e-4)


def test_stretched_poly_ends_maxsquare_source_training_at_its_published_rate() -> None:
    sgd = SGD(learning_rate=2.5e-4, schedule=Poly(stretch=200000 / 80000))
    assert float(sgd.rate(80000, 80000)) == pytest.approx(1.58e-4, rel=2e-3)


def test_warmup_is_linear_and_then_absent() -> None:
    schedule = Poly(power=0.0, warmup=4)
    assert [float(schedule(step, 100)) for step in range(6)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (Poly(stretch=0.5), "optimizer.schedule.stretch: 0.5; at least 1"),
        (Poly(power=-1.0), "optimizer.schedule.power: -1; at least 0"),
        (Poly(warmup=float("nan")), "optimizer.schedule.warmup: nan; at least 0"),
        (Stairs(every=0), "optimizer.schedule.every: 0; at least 1"),
        (Inverse(rise=-1.0), "optimizer.schedule.rise: -1; at least 0"),
    ],
)
def test_a_schedule_without_a_meaning_is_named(schedule: Schedule, message: str) -> None:
    for optimizer in (SGD(schedule=schedule), Adam(schedule=schedule)):
        with pytest.raises(InputError, match=message):
            optimizer.validate("optimizer")


def test_sgd_is_pytorchs_rule_over_three_steps() -> None:
    rule = SGD(learning_rate=0.1, momentum=0.9, weight_decay=0.01, schedule=Constant())
    params = {"w": np.float32(2.0)}
    state = rule.transformation(0, 3).init(params)
    w, v = 2.0, 0.0
    for step, gradient in enumerate([0.5, -1.0, 0.25]):
        updates, state = rule.transformation(step, 3).update({"w": np.float32(gradient)}, state, params)
        params = optax.apply_updates(params, updates)
        v = 0.9 * v + gradient + 0.01 * w
        w -= 0.1 * v
        assert float(params["w"]) == pytest.approx(w, rel=1e-6)


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam_is_its_rule_over_three_steps(decoupled: bool) -> None:
    rule = Adam(learning_rate=0.1, weight_decay=0.02, schedule=Poly(power=1.0), decoupled=decoupled)
    params = {"w": np.float32(1.5)}
    state = rule.transformation(0, 3).init(params)
    w, m, v = 1.5, 0.0, 0.0
    for step, gradient in enumerate([0.5, -1.0, 0.25]):
        updates, state = rule.transformation(step, 3).update({"w": np.float32(gradient)}, state, params)
        params = optax.apply_updates(params, updates)
        g = gradient + (0.0 if decoupled else 0.02 * w)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        direction = (m / (1 - 0.9 ** (step + 1))) / ((v / (1 - 0.999 ** (step + 1))) ** 0.5 + 1e-8)
        w -= 0.1 * (1 - step / 3) * (direction + (0.02 * w if decoupled else 0.0))
        assert float(params["w"]) == pytest.approx(w, rel=1e-5)


def test_numbers_are_leaves_so_a_new_rate_is_no_new_program() -> None:
    assert len(jax.tree.leaves(SGD())) == 11
    assert jax.tree.structure(SGD(learning_rate=1.0)) == jax.tree.structure(SGD(learning_rate=2.0))


def test_groups_move_head_biases_and_norms_by_their_own_rates() -> None:
    groups = Groups(head=10.0, bias=2.0, norm=0.0, bias_decay=0.0, norm_decay=0.0)
    rule = SGD(learning_rate=0.1, momentum=0.0, weight_decay=0.5, schedule=Constant(), groups=groups)
    norm = {"scale": np.float32(1.0), "bias": np.float32(1.0)}
    conv = {"kernel": np.float32(1.0), "bias": np.float32(1.0)}
    params = {"trunk": {"conv": conv, "bn": norm}, "top": {"conv": dict(conv)}}
    gradient = jax.tree.map(lambda _: np.float32(1.0), params)
    transformation = rule.transformation(0, 1, ("top",))
    updates, _ = transformation.update(gradient, transformation.init(params), params)
    trunk, top = updates["trunk"], updates["top"]["conv"]
    assert float(trunk["conv"]["kernel"]) == pytest.approx(-0.1 * 1.5)
    assert float(trunk["conv"]["bias"]) == pytest.approx(-0.1 * 2 * 1.0)
    assert float(trunk["bn"]["scale"]) == float(trunk["bn"]["bias"]) == 0.0
    assert float(top["kernel"]) == pytest.approx(-0.1 * 10 * 1.5)
    assert float(top["bias"]) == pytest.approx(-0.1 * 20 * 1.0)


def test_a_module_is_held_fixed() -> None:
    groups = Groups(bias=2.0, fixed=("bn1",))
    params = {"bn1": {"scale": 1.0, "bias": 0.0}, "layer": {"bn": {"scale": 1.0, "bias": 0.0}, "bias": 1.0}}
    expected = {"bn1": {"scale": 0.0, "bias": 0.0}, "layer": {"bn": {"scale": 1.0, "bias": 1.0}, "bias": 2.0}}
    assert groups.rates(params, ()) == expected
    with pytest.raises(InputError, match=r"groups.fixed: the network has no top module 'stem'"):
        Groups(fixed=("stem",)).rates(params, ())


def test_every_networks_head_is_there() -> None:
    for network in (models.compact(3, width=4), models.enet(3)):
        image = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32)
        params = jax.eval_shape(network.init, jax.random.key(0), image)["params"]
        rates = Groups(head=10.0).rates(params, network.head)
        assert sorted(set(jax.tree.leaves(rates))) == [1.0, 10.0]
