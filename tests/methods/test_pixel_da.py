"""Pixel-level adaptation: a step against the three players' losses written out, and what must not move whom."""

import dataclasses
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses, models
from jaxseg.errors import InputError
from jaxseg.methods import SGD, PixelDA, PixelDAWeights, Term
from jaxseg.methods._redrawn import content_distance
from jaxseg.models import MapNetwork, Output
from jaxseg.train import MeshShape
from tests import tiny
from tests.methods.adversaries import Linear as Judge
from tests.methods.adversaries import close, equal
from tests.methods.contract import check_meshes, check_resumed
from tests.methods.linear import Linear
from tests.methods.weighting import CLASSES, batch, network
from tests.models._fresh import QUICK
from tests.tiny import Blocks

CROSS_ENTROPY = losses.SoftmaxCrossEntropy()
PLAIN = {"momentum": 0.0, "weight_decay": 0.0}
WEIGHTS = PixelDAWeights(domain=0.8, adversarial=0.7, task=0.6, content=1.5, original=0.4)
OBJECTIVE = {
    "source": Term(CROSS_ENTROPY, weight=0.9),
    "target": Term(CROSS_ENTROPY, weight=0.5, domain="target"),
}


class Painter(nn.Module):
    """A linear colour of every pixel and its noise."""

    @nn.compact
    def __call__(self, maps: jax.Array, train: bool) -> Output:
        return Output(logits=nn.Dense(3, name="paint")(maps))


def painter(noise: int = 2) -> MapNetwork:
    return MapNetwork(3, channels=3 + noise, module=Painter())


def judge(**fields: Any) -> MapNetwork:
    return MapNetwork(1, channels=3, module=Judge(**fields))


def method(**fields: Any) -> PixelDA:
    values: dict[str, Any] = {
        "network": network(Linear()),
        "generator": painter(),
        "discriminator": judge(),
        "objective": OBJECTIVE,
        "steps": 2,
        "weights": WEIGHTS,
        "noise": 2,
        "optimizer": SGD(learning_rate=0.2, **PLAIN),
        "generator_optimizer": SGD(learning_rate=0.3, **PLAIN),
        "discriminator_optimizer": SGD(learning_rate=0.5, **PLAIN),
    }
    return PixelDA(**(values | fields))


def start(m: PixelDA) -> Any:
    return jax.jit(
        lambda: m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0), compiler_options=QUICK
    )()


_step = jax.jit(PixelDA.step, static_argnums=3, compiler_options=QUICK)


def padded(seed: int = 0) -> dict[str, dict[str, jax.Array]]:
    given = batch(seed)
    rng = np.random.default_rng(seed + 10)
    return {d: {**part, "valid": jnp.asarray(rng.random((2, 4, 5)) < 0.8)} for d, part in given.items()}


def test_a_step_is_that_of_the_three_losses_one_player_after_the_other() -> None:
    m, given = method(), padded()
    m.validate()
    state = start(m)
    key = jax.random.key(1)
    params = jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(key, leaf.shape), state.params)
    state = dataclasses.replace(state, params=params)
    after, metrics = _step(m, state, given, 0)

    source, target = given["source"], given["target"]
    inside = source["valid"][..., None]
    seen = {d: jnp.where(p["valid"][..., None], p["image"] / 127.5 - 1, 0.0) for d, p in given.items()}
    # z is of this step and an image; all else here is told by the method's text.
    z = jax.random.uniform(jax.random.fold_in(state.key(1), 3), (2, 1, 1, 2), minval=-1.0, maxval=1.0)
    dense = lambda x, p: x @ p["kernel"] + p["bias"]  # noqa: E731

    def redrawn(g: Any) -> Any:
        maps = jnp.concatenate([seen["source"], jnp.broadcast_to(z, (2, 4, 5, 2))], -1)
        return jnp.where(inside, jnp.tanh(dense(maps, g["paint"])), 0.0)

    def lost(t: Any, x: Any, label: Any) -> Any:
        known = label < CLASSES
        log_p = jax.nn.log_softmax(dense(x, t["head"]))
        truth = jnp.arange(CLASSES) == label.astype(jnp.int32)[..., None]
        return -jnp.sum(jnp.where(truth & known[..., None], log_p, 0.0)) / jnp.sum(known).astype(jnp.float32)

    def asked(d: Any, x: Any, real: bool) -> Any:
        s = dense(x, d["classifier"])
        return jnp.mean(jnp.log1p(jnp.exp(-s if real else s)))

    def of_judge(d: Any) -> Any:
        return 0.8 * (asked(d, redrawn(params["generator"]), False) + asked(d, seen["target"], True))

    def of_network(t: Any) -> Any:
        drawn, original = redrawn(params["generator"]), source["image"] / 127.5 - 1
        own = lost(t, drawn, source["label"]) + 0.4 * lost(t, original, source["label"])
        return 0.9 * own + 0.5 * lost(t, target["image"] / 127.5 - 1, target["label"])

    def of_painter(g: Any, d: Any, t: Any) -> Any:
        x = redrawn(g)
        apart = x - seen["source"]
        content = []
        for image, where in zip(apart, source["valid"], strict=True):
            numbers = image[np.asarray(where)].ravel()
            content.append(jnp.mean(numbers**2) - jnp.mean(numbers) ** 2)
        task = 0.6 * 0.9 * lost(t, x, source["label"])
        return 0.7 * asked(d, x, True) + task + 1.5 * (content[0] + content[1]) / 2

    moved = {}
    for player, loss, rate in (("discriminator", of_judge, 0.5), ("network", of_network, 0.2)):
        value, gradient = jax.value_and_grad(loss)(params[player])
        moved[player] = jax.tree.map(lambda p, g, rate=rate: p - rate * g, params[player], gradient)
        if player == "network":
            assert float(metrics["loss"]) == pytest.approx(float(value), rel=1e-5)
        else:
            assert 0.8 * float(metrics["terms"]["discriminator"]) == pytest.approx(float(value), rel=1e-5)
    value, gradient = jax.value_and_grad(of_painter)(
        params["generator"], moved["discriminator"], moved["network"]
    )
    moved["generator"] = jax.tree.map(lambda p, g: p - 0.3 * g, params["generator"], gradient)
    for player, wanted in moved.items():
        close(after.params[player], wanted, rtol=1e-4, atol=1e-6)
    terms = {name: float(found) for name, found in metrics["terms"].items()}
    told = 0.7 * terms["generator"] + 0.6 * terms["task"] + 1.5 * terms["content"]
    assert told == pytest.approx(float(value), rel=1e-5)
    assert set(terms) == {*OBJECTIVE, "source_redrawn", "discriminator", "generator", "content", "task"}
    scores = [
        np.asarray(dense(x, params["discriminator"]["classifier"]))
        for x in (redrawn(params["generator"]), seen["target"])
    ]
    right = ((scores[0] < 0).mean() + (scores[1] > 0).mean()) / 2
    assert float(metrics["discriminator_accuracy"]) == pytest.approx(right, abs=1e-6)


