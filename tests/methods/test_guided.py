"""Self-produced guidance: its labels against NumPy, a step with two heads written out, and what must not leak."""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Constant, Guided, ObjectiveMethod, Term, guidance
from jaxseg.models import LinenNetwork, Network, Output
from jaxseg.train import MeshShape
from tests.methods.contract import check_meshes, check_resumed
from tests.methods.test_objective import batch, softmax
from tests.tiny import network

RATE, LAMBDA, LAMBDA_SEG, THRESHOLD = 0.1, 0.3, 0.1, 0.5


class TwoHeads(nn.Module):
    """Per-pixel linear scores of a main and of an auxiliary head, on one linear layer of features."""

    classes: int = 3

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = nn.Dense(4, name="trunk")(image)
        main, aux = nn.Dense(self.classes, name="main")(x), nn.Dense(self.classes, name="low")(x)
        return Output(logits=main, aux=aux)


def two_heads() -> LinenNetwork:
    return LinenNetwork(classes=3, module=TwoHeads(), head=("main", "low"))


def method(guided: Guided | None, **fields: Any) -> ObjectiveMethod:
    objective = {
        "source": Term(losses.SoftmaxCrossEntropy()),
        "source_aux": Term(losses.SoftmaxCrossEntropy(), weight=LAMBDA_SEG, head="aux"),
        "target": Term(losses.MaximumSquares(), weight=LAMBDA, domain="target"),
    }
    values = {
        "network": two_heads(),
        "objective": objective | ({} if guided is None else {"guided": guided}),
        "steps": 3,
        "optimizer": SGD(learning_rate=RATE, momentum=0.0, weight_decay=0.0, schedule=Constant()),
    }
    return ObjectiveMethod(**(values | fields))


def start(m: ObjectiveMethod) -> Any:
    state = m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0)
    assert isinstance(state.params, dict)
    return state


def loud(state: Any) -> Any:
    """The state with its heads' weights enlarged, so that some pixels are confident and some are not."""
    params = {**state.params}
    for name, factor in (("main", 1.5), ("low", 1.0)):
        params[name] = {"kernel": factor * state.params[name]["kernel"], "bias": state.params[name]["bias"]}
    return state.__class__(state.seed, state.step, params, state.batch_stats, state.opt_state)


