"""Learning to reweight against its longhand, and against the derivative that defines it."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Adam, Reweight
from jaxseg.methods._meta import through_the_step
from jaxseg.methods._steps import forwarded
from jaxseg.methods.method import METHOD_STREAM
from jaxseg.train import MeshShape
from tests import tiny
from tests.methods.contract import check_meshes, check_resumed
from tests.methods.linear import Linear, mean_slope, poly, slope, summed
from tests.methods.weighting import CLASSES, batch, network
from tests.models._fresh import QUICK


def method(**fields: Any) -> Reweight:
    values: dict[str, Any] = {
        "network": network(Linear()),
        "steps": 3,
        "optimizer": SGD(learning_rate=0.2, weight_decay=0.0),
    }
    return Reweight(**(values | fields))


def start(m: Reweight) -> Any:
    return jax.jit(
        lambda: m.begin(m.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0), compiler_options=QUICK
    )()


_step = jax.jit(Reweight.step, static_argnums=3, compiler_options=QUICK)


@pytest.mark.parametrize(
    ("per", "target_weight"), [pytest.param("image", 0.0, marks=pytest.mark.fast), ("pixel", 1.0)]
)
def test_two_steps_equal_their_longhand(per: str, target_weight: float) -> None:
    m = method(per=per, target_weight=target_weight)
    state = start(m)
    theta = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), dict(state.params["head"]))
    velocity = jax.tree.map(np.zeros_like, theta)
    for step in range(2):
        given = batch(step)
        data = jax.tree.map(np.asarray, given)
        state, metrics = _step(m, state, given, 0)
        lost, d, x = slope(theta, data["source"])
        at, v = mean_slope(theta, data["target"])
        c = (d * (x @ v["kernel"] + v["bias"])).sum(-1)
        if per == "image":
            counts = (data["source"]["label"] < CLASSES).sum((1, 2), keepdims=True)
            c, lost, d = c.sum((1, 2), keepdims=True) / counts, lost / counts, d / counts[..., None]
        weights = np.maximum(c, 0)
        weights = np.broadcast_to(weights / (weights.sum() or 1.0), lost.shape)
        gradient = summed(x, d * weights[..., None])
        for leaf in theta:
            velocity[leaf] = 0.9 * velocity[leaf] + gradient[leaf] + target_weight * v[leaf]
            theta[leaf] = theta[leaf] - 0.2 * poly(step, 3) * velocity[leaf]
        assert weights.sum() > 0
        assert float(metrics["terms"]["source"]) == pytest.approx((weights * lost).sum(), rel=1e-4)
        assert float(metrics["terms"]["target"]) == pytest.approx(at, rel=1e-5)
        assert float(metrics["loss"]) == pytest.approx((weights * lost).sum() + target_weight * at, rel=1e-4)
        counted = np.ones(c.shape, bool) if per == "image" else data["source"]["label"] < CLASSES
        used = (c > 0)[counted].mean()
        assert float(metrics["used"]) == pytest.approx(used, abs=1e-6)
        found = dict(state.params["head"])
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=3e-5, atol=2e-6), theta, found)


def test_weights_are_the_derivative_that_defines_them() -> None:
    """Reverse mode through the virtual step at epsilon = 0, with batch normalisation and dropout."""
    m, given = method(network=network()), batch()
    m = dataclasses.replace(m, per="pixel")
    state = start(m)
    key = state.key(METHOD_STREAM)

    def values(theta: Any, domain: str, key: Any) -> Any:
        stats, images = state.batch_stats, {domain: given[domain]["image"]}
        outputs, _ = forwarded(m.network, theta, stats, images, key)
        return losses.softmax_cross_entropy(outputs[domain].logits, given[domain]["label"])

    def target(theta: Any) -> Any:
        valid = losses.valid_pixels(given["target"]["label"], CLASSES)
        return losses.mean(values(theta, "target", jax.random.fold_in(key, 1)), valid)

    def expected() -> Any:
        zero = jnp.zeros(given["source"]["label"].shape)
        source = lambda theta: values(theta, "source", key)  # noqa: E731
        found = through_the_step(lambda e: (e, None), source, target, zero, state.params, 0.3)
        weights = jnp.maximum(-found[2], 0.0)
        return jnp.sum(weights / weights.sum() * source(state.params))

    found = _step(m, state, given, 0)[1]["terms"]["source"]
    assert float(found) == pytest.approx(float(jax.jit(expected, compiler_options=QUICK)()), rel=1e-5)


def test_where_every_image_harms_none_counts() -> None:
    """The target's labels are the opposite of the source's, of the same images: no agreement is positive."""
    given = batch()
    image = given["source"]["image"][:1]
    bright = (image.mean(-1) > 127).astype(jnp.uint8)
    part = {"image": image, "valid": jnp.ones(bright.shape, bool)}
    opposed = {"source": {**part, "label": bright}, "target": {**part, "label": 1 - bright}}
    m = method()
    state = start(m)
    sure = jax.tree.map(jnp.zeros_like, state.params)
    sure["head"]["bias"] = jnp.array([0.0, 0.0, -30.0])
    state = dataclasses.replace(state, params=sure)
    after, metrics = _step(m, state, opposed, 0)
    assert (float(metrics["terms"]["source"]), float(metrics["used"])) == (0.0, 0.0)
    jax.tree.map(np.testing.assert_array_equal, after.params, state.params)


def test_images_of_one_class_each_are_reweighted(tmp_path: Path) -> None:
    m = method(network=tiny.classifier(), steps=2)
    part = {"image": jnp.full((2, 4, 5, 3), 99.0), "label": jnp.array([0, 1]), "valid": jnp.ones(2, bool)}
    part["image"] = part["image"].at[1].mul(2.0)
    metrics = _step(m, start(m), {"source": part, "target": part}, 0)[1]
    assert float(metrics["used"]) > 0


def test_it_resumes(tmp_path: Path) -> None:
    m = method(network=tiny.network(normalize=True, dropout=0.2), optimizer=Adam(learning_rate=0.1))
    check_resumed(tmp_path, m, after=(1,))


@pytest.mark.slow
def test_many_devices_compute_what_one_computes(tmp_path: Path) -> None:
    m = method(network=tiny.network(normalize=True, dropout=0.2), per="pixel", target_weight=1.0, steps=2)
    check_meshes(tmp_path, m, meshes=(MeshShape(data=8), MeshShape(data=2, space=4)))


def test_fields_that_cannot_be_are_named() -> None:
    with pytest.raises(InputError, match="per: 'class' is not known; use 'image' or 'pixel'"):
        method(per="class").validate()
    with pytest.raises(InputError, match="loss: Entropy takes logits; use a loss of labels to reweight"):
        method(loss=losses.Entropy()).validate()
