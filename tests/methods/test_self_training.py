"""Self-training: the step against gradients written apart, its schedules, the contract."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.data import RareClasses
from jaxseg.data._views import random_share
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Constant, Portions, SelfTraining, Term, WarmStart
from jaxseg.train import MeshShape
from tests.methods.contract import check_meshes, check_resumed
from tests.tiny import network

SOURCE = Term(losses.SoftmaxCrossEntropy())
HARD = Term(losses.SoftmaxCrossEntropy(), domain="target")
SOFT = Term(losses.SoftCrossEntropy(), domain="target")


def method(**fields: Any) -> SelfTraining:
    values: dict[str, Any] = {
        "network": network(),
        "objective": {"source": SOURCE, "target": HARD},
        "steps": 2,
        "rounds": 2,
        "optimizer": SGD(learning_rate=0.1, schedule=Constant()),
        "portion": Portions(0.3, 0.1, 0.5),
        "flip": False,
    }
    return SelfTraining(**(values | fields))


def batch(soft: bool) -> dict[str, dict[str, jax.Array]]:
    rng = np.random.default_rng(0)
    parts: dict[str, Any] = {}
    for domain in ("source", "target"):
        label = rng.integers(0, 3, (2, 4, 5)).astype(np.uint8)
        label[rng.random(label.shape) < (0.1 if domain == "source" else 0.6)] = 255
        image = rng.uniform(0, 255, (2, 4, 5, 3)).astype(np.float32)
        parts[domain] = {"image": image, "label": label, "valid": rng.random(label.shape) < 0.9}
    if soft:
        targets = rng.dirichlet(np.ones(3), (2, 4, 5)).astype(np.float32)
        parts["target"]["targets"] = targets * (parts["target"]["label"] < 255)[..., None]
    return jax.tree.map(jnp.asarray, parts)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("average", ["joint", "separate"])
def test_a_step_equals_the_gradient_written_apart(soft: bool, average: str) -> None:
    given = batch(soft)
    m = method(
        average=average,
        objective={"source": SOURCE, "target": dataclasses.replace(SOFT if soft else HARD, weight=0.7)},
        labels="lrent" if soft else "hard",
        optimizer=SGD(learning_rate=0.1, momentum=0.0, weight_decay=0.0, schedule=Constant()),
        round_rate=0.5,
    )
    state = m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 1)
    state = dataclasses.replace(state, step=state.step + 2)

    def loss(params: Any) -> jax.Array:
        sums, counts = [], []
        for domain in ("source", "target"):
            part = given[domain]
            x = part["image"] / 127.5 - 1.0
            logp = jax.nn.log_softmax(x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"])
            if "targets" in part:
                known = (part["valid"] & (part["label"] < 255)).astype(jnp.float32)
                nll = -jnp.sum(part["targets"] * logp, axis=-1)
            else:
                known = (part["label"] < 255).astype(jnp.float32)
                ids = jnp.minimum(part["label"], 2).astype(jnp.int32)
                nll = -jnp.take_along_axis(logp, ids[..., None], axis=-1)[..., 0]
            sums.append(jnp.sum(nll * known))
            counts.append(jnp.sum(known))
        if average == "joint":
            return (sums[0] + 0.7 * sums[1]) / (counts[0] + counts[1])
        return sums[0] / counts[0] + 0.7 * sums[1] / counts[1]

    value, gradient = jax.value_and_grad(loss)(state.params)
    new, metrics = jax.jit(m.step, static_argnums=2)(state, given, 1)
    assert float(metrics["loss"]) == pytest.approx(float(value), rel=1e-5)
    assert float(metrics["learning_rate"]) == pytest.approx(0.05)
    for p, g, found in zip(*map(jax.tree.leaves, (state.params, gradient, new.params)), strict=True):
        np.testing.assert_allclose(found, p - 0.05 * g, rtol=1e-5, atol=1e-6)
    known = given["target"]["label"] < 255
    expected = known & given["target"]["valid"] if soft else known
    assert float(metrics["labelled"]) == pytest.approx(float(jnp.mean(expected)))


@pytest.mark.parametrize(
    "term",
    [
        losses.MRKLD(),
        losses.Wasserstein(ground=1.0 - np.eye(3, dtype=np.float32)),
        losses.Sinkhorn(ground=1.0 - np.eye(3, dtype=np.float32), solver="kernel"),
        losses.TotalVariation(),
    ],
    ids=lambda term: type(term).__name__,
)
def test_any_loss_of_labels_or_targets_learns_from_hard_labels(term: losses.Loss) -> None:
    m = method(objective={"target": Term(term, domain="target")})
    given = batch(soft=False)
    state = m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0)
    _, metrics = jax.jit(m.step, static_argnums=2)(state, given, 0)
    logits, _ = m.network.apply(m.variables(state), given["target"]["image"] / 127.5 - 1.0, train=True)
    known = given["target"]["label"] < 255
    one_hot = jax.nn.one_hot(given["target"]["label"], 3)
    if term.takes == "labels":
        expected = term.average(logits.logits, given["target"]["label"])
    else:
        expected = term.average(logits.logits, one_hot, where=known & given["target"]["valid"])
    assert float(metrics["terms"]["target"]) == pytest.approx(float(expected), rel=1e-5)
    assert float(metrics["gradient_norm"]) > 0


def test_the_released_average_leaves_the_regulariser_its_own_mean() -> None:
    """CRST's code: cross entropy over labelled pixels of both domains, the regulariser over the target's alone."""
    objective = {
        "source": Term(losses.SoftmaxCrossEntropy()),
        "target": Term(losses.MRKLD(0.1), domain="target"),
    }
    m = method(objective=objective, average="released")
    given = batch(soft=False)
    state = m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0)
    _, metrics = jax.jit(m.step, static_argnums=2)(state, given, 0)
    nll, pixels, spread, labelled = 0.0, 0, 0.0, 0
    for domain in ("source", "target"):
        part = given[domain]
        output, _ = m.network.apply(m.variables(state), part["image"] / 127.5 - 1.0, train=True)
        log_p = np.asarray(jax.nn.log_softmax(output.logits), np.float64)
        label = np.asarray(part["label"])
        known = label < 255
        nll -= np.take_along_axis(log_p, np.where(known, label, 0)[..., None], -1)[..., 0][known].sum()
        pixels += known.sum()
        if domain == "target":
            spread, labelled = -log_p.mean(-1)[known].sum(), known.sum()
    assert 0 < labelled < pixels
    assert float(metrics["loss"]) == pytest.approx(nll / pixels + 0.1 * spread / labelled, rel=1e-5)


def test_portions_and_source_draws_follow_the_published_schedules() -> None:
    m = method(rounds=8, portion=Portions(0.15, 0.05, 0.5), source_share=Portions(0.03, 0.0025, 0.06))
    rounds = [m.labelling(phase) for phase in range(8)]
    assert [round(r.portion, 4) for r in rounds] == [0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
    assert [round(r.source_share, 4) for r in rounds[:3]] == [0.03, 0.0325, 0.035]
    assert len({r.source_draw for r in rounds}) == 8
    nested = dataclasses.replace(m, source_draw="nested")
    assert len({nested.labelling(phase).source_draw for phase in range(8)}) == 1
    assert len(random_share(19984, 0.03, seed=0, draw="a")) == 599  # CRST's first round on its GTA5 list
    first, second = (set(random_share(1000, s, seed=0, draw="a")) for s in (0.1, 0.2))
    other = set(random_share(1000, 0.1, seed=0, draw="b"))
    assert first < second
    assert len(first & other) < 30  # ten expected


def test_rounds_share_the_program_of_the_first_and_the_step_tells_them_apart() -> None:
    term = {"source": SOURCE}
    m = method(
        warm_start=WarmStart(steps=3, objective=term), round_rate=0.5, optimizer=SGD(learning_rate=0.1)
    )
    assert [m.program(phase) for phase in range(3)] == [0, 1, 1]
    state = m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 1)
    step = jax.jit(m.step, static_argnums=2)
    # Rounds of 2 steps from step 3 on: Poly is 1 and 0.5^0.9 in each, the second round's rate is halved.
    expected = {3: 0.1, 4: 0.1 * 0.5**0.9, 5: 0.05, 6: 0.05 * 0.5**0.9}
    for number, rate in expected.items():
        _, metrics = step(dataclasses.replace(state, step=jnp.int32(number)), batch(soft=False), 1)
        assert float(metrics["learning_rate"]) == pytest.approx(rate)
    assert step._cache_size() == 1


def test_a_warm_start_is_a_phase_without_labels() -> None:
    m = method(warm_start=WarmStart(steps=3, objective={"source": SOURCE}))
    assert [(p.name, p.steps) for p in m.phases] == [("warm_start", 3), ("round0", 2), ("round1", 2)]
    assert m.labelling(0) is None
    assert [m.labelling(k).portion for k in (1, 2)] == [0.3, 0.4]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"labels": "soft"}, r"labels: 'soft' is not known; use 'hard', 'fda', 'lrent', 'l2'"),
        ({"policy": "image"}, r"policy: 'image' is not known; use 'class' or 'global'"),
        ({"source_draw": "random"}, r"source_draw: 'random' is not known; use 'new' or 'nested'"),
        ({"average": "sum"}, r"average: 'sum' is not known; use 'joint', 'released', 'separate'"),
        ({"teacher_average": "max"}, r"teacher_average: 'max' is not known; use 'probabilities' or 'logits'"),
        ({"rounds": 0}, r"rounds: 0; it is at least 1"),
        ({"portion": Portions(0.9, 0.2, 2.0)}, r"portion: 1\.1; it is 0 to 1"),
        ({"source_share": Portions(0.0, 0.2, 1.0)}, r"source_share: 0\.0; it is above 0 and at most 1"),
        ({"alpha": 0.0}, r"alpha: 0\.0; it is positive"),
        ({"cap": 1.5}, r"cap: 1\.5; it is above 0 and at most 1"),
        ({"scales": (0.0,)}, r"scales: \(0\.0,\); give at least one, all positive"),
        ({"objective": {"source": SOURCE}}, r"objective: no term reads the labels of the target"),
        ({"objective": {"target": HARD}, "spatial_prior": True}, r"objective: no term is on the source"),
    ],
)
def test_fields_that_do_not_fit_are_told_in_one_line(fields: dict[str, Any], words: str) -> None:
    m = method(**fields)
    with pytest.raises(InputError, match=words) as caught:
        m.validate()
    assert "\n" not in str(caught.value)


def test_a_run_resumes_with_the_same_bits(tmp_path: Path) -> None:
    soft = method(
        network=network(normalize=True, dropout=0.2),
        labels="lrent",
        objective={"source": SOURCE, "target": SOFT},
        source_share=Portions(0.5, 0.25, 1.0),
        mining=RareClasses(pixels=0),
    )
    check_resumed(tmp_path, soft, after=(1, 2, 3))


def test_eight_devices_compute_what_one_computes(tmp_path: Path) -> None:
    check_meshes(tmp_path, method(rounds=1), (MeshShape(data=8), MeshShape(data=2, space=4)))


def test_eight_devices_compute_what_one_computes_from_soft_labels(tmp_path: Path) -> None:
    soft = method(rounds=1, labels="lrent", objective={"source": SOURCE, "target": SOFT})
    check_meshes(tmp_path, soft, (MeshShape(data=2, space=4),))