def labelled(*shares: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The rule pixel by pixel."""
    label = np.zeros(shares[0].shape[:-1], int)
    kept = np.zeros(label.shape, bool)
    for n in np.ndindex(label.shape):
        label[n] = np.argmax(np.mean([share[n] for share in shares], axis=0))
        kept[n] = any(share[n].max() > threshold for share in shares)
    return label, kept


@pytest.mark.fast
def test_labels_are_of_the_mean_and_kept_where_either_head_is_sure() -> None:
    main = np.array([[0.96, 0.03, 0.01], [0.50, 0.45, 0.05], [0.50, 0.40, 0.10], [0.94, 0.05, 0.01]])
    aux = np.array([[0.30, 0.60, 0.10], [0.01, 0.96, 0.03], [0.10, 0.80, 0.10], [0.94, 0.03, 0.03]])
    label, kept = guidance(jnp.log(main), jnp.log(aux))
    assert label.tolist() == [0, 1, 1, 0]
    assert kept.tolist() == [
        True,
        True,
        False,
        False,
    ]  # in the last, the mean of the two is no surer than either
    assert guidance(jnp.log(main), threshold=0.5)[1].tolist() == [
        True,
        False,
        False,
        True,
    ]  # exactly at it: not kept


def test_labels_are_the_rule_at_random() -> None:
    rng = np.random.default_rng(0)
    heads = [rng.normal(size=(2, 6, 7, 4)) * 2 for _ in range(2)]
    for threshold in (0.5, 0.8, 0.95):
        label, kept = guidance(*(jnp.asarray(x, jnp.float32) for x in heads), threshold=threshold)
        expected, expected_kept = labelled(*map(softmax, heads), threshold=threshold)
        assert 0 < expected_kept.sum() < expected_kept.size
        np.testing.assert_array_equal(label, expected)
        np.testing.assert_array_equal(kept, expected_kept)


def test_a_step_equals_the_longhand_update_of_both_heads_and_the_trunk() -> None:
    m = method(Guided(weight=LAMBDA_SEG * LAMBDA, threshold=THRESHOLD))
    state, data = loud(start(m)), batch()
    new, metrics = jax.jit(m.step, static_argnums=2)(state, data, 0)
    data = jax.tree.map(np.asarray, data)
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.params)
    gradient = jax.tree.map(np.zeros_like, p)

    def features(domain: str) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        x = ((data[domain]["image"].astype(np.float64) - 127.5) / 127.5).reshape(-1, 3)
        h = x @ p["trunk"]["kernel"] + p["trunk"]["bias"]
        return x, h, {name: softmax(h @ p[name]["kernel"] + p[name]["bias"]) for name in ("main", "low")}

    def back(x: np.ndarray, h: np.ndarray, **slopes: np.ndarray) -> None:
        dh = np.zeros_like(h)
        for name, dz in slopes.items():
            gradient[name]["kernel"] += h.T @ dz
            gradient[name]["bias"] += dz.sum(0)
            dh += dz @ p[name]["kernel"].T
        gradient["trunk"]["kernel"] += x.T @ dh
        gradient["trunk"]["bias"] += dh.sum(0)

    def cross_entropy(share: np.ndarray, label: np.ndarray, counted: np.ndarray) -> tuple[float, np.ndarray]:
        onehot = np.eye(3)[np.where(counted, label, 0)]
        value = -(onehot * np.log(share)).sum(-1)[counted].mean()
        return value, (share - onehot) * counted[:, None] / counted.sum()

    x, h, share = features("source")
    label = data["source"]["label"].ravel()
    ce, dmain = cross_entropy(share["main"], label, label < 3)
    ce_aux, daux = cross_entropy(share["low"], label, label < 3)
    back(x, h, main=dmain, low=LAMBDA_SEG * daux)
    x, h, share = features("target")
    counted = data["target"]["valid"].ravel()
    q = share["main"]
    squares = -q * (q - (q**2).sum(-1, keepdims=True)) * counted[:, None] / counted.sum()
    label, kept = labelled(share["main"], share["low"], threshold=THRESHOLD)
    assert (kept & counted).any()
    assert (kept & ~counted).any()
    assert (~kept & counted).any()
    guide, dguide = cross_entropy(share["low"], label, kept & counted)
    back(x, h, main=LAMBDA * squares, low=LAMBDA_SEG * LAMBDA * dguide)

    found = {name: float(value) for name, value in metrics["terms"].items()}
    square = (-0.5 * (q**2).sum(-1))[counted].mean()
    expected = {"source": ce, "source_aux": ce_aux, "target": square, "guided": guide}
    assert found == pytest.approx(expected, rel=1e-5)
    jax.tree.map(
        lambda after, before, g: np.testing.assert_allclose(after, before - RATE * g, rtol=2e-5, atol=1e-6),
        new.params,
        p,
        gradient,
    )


def test_guidance_does_not_move_the_main_head_through_its_labels() -> None:
    def moved(guided: Guided | None) -> Any:
        m = method(guided)
        return m.step(loud(start(m)), batch(), 0)[0].params

    without, within = moved(None), moved(Guided(threshold=THRESHOLD))
    jax.tree.map(np.testing.assert_array_equal, without["main"], within["main"])
    assert np.abs(without["low"]["kernel"] - within["low"]["kernel"]).max() > 1e-3
    assert np.abs(without["trunk"]["kernel"] - within["trunk"]["kernel"]).max() > 1e-4


def test_where_no_pixel_passes_value_and_gradient_are_zero() -> None:
    logits = jax.random.normal(jax.random.key(0), (2, 4, 5, 3))
    data = {"label": jnp.zeros((2, 4, 5), jnp.uint8), "valid": jnp.ones((2, 4, 5), bool)}

    def value(aux: Any, threshold: float, valid: Any) -> Any:
        guided = Guided(threshold=threshold)
        return guided(Network(3), Output(logits=logits, aux=aux), data | {"valid": valid})

    for threshold, valid in ((1.0, data["valid"]), (0.0, ~data["valid"])):
        found, gradient = jax.value_and_grad(value)(0.5 * logits, threshold, valid)
        assert float(found) == 0.0
        assert not np.asarray(gradient).any()
    found, gradient = jax.value_and_grad(value)(0.5 * logits, 0.0, data["valid"])
    assert float(found) > 0.0
    assert np.asarray(gradient).any()


def test_the_hard_mode_is_cross_entropy_of_the_main_head_with_its_own_sure_labels() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(2, 4, 5, 3)) * 2
    data = jax.tree.map(
        jnp.asarray, {"label": np.full((2, 4, 5), 255, np.uint8), "valid": rng.random((2, 4, 5)) < 0.8}
    )
    hard = Guided(guide="own", head="logits", threshold=0.7)
    output = Output(logits=jnp.asarray(z, jnp.float32))  # there is no auxiliary head
    value, slope = jax.value_and_grad(lambda x: hard(Network(3), output._replace(logits=x), data))(
        output.logits
    )
    p = softmax(z)
    kept = (p.max(-1) > 0.7) & np.asarray(data["valid"])
    assert 0 < kept.sum() < kept.size
    assert float(value) == pytest.approx(-np.log(p.max(-1))[kept].mean(), rel=1e-5)
    expected = (p - np.eye(3)[z.argmax(-1)]) * kept[..., None] / kept.sum()
    np.testing.assert_allclose(slope, expected, atol=1e-6)


def test_heads_of_any_stride_are_brought_to_the_labels_first() -> None:
    rng = np.random.default_rng(2)
    main, aux = (
        jnp.asarray(rng.normal(size=shape) * 3, jnp.float32) for shape in ((1, 4, 6, 3), (1, 2, 3, 3))
    )
    data = {"label": jnp.zeros((1, 8, 12), jnp.uint8), "valid": jnp.ones((1, 8, 12), bool)}
    net = Network(3)
    wide = [net.upsample(x, (8, 12)) for x in (main, aux)]
    guided = Guided(threshold=0.7)
    found = guided(net, Output(logits=main, aux=aux), data)
    label, kept = labelled(*(softmax(np.asarray(x, np.float64)) for x in wide), threshold=0.7)
    ce = -np.log(np.take_along_axis(softmax(np.asarray(wide[1], np.float64)), label[..., None], -1))[..., 0]
    assert float(found) == pytest.approx(ce[kept].mean(), rel=1e-5)


def test_threshold_and_weight_are_leaves() -> None:
    logits = 2 * jax.random.normal(jax.random.key(0), (2, 4, 5, 3))
    data = {"label": jnp.zeros((2, 4, 5), jnp.uint8), "valid": jnp.ones((2, 4, 5), bool)}

    def value(threshold: Any) -> Any:
        return Guided(threshold=threshold)(Network(3), Output(logits=logits, aux=0.3 * logits), data)

    thresholds = jnp.array([0.5, 0.7, 0.9])
    together = jax.vmap(value)(thresholds)
    np.testing.assert_allclose(together, [value(threshold) for threshold in thresholds], rtol=1e-6)
    assert len(set(together.tolist())) == 3
    assert jax.tree.leaves(Guided(weight=0.5, threshold=0.8)) == [0.5, 0.8]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"domain": "moon"}, "objective.guided.domain: 'moon'; use 'source' or 'target'"),
        ({"head": "tail"}, "objective.guided.head: 'tail'; use 'logits' or 'aux'"),
        ({"guide": "all"}, "objective.guided.guide: 'all'; use 'both' or 'own'"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        method(Guided(**fields)).validate()
    assert str(caught.value) == words


def test_a_network_without_the_auxiliary_head_is_refused() -> None:
    m = ObjectiveMethod(network=network(), objective={"guided": Guided()}, steps=1)
    assert m.needs() == ("target",)
    with pytest.raises(InputError, match="has no 'aux' output"):
        m.step(start(m), batch(), 0)


def test_a_guided_run_resumes_and_does_not_depend_on_the_devices(tmp_path: Path) -> None:
    m = method(Guided(threshold=THRESHOLD), steps=2)
    check_resumed(tmp_path, m, after=(1,))
    check_meshes(tmp_path, m, meshes=(MeshShape(data=2, space=4),))
