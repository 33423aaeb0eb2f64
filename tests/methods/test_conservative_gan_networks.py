"""The game with LSD-seg's discriminator, with convolutions, noise and dropout, on meshes, and resumed."""

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
from jaxseg.methods import LSD_WEIGHTS, SGD, ConservativeGAN, Term, WarmStart
from jaxseg.methods._game import KINDS, GameWeights, Referee
from jaxseg.models import Output
from jaxseg.train import MeshShape
from tests.methods.adversaries import batch, close, equal
from tests.methods.contract import check_meshes, check_resumed
from tests.methods.players import Encoder, Judge, Painter, advanced, game, judge, network, painter, start
from tests.models._fresh import QUICK
from tests.tiny import Blocks

SIZE = (4, 6)
RATE = SGD(learning_rate=0.01, momentum=0.0, weight_decay=0.0)


class Strided(nn.Module):
    """Features at half the image's size, over one normalised convolution."""

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = nn.Conv(4, (3, 3), strides=2, name="trunk")(image)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9, name="norm")(x))
        return Output(logits=nn.Conv(3, (1, 1), name="head")(x), features=x)


def nll(scores: Any, label: Any) -> Any:
    """Sums over pixels, divided by the number of images, void left out."""
    log_p = scores - jnp.log(jnp.sum(jnp.exp(scores), axis=-1, keepdims=True))
    truth = jnp.arange(scores.shape[-1]) == jnp.broadcast_to(label, scores.shape[:-1])[..., None]
    return -jnp.sum(jnp.where(truth, log_p, 0.0)) / scores.shape[0]


def test_the_three_losses_of_lsd_seg_and_the_gradients_at_the_old_parameters() -> None:
    m = game(
        network=network(Encoder(normalize=False)),
        discriminator=judge(Judge(scores=4, classes=3)),
        objective={"source": Term(losses.SoftmaxCrossEntropy())},
        weights=LSD_WEIGHTS,
        update="simultaneous",
        reading="four",
        reduction="sum",
        optimizer=RATE,
        generator_optimizer=RATE,
        discriminator_optimizer=RATE,
    )
    m.validate()
    state, given = start(m), batch(4, SIZE)
    # The game begins with heads that tell nothing; these do.
    key = jax.random.key(1)
    params = jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(key, leaf.shape), state.params)
    state = dataclasses.replace(state, params=params)
    after, metrics = advanced(m, state, given)

    source, target = given["source"], given["target"]
    dense = lambda x, p: x @ p["kernel"] + p["bias"]  # noqa: E731
    seen = {d: jnp.where(given[d]["valid"][..., None], given[d]["image"] / 255, 0.0) for d in given}
    # Of a grid of a quarter of the pixels each shows the label at its middle, one down and one to the right.
    small = jnp.where(source["label"] < 3, source["label"].astype(jnp.int32), -1)[:, 1::2, 1::2]

    def features(e: Any, d: str) -> Any:
        return dense((given[d]["image"] - 127.5) / 127.5, e["trunk"])

    def made(e: Any, g: Any, d: str) -> Any:
        return jnp.where(given[d]["valid"][..., None], jax.nn.sigmoid(dense(features(e, d), g["paint"])), 0.0)

    def kinds(d_: Any, x: Any) -> Any:
        return dense(x, d_["kinds"])

    def classes(d_: Any, x: Any) -> Any:
        return nll(dense(x[:, 1::2, 1::2], d_["classes"]), small)

    e0, g0, d0 = params["network"], params["generator"], params["discriminator"]
    fake = {d: made(e0, g0, d) for d in given}

    def of_discriminator(d_: Any) -> Any:
        real = nll(kinds(d_, seen["source"]), 0) + nll(kinds(d_, seen["target"]), 2)
        false = nll(kinds(d_, fake["source"]), 1) + nll(kinds(d_, fake["target"]), 3)
        return real + false + classes(d_, seen["source"])

    def of_generator(g: Any) -> Any:
        x = {d: made(e0, g, d) for d in given}
        rebuilt = sum(
            jnp.sum(jnp.abs(x[d] - seen[d])) / (3 * jnp.sum(given[d]["valid"], dtype=jnp.float32))
            for d in given
        )
        answers = nll(kinds(d0, x["source"]), 0) + nll(kinds(d0, x["target"]), 2)
        return classes(d0, x["source"]) + 0.1 * answers + rebuilt

    def of_encoder(e: Any) -> Any:
        x = {d: made(e, g0, d) for d in given}
        label = jnp.where(source["label"] < 3, source["label"].astype(jnp.int32), -1)
        segmentation = nll(dense(features(e, "source"), e["head"]), label)
        answers = nll(kinds(d0, x["source"]), 2) + nll(kinds(d0, x["target"]), 0)
        return segmentation + 0.1 * answers + 0.1 * classes(d0, x["source"])

    assert target["label"].shape == source["label"].shape
    for player, loss in (
        ("discriminator", of_discriminator),
        ("generator", of_generator),
        ("network", of_encoder),
    ):
        gradient = jax.jit(jax.grad(loss), compiler_options=QUICK)(params[player])
        wanted = jax.tree.map(lambda p, g: p - 0.01 * g, params[player], gradient)
        close(after.params[player], wanted, rtol=1e-4, atol=1e-5)
    assert float(metrics["loss"]) == pytest.approx(float(of_encoder(e0)), rel=1e-5)
    terms = {name: float(value) for name, value in metrics["terms"].items()}
    assert terms["discriminator"] + terms["discriminator_classes"] == pytest.approx(
        float(of_discriminator(d0)), rel=1e-5
    )
    assert (0.1 * terms["generator"] + terms["generator_classes"] + terms["reconstruction"]) == pytest.approx(
        float(of_generator(g0)), rel=1e-5
    )
    found = {
        kind: np.argmax(kinds(d0, x), axis=-1)
        for kind, x in enumerate((seen["source"], fake["source"], seen["target"], fake["target"]))
    }
    right = np.mean([(value == kind).mean() for kind, value in found.items()])
    assert float(metrics["discriminator_accuracy"]) == pytest.approx(right, abs=1e-6)