def test_without_its_weights_the_redrawing_is_nothing_to_the_generator() -> None:
    weights = PixelDAWeights(adversarial=0.0, task=0.0, content=0.0)
    m = method(weights=weights)
    state = start(m)
    after, _ = _step(m, state, padded(), 0)
    equal(after.params["generator"], state.params["generator"])


@pytest.mark.fast
def test_a_change_of_all_pixels_alike_has_no_distance_and_padding_does_not_count() -> None:
    valid = jnp.array([[[True, True, False]]])
    apart = jnp.stack([jnp.array([[0.3] * 3, [0.3] * 3, [9.0] * 3])])[None]
    assert float(content_distance(apart, valid)) == pytest.approx(0.0, abs=1e-7)
    apart = apart.at[0, 0, 0].set(0.5)
    assert float(content_distance(apart, valid)) == pytest.approx(0.01, rel=1e-5)
    assert float(content_distance(apart, jnp.zeros_like(valid))) == 0.0


def test_pictures_are_of_images_of_any_domain_and_without_noise() -> None:
    m = method()
    state = start(m)
    image = batch()["source"]["image"]
    found = m.pictures(state, image, "source")
    paint = state.params["generator"]["paint"]
    wanted = np.tanh((np.asarray(image) / 127.5 - 1) @ paint["kernel"][:3] + paint["bias"])
    np.testing.assert_allclose(found["redrawn"], (wanted + 1) / 2, rtol=1e-5, atol=1e-6)


def test_weights_are_leaves_that_are_stacked() -> None:
    given, began = padded(), start(method())

    def update(content: Any) -> Any:
        weights = dataclasses.replace(WEIGHTS, content=content)
        return method(weights=weights).step(began, given, 0)[0].params["generator"]

    together = jax.jit(jax.vmap(update), compiler_options=QUICK)(jnp.array([0.0, 1.5]))
    one = _step(method(), began, given, 0)[0].params["generator"]
    close(jax.tree.map(lambda leaf: leaf[1], together), one, rtol=1e-5)
    assert not np.allclose(together["paint"]["kernel"][0], together["paint"]["kernel"][1], atol=1e-6)


@pytest.mark.slow
def test_it_resumes_and_many_devices_compute_what_one_computes(tmp_path: Path) -> None:
    m = method(
        network=tiny.network(normalize=True, dropout=0.2),
        generator=models.redrawer(noise=2, blocks=1, width=4),
        discriminator=models.redrawn_discriminator(halvings=1, width=4),
    )
    tall = {"data": Blocks(size=(32, 16)), "target": Blocks(size=(32, 16), shift=60)}
    check_resumed(tmp_path, m, after=(1,), **tall)
    check_meshes(tmp_path, m, meshes=(MeshShape(data=8), MeshShape(data=2, space=4)), **tall)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"noise": 3}, r"generator.channels: 5 and an image with noise has 3 \+ 3"),
        ({"objective": {"target": OBJECTIVE["target"]}}, "objective: it has no term of the source"),
        ({"objective": {"content": OBJECTIVE["source"]}}, "objective.content: content or content_redrawn"),
        (
            {"discriminator": dataclasses.replace(judge(), classes=2)},
            "discriminator.classes: 2; it gives 1 a pixel or patch",
        ),
        ({"discriminator": dataclasses.replace(judge(), channels=4)}, "discriminator.channels: 4"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        method(**fields).validate()
    assert "\n" not in str(caught.value)


def test_classes_of_whole_images_are_refused() -> None:
    m = method(network=tiny.classifier())
    part = {"image": jnp.zeros((2, 4, 5, 3)), "label": jnp.zeros(2, jnp.int32), "valid": jnp.ones(2, bool)}
    state = start(m)
    with pytest.raises(InputError, match="labels are classes of whole images; this PixelDA is one"):
        jax.eval_shape(lambda: m.step(state, {"source": part, "target": part}, 0))
