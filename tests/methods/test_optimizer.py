"""Optimisers against their update rules written out, schedules against the papers' numbers."""

import jax
import numpy as np
import optax
import pytest

from jaxseg.methods import SGD, Adam, Constant, Poly


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
    assert len(jax.tree.leaves(SGD())) == 6
    assert jax.tree.structure(SGD(learning_rate=1.0)) == jax.tree.structure(SGD(learning_rate=2.0))