def test_noise_is_normal_of_the_deviation_given_and_the_seeds() -> None:
    m = game(noise=0.3)
    maps = {d: Output(logits=jnp.zeros((2, 60, 80, 3)), features=jnp.zeros((2, 60, 80, 4))) for d in batch()}
    part = {"image": jnp.zeros((2, 60, 80, 3)), "valid": jnp.ones((2, 60, 80), bool)}
    # A generator that shows three of the four channels.
    params = {"paint": {"kernel": jnp.eye(4, 3), "bias": jnp.zeros(3)}}
    draw = lambda key: m._generated(params, maps, {d: part for d in maps}, key)  # noqa: E731
    images = draw(jax.random.key(0))
    seen = {d: np.log(image / (1 - image)) for d, image in images.items()}
    for values in seen.values():
        assert values.mean() == pytest.approx(0.0, abs=0.01)
        assert values.std() == pytest.approx(0.3, rel=0.02)
    assert abs(np.corrcoef(seen["source"].ravel(), seen["target"].ravel())[0, 1]) < 0.03
    equal(draw(jax.random.key(0)), images)
    assert not np.array_equal(draw(jax.random.key(1))["source"], images["source"])


def drawing(**fields: Any) -> ConservativeGAN:
    """Every network draws, and has batch statistics where it can."""
    return game(
        **{
            "network": network(Encoder(dropout=0.2)),
            "generator": painter(Painter(dropout=0.2)),
            "discriminator": judge(Judge(normalize=True, dropout=0.2)),
            "noise": 0.2,
            "steps": 2,
            "gradient_share": True,
        }
        | fields
    )


@pytest.mark.slow
def test_it_resumes_in_either_phase(tmp_path: Path) -> None:
    warm = WarmStart(steps=1, objective={"source": Term(losses.SoftmaxCrossEntropy())}, optimizer=RATE)
    check_resumed(tmp_path, drawing(warm_start=warm, warm_start_game=True), after=(1, 2))


@pytest.mark.slow
def test_many_devices_compute_what_one_computes(tmp_path: Path) -> None:
    method = drawing(
        network=network(Strided()),
        generator=models.generator(3, embedding=(4,), strides=(2,), width=2, noise=1),
        discriminator=models.patchgan(2, layers=1, width=4),
        # SGD for all: Adam makes whole steps of gradients that are nothing but rounding.
        generator_optimizer=RATE,
        discriminator_optimizer=RATE,
    )
    tall = {"data": Blocks(size=(32, 16)), "target": Blocks(size=(32, 16), shift=60)}
    check_meshes(tmp_path, method, meshes=(MeshShape(data=8), MeshShape(data=2, space=4)), **tall)


def test_every_number_is_a_leaf_that_is_stacked() -> None:
    given = batch(0, SIZE)

    def weighed(encoder: Any, base: Any) -> ConservativeGAN:
        return game(
            objective={"source": Term(losses.Conservative(base=base))}, weights=GameWeights(encoder=encoder)
        )

    began = start(game())
    pairs = ((0.0, 2.0), (1.5, 3.0))

    def update(encoder: Any, base: Any) -> Any:
        return weighed(encoder, base).step(began, given, 0)[0].params

    together = jax.jit(jax.vmap(update), compiler_options=QUICK)(*map(jnp.array, zip(*pairs, strict=True)))
    for index, (encoder, base) in enumerate(pairs):
        one = advanced(weighed(encoder, base), began, given)[0].params
        close(jax.tree.map(lambda leaf, i=index: leaf[i], together), one, rtol=1e-5)


def test_devices_are_no_more_than_the_rows_of_patches_that_they_share() -> None:
    referee = Referee("binary", "mean", losses.AdversarialCrossEntropy(), 3)
    with jax.set_mesh(MeshShape(data=2, space=4).build(8)):
        assert float(referee.answer(jnp.zeros((2, 4, 3, 2)), KINDS[0], "generator")) > 0.0
        with pytest.raises(
            InputError, match=r"mesh.space: 4 devices .* has 2 rows of patches; use at most 2"
        ):
            referee.answer(jnp.zeros((2, 2, 3, 2)), KINDS[0], "generator")
