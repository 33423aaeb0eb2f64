"""The chosen objective's sum, against its terms one by one; the others have no part in it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, ObjectiveMethod, OneOf, Term
from jaxseg.train import Experiment, Sweep, with_arguments
from tests.methods import test_self_training
from tests.methods.test_objective import batch
from tests.models._fresh import QUICK
from tests.tiny import Blocks, network

TERMS = {
    "ce": {"all": Term(losses.SoftmaxCrossEntropy())},
    "half": {
        "pixels": Term(losses.SigmoidCrossEntropy(), weight=0.5),
        "structure": Term(losses.StructuralSimilarity(), weight=0.25),
    },
}


def method(chosen: str = "ce", **fields: Any) -> ObjectiveMethod:
    values: dict[str, Any] = {
        "network": network(),
        "objective": {"labels": OneOf(TERMS, chosen=chosen)},
        "steps": 2,
        "optimizer": SGD(learning_rate=0.1),
    }
    return ObjectiveMethod(**(values | fields))


def stepped(m: ObjectiveMethod) -> tuple[Any, Any]:
    step = jax.jit(ObjectiveMethod.step, static_argnums=3, compiler_options=QUICK)
    return step(m, m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0), batch(), 0)


@pytest.mark.parametrize("chosen", ["ce", "half"])
def test_a_step_is_that_of_the_chosen_terms(chosen: str) -> None:
    found, told = stepped(method(chosen))
    expected, apart = stepped(method(objective=TERMS[chosen]))
    np.testing.assert_allclose(told["loss"], apart["loss"], rtol=1e-6)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7), found.params, expected.params
    )


def test_a_factor_multiplies_the_sum() -> None:
    once = stepped(method("half"))[1]["loss"]
    twice = stepped(method(objective={"labels": OneOf(TERMS, chosen="half", weight=2.0)}))[1]["loss"]
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)


@pytest.mark.fast
def test_the_others_are_not_computed() -> None:
    m = method("ce")
    state = jax.eval_shape(lambda: m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0))
    text = jax.jit(ObjectiveMethod.step, static_argnums=3).lower(m, state, batch(), 0).as_text()
    alone = method(objective=TERMS["ce"])
    other = jax.jit(ObjectiveMethod.step, static_argnums=3).lower(alone, state, batch(), 0).as_text()
    assert text.count("stablehlo.exponential") == other.count("stablehlo.exponential")


@pytest.mark.fast
def test_the_command_line_chooses_and_what_cannot_be_is_one_clear_line() -> None:
    base = Experiment(name="tiny", data=Blocks(), method=method())
    arguments = [
        "--objective.labels.chosen",
        "half",
        "--objective.labels.objectives.half.structure.weight",
        "2",
    ]
    either = with_arguments(base, arguments).method.objective["labels"]  # type: ignore[attr-defined]
    assert (either.chosen, either.objectives["half"]["structure"].weight) == ("half", 2.0)
    with pytest.raises(
        InputError,
        match=r"structure\.weight: changes nothing, for 'ce' is chosen; .* set objective\.labels\.",
    ):
        with_arguments(
            base, ["--objective.labels.objectives.half.structure.weight=2", "--objective.labels.chosen=ce"]
        )
    with pytest.raises(
        InputError, match=r"objective\.labels\.chosen: 'hlaf' is not known; did you mean 'half'\?"
    ):
        method("hlaf").validate()
    target = {"x": {"t": Term(losses.Entropy(), domain="target")}}
    with pytest.raises(
        InputError, match=r"objective\.labels\.objectives\.x\.t\.domain: 'target'; .* source's"
    ):
        method(objective={"labels": OneOf(target, chosen="x")}).validate()
    with pytest.raises(InputError, match=r"objective\.labels\.head: 'aux'; leave it 'logits'"):
        method(objective={"labels": OneOf(TERMS, chosen="ce", head="aux")}).validate()
    hidden = {
        "labels": OneOf(TERMS, chosen="ce"),
        "target": Term(losses.SoftmaxCrossEntropy(), domain="target"),
    }
    with pytest.raises(InputError, match=r"objective\.labels: self-training must see"):
        test_self_training.method(objective=hidden).validate()


@pytest.mark.fast
def test_a_sweep_over_what_is_not_chosen_is_refused() -> None:
    base = Experiment(name="tiny", data=Blocks(), method=method())
    axis = {"objective.labels.objectives.half.structure.weight": [0.5, 1.0]}
    with pytest.raises(InputError, match=r"grid: objective\.labels\.objectives\.half.*changes nothing"):
        _ = Sweep(base, axis).members
    sweep = Sweep(base, {**axis, "objective.labels.chosen": ["half"]})
    assert len(sweep.members) == 2
    assert (len(sweep.programs), sweep.static) == (1, ())
