"""One update of the objective method against the same update written out in NumPy, and what must not leak."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses, models
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Constant, ObjectiveMethod, Term, WarmStart
from tests.tiny import network

RATE, MOMENTUM, DECAY, LAMBDA = 0.1, 0.9, 0.01, 0.3
OPTIMIZER = SGD(learning_rate=RATE, momentum=MOMENTUM, weight_decay=DECAY, schedule=Constant())
SOURCE = Term(losses.SoftmaxCrossEntropy())
TARGET = Term(losses.MaximumSquares(), weight=LAMBDA, domain="target")


def method(**fields: Any) -> ObjectiveMethod:
    values = {
        "network": network(),
        "objective": {"source": SOURCE, "target": TARGET},
        "steps": 4,
        "optimizer": OPTIMIZER,
    }
    return ObjectiveMethod(**(values | fields))


def batch(seed: int = 0) -> dict[str, dict[str, jax.Array]]:
    rng = np.random.default_rng(seed)

    def part() -> dict[str, np.ndarray]:
        label = rng.integers(0, 3, (2, 4, 5)).astype(np.uint8)
        label[0, 0, :2] = 255
        return {
            "image": rng.uniform(0, 255, (2, 4, 5, 3)).astype(np.float32),
            "label": label,
            "valid": rng.random((2, 4, 5)) < 0.9,
        }

    return jax.tree.map(jnp.asarray, {"source": part(), "target": part()})


def start(m: ObjectiveMethod, phase: int = 0) -> Any:
    return m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), phase)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.fast
def test_two_steps_equal_the_longhand_update_of_every_parameter() -> None:
    m = method()
    state = start(m)
    w = np.asarray(state.params["Dense_0"]["kernel"], np.float64)
    b = np.asarray(state.params["Dense_0"]["bias"], np.float64)
    vw, vb = np.zeros_like(w), np.zeros_like(b)
    for step in range(2):
        state, metrics = jax.jit(m.step, static_argnums=2)(state, batch(step), 0)
        data = jax.tree.map(np.asarray, batch(step))
        xs = (data["source"]["image"].astype(np.float64) - 127.5) / 127.5
        xt = (data["target"]["image"].astype(np.float64) - 127.5) / 127.5
        ps, pt = softmax(xs @ w + b), softmax(xt @ w + b)
        label, known = data["source"]["label"], data["source"]["label"] < 3
        counted = data["target"]["valid"]
        # d CE / dz = p - onehot;  d(-1/2 sum p^2) / dz_k = -p_k (p_k - sum p^2)
        gs = (ps - np.eye(3)[np.where(known, label, 0)]) * known[..., None] / known.sum()
        gt = -pt * (pt - (pt**2).sum(-1, keepdims=True)) * counted[..., None] / counted.sum()
        gw = np.einsum("bhwi,bhwk->ik", xs, gs) + LAMBDA * np.einsum("bhwi,bhwk->ik", xt, gt)
        gb = gs.sum((0, 1, 2)) + LAMBDA * gt.sum((0, 1, 2))
        ce = -np.log(np.take_along_axis(ps, np.where(known, label, 0)[..., None].astype(int), -1))[..., 0]
        ms = -0.5 * (pt**2).sum(-1)
        assert float(metrics["terms"]["source"]) == pytest.approx((ce * known).sum() / known.sum(), rel=1e-5)
        assert float(metrics["terms"]["target"]) == pytest.approx(
            (ms * counted).sum() / counted.sum(), rel=1e-5
        )
        assert float(metrics["gradient_norm"]) == pytest.approx(
            np.sqrt((gw**2).sum() + (gb**2).sum()), rel=1e-4
        )
        vw, vb = MOMENTUM * vw + gw + DECAY * w, MOMENTUM * vb + gb + DECAY * b
        w, b = w - RATE * vw, b - RATE * vb
        np.testing.assert_allclose(state.params["Dense_0"]["kernel"], w, rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(state.params["Dense_0"]["bias"], b, rtol=2e-5, atol=1e-6)
    assert int(state.step) == 2


def test_the_targets_labels_are_never_read_by_an_unsupervised_term() -> None:
    m = method(network=network(normalize=True, dropout=0.2))
    data = batch()
    changed = np.uint8(2) - data["target"]["label"] % np.uint8(3)
    other = {"source": data["source"], "target": data["target"] | {"label": changed}}
    one, _ = m.step(start(m), data, 0)
    two, _ = m.step(start(m), other, 0)
    jax.tree.map(np.testing.assert_array_equal, one.params, two.params)


def test_batch_statistics_go_through_the_source_and_then_the_target() -> None:
    m = method(network=network(normalize=True))
    data = batch()
    state, _ = m.step(start(m), data, 0)
    mean = np.zeros(3)
    for domain in ("source", "target"):
        x = (data[domain]["image"] - 127.5) / 127.5
        mean = 0.9 * mean + 0.1 * x.mean((0, 1, 2))
    np.testing.assert_allclose(state.batch_stats["BatchNorm_0"]["mean"], mean, rtol=1e-4, atol=1e-6)


def test_concatenated_forward_normalises_both_domains_together() -> None:
    m = method(network=network(normalize=True), forward="concatenated")
    data = batch()
    state, _ = m.step(start(m), data, 0)
    both = np.concatenate([data["source"]["image"], data["target"]["image"]])
    mean = 0.1 * ((both - 127.5) / 127.5).mean((0, 1, 2))
    np.testing.assert_allclose(state.batch_stats["BatchNorm_0"]["mean"], mean, rtol=1e-4, atol=1e-6)


def test_one_batch_of_two_sizes_is_refused() -> None:
    m = method(forward="concatenated")
    data = batch()
    data = {**data, "target": {name: part[:, :2] for name, part in data["target"].items()}}
    with pytest.raises(
        InputError, match=r"forward: 'concatenated' .* of the source \d+x\d+ and those of the target 2x"
    ):
        m.step(start(m), data, 0)


def test_concatenated_equals_separate_without_batch_statistics() -> None:
    one, _ = method().step(start(method()), batch(), 0)
    joined = method(forward="concatenated")
    two, _ = joined.step(start(joined), batch(), 0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), one.params, two.params)


def test_warm_start_runs_its_own_objective_and_then_the_optimizer_starts_afresh() -> None:
    warm = WarmStart(steps=3, objective={"source": SOURCE}, optimizer=OPTIMIZER)
    m = method(warm_start=warm)
    assert [(phase.name, phase.steps) for phase in m.phases] == [("warm_start", 3), ("train", 4)]
    assert [m.phase_at(step) for step in (0, 2, 3, 6)] == [(0, 0), (0, 0), (1, 3), (1, 3)]
    state, metrics = m.step(start(m), batch(), 0)
    assert set(metrics["terms"]) == {"source"}
    again = m.begin(state, 1)
    assert all(float(jnp.abs(leaf).max()) == 0 for leaf in jax.tree.leaves(again.opt_state))
    jax.tree.map(np.testing.assert_array_equal, again.params, state.params)


def test_a_weight_is_a_leaf_stacked_and_differentiated() -> None:
    data = batch()

    def first_loss(weight: Any) -> Any:
        m = method(objective={"source": SOURCE, "target": dataclasses.replace(TARGET, weight=weight)})
        return m.step(start(m), data, 0)[1]["loss"]

    weights = jnp.array([0.0, 0.5, 1.0])
    together = jax.vmap(first_loss)(weights)
    np.testing.assert_allclose(together, [first_loss(weight) for weight in weights], rtol=1e-6)
    slope = jax.grad(first_loss)(jnp.float32(0.5))
    assert float(slope) == pytest.approx(float(together[2] - together[0]), rel=1e-4)


def test_dropout_depends_on_seed_and_step_only() -> None:
    m = method(network=network(dropout=0.5))
    one, a = m.step(start(m), batch(), 0)
    _, b = m.step(start(m), batch(), 0)
    assert float(a["loss"]) == float(b["loss"])
    _, c = m.step(dataclasses.replace(start(m), step=jnp.int32(1)), batch(), 0)
    assert float(c["loss"]) != float(a["loss"])
    assert int(one.seed) == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"forward": "both"}, "forward: 'both'"),
        (
            {"forward": "concatenated", "network": models.compact(3, width=4, batch_norm="per_domain")},
            "forward: 'concatenated' makes one batch of all domains",
        ),
        (
            {"forward": "concatenated", "network": models.compact(3, width=4, split=1)},
            "forward: 'concatenated' makes one batch of all domains",
        ),
        ({"objective": {"x": Term(losses.Entropy(), domain="moon")}}, "objective.x.domain: 'moon'"),
        ({"objective": {"x": Term(losses.Entropy(), head="tail")}}, "objective.x.head: 'tail'"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        method(**fields).validate()


def test_a_head_that_the_network_lacks_is_named() -> None:
    m = method(objective={"x": Term(losses.SoftmaxCrossEntropy(), head="aux")})
    with pytest.raises(InputError, match="has no 'aux' output"):
        m.step(start(m), batch(), 0)


def test_a_loss_of_distributions_reads_targets_and_says_so_when_there_are_none() -> None:
    m = method(objective={"soft": Term(losses.SoftCrossEntropy())})
    with pytest.raises(InputError, match="SoftCrossEntropy takes target distributions"):
        m.step(start(m), batch(), 0)
    data = batch()
    hard = data["source"] | {
        "label": jnp.where(data["source"]["valid"], data["source"]["label"] % 3, jnp.uint8(255))
    }
    soft = hard | {"targets": jax.nn.one_hot(hard["label"], 3)}
    labelled = method(objective={"soft": SOURCE})
    one, a = m.step(start(m), data | {"source": soft}, 0)
    two, b = labelled.step(start(labelled), data | {"source": hard}, 0)
    assert float(a["loss"]) == pytest.approx(float(b["loss"]), rel=1e-6)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7), one.params, two.params)
