"""The 0-1 confidence mask against its longhand: the judge's steps, the mask, and the masked steps."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Adam, ConfidenceMask, Term, Weighted
from jaxseg.models import Output
from jaxseg.train import MeshShape
from tests import tiny
from tests.methods.contract import check_meshes, check_resumed
from tests.methods.linear import Linear, mean_slope, poly, slope, softmax, summed
from tests.methods.weighting import CLASSES, batch, network
from tests.models._fresh import QUICK

CROSS_ENTROPY = losses.SoftmaxCrossEntropy()
PLAIN = {"momentum": 0.0, "weight_decay": 0.0}


def method(over: str = "valid", **fields: Any) -> ConfidenceMask:
    values: dict[str, Any] = {
        "network": network(Linear()),
        "objective": {
            "source": Weighted(CROSS_ENTROPY, over=over),
            "target": Term(CROSS_ENTROPY, weight=0.5, domain="target"),
        },
        "steps": 2,
        "judge_steps": 2,
        "threshold": 0.3,
        "optimizer": SGD(learning_rate=0.2, **PLAIN),
        "judge_optimizer": SGD(learning_rate=0.4, **PLAIN),
    }
    return ConfidenceMask(**(values | fields))


def start(m: ConfidenceMask, phase: int = 0) -> Any:
    return jax.jit(
        lambda: m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), phase), compiler_options=QUICK
    )()


_step = jax.jit(ConfidenceMask.step, static_argnums=3, compiler_options=QUICK)


@pytest.mark.parametrize(
    ("confidence", "over"), [("label", "valid"), pytest.param("best", "kept", marks=pytest.mark.slow)]
)
def test_every_step_equals_its_longhand(confidence: str, over: str) -> None:
    m = method(over, confidence=confidence)
    m.validate()
    assert [(phase.name, phase.steps) for phase in m.phases] == [("judge", 2), ("train", 2)]
    state = start(m)
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.params)
    theta, judge = params["network"]["head"], params["judge"]["head"]
    assert not np.allclose(theta["kernel"], judge["kernel"])
    for step in range(4):
        phase, first = m.phase_at(step)
        if step == first:
            state = m.begin(state, phase)
        given = batch(step)
        data = jax.tree.map(np.asarray, given)
        state, metrics = _step(m, state, given, phase)
        at, of_target = mean_slope(judge if phase == 0 else theta, data["target"])
        if phase == 0:
            judge = {leaf: judge[leaf] - 0.4 * poly(step, 2) * of_target[leaf] for leaf in judge}
            assert float(metrics["loss"]) == pytest.approx(at, rel=1e-5)
        else:
            lost, d, x = slope(theta, data["source"])
            label = data["source"]["label"]
            known = label < CLASSES
            p = softmax(x @ judge["kernel"] + judge["bias"])
            truth = np.take_along_axis(p, np.where(known, label, 0)[..., None].astype(int), -1)[..., 0]
            mask = known & ((p.max(-1) if confidence == "best" else truth) > 0.3)
            assert 0 < mask.sum() < known.sum() or confidence == "best"
            count = known.sum() if over == "valid" else mask.sum()
            of_source = summed(x, d * mask[..., None] / count)
            theta = {
                leaf: theta[leaf] - 0.2 * poly(step - 2, 2) * (of_source[leaf] + 0.5 * of_target[leaf])
                for leaf in theta
            }
            assert float(metrics["terms"]["source"]) == pytest.approx((mask * lost).sum() / count, rel=1e-5)
            assert float(metrics["terms"]["target"]) == pytest.approx(at, rel=1e-5)
            assert float(metrics["kept"]) == pytest.approx(mask.sum() / known.sum(), abs=1e-6)
        for mine, his in ((theta, "network"), (judge, "judge")):
            found = dict(state.params[his]["head"])
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=3e-5, atol=2e-6), mine, found)


def test_both_start_from_the_variables_given_and_the_judge_may_need_no_steps() -> None:
    m = method(judge_steps=0)
    state = start(m, 1)
    given = jax.tree.map(lambda leaf: leaf + 1.0, m.variables(state))
    filled = m.with_variables(state, given)
    for name in ("network", "judge"):
        jax.tree.map(np.testing.assert_array_equal, filled.params[name], given["params"])
    assert m.phase_at(0) == (1, 0)
    assert int(_step(m, filled, batch(), 1)[0].step) == 1


def test_the_threshold_is_a_leaf_that_is_stacked() -> None:
    given, state = batch(), start(method(), 1)

    def kept(threshold: Any) -> Any:
        return jnp.sum(method(threshold=threshold).mask(state, given["source"]), dtype=jnp.int32)

    together = jax.jit(jax.vmap(kept), compiler_options=QUICK)(jnp.array([0.1, 0.3, 1.0]))
    alone = jax.jit(kept, compiler_options=QUICK)
    assert together.tolist() == [int(alone(value)) for value in (0.1, 0.3, 1.0)]
    assert int(together[0]) > int(together[1]) > int(together[2]) == 0


@pytest.mark.slow
def test_it_resumes_in_either_phase(tmp_path: Path) -> None:
    m = method(network=tiny.network(normalize=True, dropout=0.2), optimizer=Adam(learning_rate=0.1))
    check_resumed(tmp_path, m, after=(1, 3))


@pytest.mark.slow
def test_many_devices_compute_what_one_computes(tmp_path: Path) -> None:
    m = method(network=tiny.network(normalize=True, dropout=0.2))
    check_meshes(tmp_path, m, meshes=(MeshShape(data=8), MeshShape(data=2, space=4)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"confidence": "worst"}, "confidence: 'worst' is not known; use 'label' or 'best'"),
        ({"steps": 0}, "steps, judge_steps: 0 and 2; they are at least 1 and 0"),
        ({"objective": {"source": Term(CROSS_ENTROPY)}}, "no term weighs the source's pixels"),
        ({"objective": {"source": Weighted(CROSS_ENTROPY, over="some")}}, "objective.source.over: 'some'"),
        (
            {"objective": {"source": Weighted(losses.Entropy())}},
            "objective.source.loss: Entropy takes logits",
        ),
        ({"judge_objective": {"source": Term(CROSS_ENTROPY)}}, "judge_objective.source.domain: 'source'"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        method(**fields).validate()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("over", "count"), [("valid", 3), ("kept", 2), ("all", 4)])
def test_weights_are_held_and_averaged_over_what_is_said(over: str, count: int) -> None:
    """Four pixels, of which one has no label and one no weight; equal scores cost ln 3 each."""
    part = {"label": jnp.array([[[0, 1, 2, 255]]]), "weights": jnp.array([[[0.5, 2.0, 0.0, 1.0]]])}

    def value(weights: Any) -> Any:
        output = Output(jnp.zeros((1, 1, 4, CLASSES)))
        return Weighted(CROSS_ENTROPY, over=over)(network(), output, {**part, "weights": weights})

    assert float(value(part["weights"])) == pytest.approx(2.5 * np.log(3) / count, rel=1e-6)
    assert not jax.grad(value)(part["weights"]).any()


def test_weights_are_missed_where_nobody_makes_them_and_pixels_where_there_are_none() -> None:
    m = method()
    state = start(m)
    term, given = m.objective["source"], batch()
    with pytest.raises(InputError, match="weighted: the source batch has no weights"):
        term(m.network, Output(jnp.zeros((2, 4, 5, CLASSES))), given["source"])
    areas = dataclasses.replace(m, objective={"source": Weighted(losses.StructuralSimilarity())})
    with pytest.raises(InputError, match="StructuralSimilarity gives no value to each pixel"):
        jax.eval_shape(lambda: areas.step(state, given, 1))
    images = method(network=tiny.classifier())
    part = {"image": jnp.zeros((2, 4, 5, 3)), "label": jnp.zeros(2, jnp.int32), "valid": jnp.ones(2, bool)}
    with pytest.raises(InputError, match="labels are classes of whole images, and a mask is of pixels"):
        jax.eval_shape(lambda: images.step(state, {"source": part, "target": part}, 1))
