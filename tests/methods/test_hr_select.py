"""Similarity weighting against its longhand, with the reconstruction's game beside it, resumed and on meshes."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Adam, ConservativeGAN, GameWeights, HRSelect, Reconstruction, Term, Weighted
from jaxseg.models.unet import WeightNetwork
from jaxseg.train import MeshShape
from tests import tiny
from tests.methods.adversaries import close, equal
from tests.methods.contract import check_meshes, check_resumed
from tests.methods.linear import Linear, mean_slope, poly, slope, softmax, summed
from tests.methods.players import Judge, Painter, judge, painter
from tests.methods.weighting import CLASSES, Pairs, Scaled, batch, network
from tests.models._fresh import QUICK

CROSS_ENTROPY = losses.SoftmaxCrossEntropy()
PLAIN = SGD(learning_rate=0.2, momentum=0.0, weight_decay=0.0)
OBJECTIVE = {
    "source": Weighted(CROSS_ENTROPY),
    "target": Term(CROSS_ENTROPY, weight=0.5, domain="target"),
}


def weighting(channels: int = CLASSES, pairs: int = 1) -> WeightNetwork:
    return WeightNetwork(CLASSES, Scaled(), channels=channels, module=Pairs(pairs=pairs, deep=False))


def drawn(**fields: Any) -> Reconstruction:
    values: dict[str, Any] = {
        "generator": painter(Painter(), channels=CLASSES),
        "discriminator": judge(Judge()),
        "weights": GameWeights(reconstruction=2.0, encoder=0.5),
        "generator_optimizer": PLAIN,
        "discriminator_optimizer": PLAIN,
        "embedding": "logits",
    }
    return Reconstruction(**(values | fields))


def method(**fields: Any) -> HRSelect:
    values: dict[str, Any] = {
        "network": network(Linear()),
        "weighting": weighting(),
        "objective": OBJECTIVE,
        "steps": 2,
        "optimizer": PLAIN,
        "weighting_optimizer": SGD(learning_rate=3.0, momentum=0.0, weight_decay=0.0),
    }
    return HRSelect(**(values | fields))


def start(m: Any) -> Any:
    return jax.jit(
        lambda: m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0), compiler_options=QUICK
    )()


_step = jax.jit(lambda m, state, given: m.step(state, given, 0), compiler_options=QUICK)


def padded(seed: int) -> dict[str, dict[str, jax.Array]]:
    """Of each domain other pixels are padding."""
    given = batch(seed)
    rng = np.random.default_rng(seed + 10)
    return {d: {**part, "valid": jnp.asarray(rng.random((2, 4, 5)) < 0.8)} for d, part in given.items()}


@pytest.mark.parametrize(
    ("compared", "pairs"),
    [("predictions", 1), pytest.param("images", 1, marks=pytest.mark.slow), ("predictions", CLASSES)],
    ids=["predictions", "images", "W19"],
)
def test_two_steps_equal_their_longhand(compared: str, pairs: int) -> None:
    m = method(compared=compared, weighting=weighting(pairs=pairs))
    m.validate()
    state = start(m)
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.params)
    theta, phi = params["network"]["head"], params["weighting"]["scores"]
    for step in range(2):
        given = padded(step)
        data = jax.tree.map(np.asarray, given)
        state, metrics = _step(m, state, given)
        lost, d, x = slope(theta, data["source"])
        _, _, other = slope(theta, data["target"])
        if compared == "images":
            maps = [data[domain]["image"].astype(np.float64) / 255 for domain in ("source", "target")]
        else:
            maps = [softmax(z @ theta["kernel"] + theta["bias"]) for z in (x, other)]
        scores = maps[0] @ phi["kernel"] + phi["bias"]
        w = softmax(scores.reshape(*scores.shape[:-1], pairs, 2))[..., 1]
        both = data["source"]["valid"] & data["target"]["valid"]
        apart = w * maps[0] - maps[1]
        similarity = ((apart**2).sum(-1) * both).sum() / both.sum()
        dw = 2 * apart * maps[0] * both[..., None] / both.sum()
        dw = (dw.sum(-1, keepdims=True) if pairs == 1 else dw) * w * (1 - w)
        of_phi = summed(maps[0], np.stack([-dw, dw], -1).reshape(*dw.shape[:-1], -1))
        label = data["source"]["label"]
        known = label < CLASSES
        own = np.where(known, label, 0).astype(int) if pairs > 1 else np.zeros(label.shape, int)
        held = np.take_along_axis(w, own[..., None], -1)[..., 0]
        of_source = summed(x, d * held[..., None] / known.sum())
        at, of_target = mean_slope(theta, data["target"])
        fade = poly(step, 2)
        phi = {leaf: phi[leaf] - 3.0 * fade * of_phi[leaf] for leaf in phi}
        theta = {leaf: theta[leaf] - 0.2 * fade * (of_source[leaf] + 0.5 * of_target[leaf]) for leaf in theta}
        terms = {name: float(value) for name, value in metrics["terms"].items()}
        assert terms["similarity"] == pytest.approx(similarity, rel=1e-5)
        assert terms["source"] == pytest.approx((held * lost).sum() / known.sum(), rel=1e-5)
        assert terms["target"] == pytest.approx(at, rel=1e-5)
        assert float(metrics["loss"]) == pytest.approx(terms["source"] + 0.5 * at, rel=1e-5)
        assert float(metrics["weight"]) == pytest.approx(held[known].mean(), rel=1e-5)
        for mine, his in (
            (theta, state.params["network"]["head"]),
            (phi, state.params["weighting"]["scores"]),
        ):
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=3e-5, atol=2e-6), mine, dict(his))


def test_the_best_weight_keeps_what_agrees_and_drops_what_does_not() -> None:
    """Sure predictions: where they are alike W = 1 costs nothing, where they are not W = 0 costs least."""
    m = method()
    hot = jax.nn.one_hot(jnp.zeros((1, 4, 5), jnp.int32), CLASSES)
    other = hot.at[:, 2:].set(jax.nn.one_hot(jnp.ones((1, 2, 5), jnp.int32), CLASSES))
    part = {"valid": jnp.ones((1, 4, 5), bool), "label": jnp.zeros((1, 4, 5), jnp.int32)}

    def value(bias: float, target: Any) -> float:
        phi = {"scores": {"kernel": jnp.zeros((CLASSES, 2)), "bias": jnp.array([0.0, bias])}}
        maps, given = {"source": hot, "target": target}, {"source": part, "target": part}
        return float(m._similarity(phi, {}, maps, given, jax.random.key(0))[0])

    assert value(30.0, hot) == pytest.approx(0.0, abs=1e-6)
    assert value(-30.0, hot) == pytest.approx(1.0, rel=1e-6)
    assert value(0.0, other) == pytest.approx(0.75, rel=1e-6)  # half a 1/4, half 1/4 + 1
    apart = jax.nn.one_hot(jnp.ones((1, 4, 5), jnp.int32), CLASSES)
    assert value(-30.0, apart) == pytest.approx(1.0, rel=1e-6)
    assert value(30.0, apart) == pytest.approx(2.0, rel=1e-6)


def test_the_reconstruction_is_the_game_on_the_scores_beside_the_weights() -> None:
    """With weights that are held at 1/2, the others move as `ConservativeGAN` moves them."""
    m = method(reconstruction=drawn(), weighting_optimizer=SGD(learning_rate=0.0), weighting=weighting())
    m.validate()
    state, given = start(m), padded(0)
    assert set(state.params) == {"network", "generator", "discriminator", "weighting"}
    half = jax.tree.map(jnp.zeros_like, state.params["weighting"])
    state = dataclasses.replace(state, params={**state.params, "weighting": half})
    after, metrics = _step(m, state, given)
    plain = {"source": Term(CROSS_ENTROPY, weight=0.5), "target": OBJECTIVE["target"]}
    game = ConservativeGAN(
        network=m.network,
        generator=painter(Painter(), channels=CLASSES),
        discriminator=judge(Judge()),
        objective=plain,
        steps=2,
        weights=GameWeights(reconstruction=2.0, encoder=0.5),
        noise=0.0,
        embedding="logits",
        optimizer=PLAIN,
        generator_optimizer=PLAIN,
        discriminator_optimizer=PLAIN,
    )
    players = ("network", "generator", "discriminator")
    began = start(game)
    equal(began.params, {name: state.params[name] for name in players})
    expected, told = _step(game, began, given)
    close({name: after.params[name] for name in players}, expected.params)
    equal(after.params["weighting"], half)
    for name in ("reconstruction", "encoder", "generator", "discriminator"):
        assert float(metrics["terms"][name]) == pytest.approx(float(told["terms"][name]), rel=1e-6)


def test_it_resumes(tmp_path: Path) -> None:
    m = method(network=tiny.network(normalize=True, dropout=0.2), optimizer=Adam(learning_rate=0.1))
    check_resumed(tmp_path, m, after=(1,))


@pytest.mark.slow
def test_it_resumes_and_is_the_same_on_many_devices_with_the_reconstruction(tmp_path: Path) -> None:
    m = method(network=tiny.network(normalize=True, dropout=0.2), reconstruction=drawn(noise=0.1))
    check_resumed(tmp_path, m, after=(1,))
    check_meshes(tmp_path, m, meshes=(MeshShape(data=8), MeshShape(data=2, space=4)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"compared": "features"}, "compared: 'features' is not known; use 'predictions' or 'images'"),
        ({"objective": {"source": Term(CROSS_ENTROPY)}}, "no term weighs the source's pixels"),
        ({"objective": {**OBJECTIVE, "similarity": OBJECTIVE["target"]}}, "objective.similarity: the name"),
        ({"weighting": weighting(channels=4)}, "weighting.channels: 4 and predictions have 3"),
        (
            {"weighting": dataclasses.replace(weighting(), classes=5)},
            "weighting.classes: 5 and the network scores 3",
        ),
        ({"reconstruction": drawn(embedding="image")}, "embedding: 'image' is not known"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        method(**fields).validate()
    assert "\n" not in str(caught.value)


def test_data_that_cannot_be_compared_is_refused() -> None:
    m = method()
    state, given = start(m), batch()
    small = jax.tree.map(lambda leaf: leaf[:, :3], given["target"])
    with pytest.raises(InputError, match="source maps of 4x5 pixels and target maps of 3x5"):
        jax.eval_shape(lambda: m.step(state, {**given, "target": small}, 0))
    images = method(network=tiny.classifier())
    part = {"image": jnp.zeros((2, 4, 5, 3)), "label": jnp.zeros(2, jnp.int32), "valid": jnp.ones(2, bool)}
    with pytest.raises(InputError, match="labels are classes of whole images, and HRSelect weighs pixels"):
        jax.eval_shape(lambda: images.step(state, {"source": part, "target": part}, 0))
