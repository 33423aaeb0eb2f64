"""What all methods keep to: the objective method as an example, checkpoints of every phase, and names of terms."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from jaxseg import losses, models
from jaxseg.methods import (
    SGD,
    Adam,
    ConfidenceMask,
    GameWeights,
    HRSelect,
    HyperMethod,
    MetaPix,
    Method,
    ObjectiveMethod,
    Optimizer,
    Reconstruction,
    Term,
    WarmStart,
    Weighted,
)
from jaxseg.models.unet import WeightNetwork
from jaxseg.train.checkpoint import abstract_state
from tests.methods.adversaries import single
from tests.methods.contract import check_resumed
from tests.methods.players import Judge, Painter, game, judge, painter
from tests.methods.weighting import CLASSES, Pairs, Scaled, weighting
from tests.tiny import network

SOURCE = Term(losses.SoftmaxCrossEntropy())
TARGET = Term(losses.SoftmaxCrossEntropy(), domain="target")
WARM = WarmStart(steps=2, objective={"first": SOURCE})


def test_the_objective_method_resumes_in_either_phase(tmp_path: Path) -> None:
    source = Term(losses.SoftmaxCrossEntropy())
    method = ObjectiveMethod(
        network=network(normalize=True, dropout=0.2),
        objective={"source": source, "target": Term(losses.MaximumSquares(), domain="target")},
        warm_start=WarmStart(steps=2, objective={"source": source}),
        steps=2,
        optimizer=SGD(learning_rate=0.1),
    )
    check_resumed(tmp_path, method, after=(2, 3))


@pytest.mark.parametrize("joint_steps", [0, 2])
@pytest.mark.parametrize(("first", "second"), [(SGD(), Adam()), (Adam(), SGD()), (Adam(), None)])
def test_a_state_is_restored_with_the_optimisers_that_it_was_saved_with(
    first: Optimizer, second: Optimizer | None, joint_steps: int
) -> None:
    """In each phase; a phase may go on with the moments of the one before, whatever kind its own begins with."""
    method = MetaPix(
        network(),
        weighting(),
        joint_steps=joint_steps,
        meta_steps=1,
        weighted_steps=1,
        generations=2,
        optimizer=first,
        weighted_optimizer=second,
    )
    state = jax.eval_shape(lambda: method.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))))
    for step in range(method.total_steps):
        phase, begins = method.phase_at(step)
        if step == begins:
            state = jax.eval_shape(lambda state, phase=phase: method.begin(state, phase), state)
        like = abstract_state(method, step + 1, (4, 5))
        assert jax.tree.structure(like) == jax.tree.structure(state), phase


def drawn(**fields: Any) -> HRSelect:
    return HRSelect(
        network=network(),
        weighting=WeightNetwork(CLASSES, Scaled(), channels=CLASSES, module=Pairs(deep=False)),
        objective={"source": Weighted(losses.SoftmaxCrossEntropy())},
        steps=1,
        **fields,
    )


PAINTED = Reconstruction(
    painter(Painter(), channels=3), judge(Judge()), weights=GameWeights(), embedding="logits"
)
FIRST, OBJECTIVE = {"first": "warm_start.objective.first.weight"}, {"source": "objective.source.weight"}
ENCODER = {"encoder": "weights.encoder", "encoder_classes": "weights.encoder_classes"}


@pytest.mark.parametrize(
    ("method", "terms"),
    [
        (ObjectiveMethod(network(), {"source": SOURCE}, 1, warm_start=WARM), [FIRST, OBJECTIVE]),
        (single(warm_start=WARM), [FIRST, OBJECTIVE | {"adversarial_main": "levels.main.weight"}]),
        (game(warm_start=WARM), [FIRST, OBJECTIVE | ENCODER]),
        (game(warm_start=WARM, warm_start_game=True), [FIRST | ENCODER, OBJECTIVE | ENCODER]),
        (drawn(), [OBJECTIVE]),
        (
            drawn(reconstruction=PAINTED),
            [OBJECTIVE | {name: f"reconstruction.{leaf}" for name, leaf in ENCODER.items()}],
        ),
        (
            ConfidenceMask(network(), {"source": Weighted(losses.SoftmaxCrossEntropy())}, 1, 1),
            [{"target": "judge_objective.target.weight"}, OBJECTIVE],
        ),
        (
            HyperMethod(network(), {"source": SOURCE}, {"t": TARGET}, 1, ("source.weight",), warm_start=WARM),
            [FIRST, {}],
        ),
        (MetaPix(network(), models.unet_weights(CLASSES), 1, 1, 1, generations=1), [{}, {}, {}]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_terms_are_named_in_each_phase_with_the_leaves_that_weigh_them(
    method: Method, terms: list[dict[str, str]]
) -> None:
    method.validate()
    assert [method.terms(phase) for phase in range(len(method.phases))] == terms
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(method)]
    known = {jax.tree_util.keystr(path, simple=True, separator=".") for path in paths}
    assert {leaf for phase in terms for leaf in phase.values()} <= known
