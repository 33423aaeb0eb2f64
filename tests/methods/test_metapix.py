"""MetaPix against finite differences, the scalar golden value, and every phase written out in NumPy."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses, models
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Adam, Constant, MetaPix
from jaxseg.methods._meta import through_the_identity, through_the_step
from jaxseg.train import MeshShape
from tests import tiny
from tests.methods.contract import check_meshes, check_resumed
from tests.methods.linear import Linear, mean_slope, poly, slope, softmax, summed
from tests.methods.weighting import CLASSES, Free, Pairs, batch, network, weighting
from tests.models._fresh import QUICK

PLAIN = SGD(learning_rate=1.0, momentum=0.0, weight_decay=0.0, schedule=Constant())
"""phi after a step is phi less the gradient."""


def method(dtype: str = "float32", **fields: Any) -> MetaPix:
    values: dict[str, Any] = {
        "network": network(dtype=dtype),
        "weighting": weighting(dtype=dtype),
        "joint_steps": 1,
        "meta_steps": 1,
        "weighted_steps": 1,
        "generations": 1,
        "weighting_optimizer": PLAIN,
        "inner_rate": 0.5,
    }
    return MetaPix(**(values | fields))


def start(m: MetaPix, size: tuple[int, int] = (4, 5), phase: int = 0) -> Any:
    return jax.jit(
        lambda: m.begin(m.init(jnp.int32(0), jnp.zeros((1, *size, 3))), phase), compiler_options=QUICK
    )()


_step = jax.jit(MetaPix.step, static_argnums=3, compiler_options=QUICK)


def gradient_of(m: MetaPix, given: Any, size: tuple[int, int] = (4, 5)) -> tuple[Any, Any]:
    """A state in the meta phase, and dL_t/dphi there."""
    state = start(m, size, phase=1)
    after, _ = _step(m, state, given, 1)
    return state, jax.tree.map(jnp.subtract, state.params["weighting"], after.params["weighting"])


@pytest.mark.fast
@pytest.mark.parametrize("way", [through_the_step, through_the_identity])
def test_the_golden_scalar(way: Any) -> None:
    """theta .5, alpha .1, l_s = (theta - 1)^2 / 2, w .7, l_t = theta^2 / 2: theta+ .535 and dL_t/dw .02675."""
    value, (weight, _), gradient = way(
        lambda w: (w, None),
        lambda theta: 0.5 * (theta - 1.0) ** 2,
        lambda theta: 0.5 * theta**2,
        jnp.array(0.7),
        jnp.array(0.5),
        0.1,
    )
    assert float(value) == pytest.approx(0.535**2 / 2, rel=1e-6)
    assert float(weight) == pytest.approx(0.7)
    assert float(gradient) == pytest.approx(0.02675, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "over", "hypergradient"),
    [
        ("network", "all", "grad"),
        ("classes", "valid", "jvp"),
        ("pixels", "all", "grad"),
        ("network", "weights", "jvp"),
    ],
    ids=["W1", "W19", "pixels", "ratios"],
)
def test_the_meta_gradient_is_that_of_finite_differences(kind: str, over: str, hypergradient: str) -> None:
    """In float64, through batch normalisation and dropout, along random directions of phi."""
    modules = {
        "network": lambda: Pairs(dtype=jnp.float64),
        "classes": lambda: Pairs(pairs=CLASSES, dtype=jnp.float64),
        "pixels": lambda: Free((4, 5), jnp.float64),
    }
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        net = weighting(modules[kind](), "float64")
        m = method("float64", weighting=net, over=over, hypergradient=hypergradient)
        given = batch(dtype="float64")
        state, gradient = gradient_of(m, given)
        phi, rng, width = state.params["weighting"], np.random.default_rng(1), 1e-4

        def lost(amount: float, along: Any) -> float:
            moved = jax.tree.map(lambda p, d: p + amount * d, phi, along)
            params = {**state.params, "weighting": moved}
            return float(_step(m, dataclasses.replace(state, params=params), given, 1)[1]["loss"])

        for _ in range(3):
            along = jax.tree.map(lambda p: jnp.asarray(rng.standard_normal(p.shape)), phi)
            expected = (lost(width, along) - lost(-width, along)) / (2 * width)
            found = sum(
                float(jnp.vdot(g, d)) for g, d in zip(*map(jax.tree.leaves, (gradient, along)), strict=True)
            )
            assert abs(expected) > 1e-6
            assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("net", "size", "over"),
    [
        pytest.param(weighting(), (4, 5), "all", id="tiny"),
        pytest.param(weighting(), (4, 5), "weights", id="ratios"),
        pytest.param(
            models.unet_weights(CLASSES, per="class", width=4),
            (16, 16),
            "all",
            id="unet",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_identity_equals_reverse_mode(net: Any, size: tuple[int, int], over: str) -> None:
    """In float32, through batch normalisation and dropout: to 1e-6 of the gradient's size."""
    found = []
    for hypergradient in ("grad", "jvp"):
        m = method(weighting=net, hypergradient=hypergradient, over=over)
        found.append(gradient_of(m, batch(size=size), size)[1])
    one, two = (np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(each)]) for each in found)
    assert np.linalg.norm(one) > 1e-5
    assert np.linalg.norm(one - two) < 1e-6 * np.linalg.norm(one)


@pytest.mark.parametrize("hypergradient", ["grad", "jvp"])
def test_ratios_of_weights_survive_however_small_these_are(hypergradient: str) -> None:
    """Weights of about 1e-9 and of 1e-30 in the same ratios have the same gradient."""
    found = []
    for bias in (-20.0, -70.0):
        m, given = method(over="weights", hypergradient=hypergradient), batch()
        state = start(m, phase=1)
        phi = state.params["weighting"]
        scores = {**phi["scores"], "bias": jnp.array([0.0, bias])}
        params = {**state.params, "weighting": {**phi, "scores": scores}}
        after, _ = _step(m, dataclasses.replace(state, params=params), given, 1)
        kernels = after.params["weighting"]["scores"]["kernel"] - phi["scores"]["kernel"]
        found.append(np.asarray(kernels))
    assert np.abs(found[0]).max() > 1e-6
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("over", ["all", "valid", "weights"])
def test_a_batch_without_labels_moves_nothing(over: str) -> None:
    given = batch()
    given["source"]["label"] = jnp.full_like(given["source"]["label"], 255)
    _, gradient = gradient_of(method(over=over), given)
    assert all(not np.asarray(leaf).any() for leaf in jax.tree.leaves(gradient))


# The phases in NumPy: a network that is linear at every pixel, a weighting network that is, too.


@pytest.mark.parametrize(
    ("over", "afresh", "generations"),
    [("all", False, 2), ("valid", False, 1), ("weights", False, 1), ("all", True, 1)],
    ids=["all", "valid", "weights", "afresh"],
)
def test_every_phase_equals_its_longhand(over: str, afresh: bool, generations: int) -> None:
    n1, n2, n3, rate, decay, beta = 2, 1, 2, 0.2, 0.01, 0.7
    own = SGD(learning_rate=0.1, weight_decay=decay) if afresh else None
    m = method(
        network=network(Linear()),
        weighting=weighting(Pairs(deep=False)),
        joint_steps=n1,
        meta_steps=n2,
        weighted_steps=n3,
        generations=generations,
        optimizer=SGD(learning_rate=rate, weight_decay=decay),
        weighted_optimizer=own,
        weighting_optimizer=SGD(learning_rate=beta, weight_decay=0.0),
        inner_rate=None,
        over=over,
        class_weights=True,
    )
    assert [m.program(phase) for phase in range(5)] == [0, 1, 2, 1, 2]
    state = start(m)
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.params)
    theta, phi = params["network"]["head"], params["weighting"]["scores"]
    v_theta, v_phi = jax.tree.map(np.zeros_like, (theta, phi))
    taken = weighed = 0
    for step in range(m.total_steps):
        phase, first = m.phase_at(step)
        if step == first:
            state = m.begin(state, phase)
            if afresh and phase % 2 == 0 and phase:
                v_theta = jax.tree.map(np.zeros_like, theta)
        given = batch(step)
        data = jax.tree.map(np.asarray, given)
        state, metrics = _step(m, state, given, m.program(phase))
        known = data["source"]["label"] < CLASSES
        lost, ds, xs = slope(theta, data["source"])
        ids = np.where(known, data["source"]["label"], CLASSES)
        maps = np.concatenate([xs, np.eye(CLASSES + 1)[ids]], -1)
        weights = softmax(maps @ phi["kernel"] + phi["bias"])[..., 1] if phase else np.ones(known.shape)
        by = {"all": known.size, "valid": known.sum(), "weights": weights[known].sum()}[
            over if phase else "valid"
        ]
        factors = weights / by
        g_s = summed(xs, ds * factors[..., None])
        alpha = rate if afresh else rate * poly(taken, n1 + generations * n3)
        terms = metrics["terms"]
        if phase % 2:
            plus = {leaf: theta[leaf] - alpha * g_s[leaf] for leaf in theta}
            meta, v = mean_slope(plus, data["target"])
            c = (ds * (xs @ v["kernel"] + v["bias"])).sum(-1)
            others = (factors * c).sum() * known if over == "weights" else 0.0
            dw = -alpha * (c - others) / by * weights * (1 - weights)
            gradient = summed(maps, np.stack([-dw, dw], -1))
            for leaf in phi:
                v_phi[leaf] = 0.9 * v_phi[leaf] + gradient[leaf]
                phi[leaf] = phi[leaf] - beta * poly(weighed, generations * n2) * v_phi[leaf]
            weighed += 1
            assert float(terms["meta"]) == pytest.approx(meta, rel=1e-5)
            assert float(metrics["inner_rate"]) == pytest.approx(alpha, rel=1e-5)
        else:
            at, target = mean_slope(theta, data["target"])
            assert float(terms["target"]) == pytest.approx(at, rel=1e-5)
            assert float(terms["source"]) == pytest.approx((factors * lost).sum(), rel=1e-5)
            assert float(metrics["loss"]) == pytest.approx(at + (factors * lost).sum(), rel=1e-5)
            now = (
                alpha
                if not afresh
                else (rate * poly(step, n1) if not phase else 0.1 * poly(step - first, n3))
            )
            for leaf in theta:
                v_theta[leaf] = 0.9 * v_theta[leaf] + g_s[leaf] + target[leaf] + decay * theta[leaf]
                theta[leaf] = theta[leaf] - now * v_theta[leaf]
            taken += 1
            assert float(metrics["learning_rate"]) == pytest.approx(now, rel=1e-5)
        if phase:
            assert float(metrics["weight"]) == pytest.approx(weights[known].mean(), rel=1e-5)
            for number in range(CLASSES):
                of = data["source"]["label"] == number
                mean = weights[of].mean() if of.any() else 0.0
                assert float(metrics["class_weights"][str(number)]) == pytest.approx(mean, rel=1e-5)
                assert float(metrics["class_shares"][str(number)]) == pytest.approx(
                    of.sum() / known.sum(), rel=1e-5
                )
        for mine, his in (
            (theta, state.params["network"]["head"]),
            (phi, state.params["weighting"]["scores"]),
        ):
            jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=3e-5, atol=2e-6), mine, dict(his))
    assert int(state.step) == m.total_steps == n1 + generations * (n2 + n3)


def test_a_meta_step_leaves_theta_and_its_statistics_and_a_weighted_one_phi() -> None:
    m, given = method(inner_rate=None, optimizer=SGD(learning_rate=0.1)), batch()
    state = start(m, phase=1)
    weighed, _ = _step(m, state, given, 1)
    learned, _ = _step(m, m.begin(weighed, 2), given, 2)
    jax.tree.map(np.testing.assert_array_equal, weighed.params["network"], state.params["network"])
    jax.tree.map(np.testing.assert_array_equal, weighed.batch_stats, state.batch_stats)
    jax.tree.map(np.testing.assert_array_equal, learned.params["weighting"], weighed.params["weighting"])
    moved = jax.tree.map(np.array_equal, learned.batch_stats["network"], weighed.batch_stats["network"])
    assert not any(jax.tree.leaves(moved))


def test_the_virtual_network_sees_the_target() -> None:
    """With no step at all, theta+ is theta, and L_t is that of doubled scores."""
    given = batch()
    m = method(network=network(Linear()), virtual_network=network(Linear(2.0)), inner_rate=0.0)
    state = start(m, phase=1)
    doubled = jax.tree.map(lambda leaf: 2.0 * np.asarray(leaf, np.float64), state.params["network"]["head"])
    expected, _ = mean_slope(doubled, jax.tree.map(np.asarray, given["target"]))
    assert float(_step(m, state, given, 1)[1]["loss"]) == pytest.approx(expected, rel=1e-5)


def test_phi_goes_on_or_is_drawn_anew_with_its_optimiser() -> None:
    for reset in (False, True):
        m = method(reset=reset, generations=2, weighting_optimizer=Adam(learning_rate=0.1))
        state = start(m)
        moved = jax.tree.map(lambda leaf: leaf + 1, (state.params["weighting"], state.opt_state["weighting"]))
        given = dataclasses.replace(
            state,
            params={**state.params, "weighting": moved[0]},
            opt_state={**state.opt_state, "weighting": moved[1]},
        )
        after = jax.jit(lambda m=m, given=given: m.begin(given, 3), compiler_options=QUICK)()
        biases = np.asarray(after.params["weighting"]["scores"]["bias"])
        counts = {
            int(leaf) for leaf in jax.tree.leaves(after.opt_state["weighting"]) if leaf.dtype == jnp.int32
        }
        assert (biases.tolist(), counts) == (([0.0, 0.0], {0}) if reset else ([1.0, 1.0], {1}))
        kernels = [each.params["weighting"]["scores"]["kernel"] for each in (after, state)]
        assert not np.allclose(*kernels)


@pytest.mark.slow
def test_it_resumes_in_every_phase(tmp_path: Path) -> None:
    m = method(
        network=tiny.network(normalize=True, dropout=0.2),
        weighting=weighting(Pairs(deep=False)),
        joint_steps=2,
        meta_steps=2,
        weighted_steps=2,
        weighting_optimizer=Adam(learning_rate=0.01),
        optimizer=Adam(learning_rate=0.01),
        inner_rate=None,
    )
    check_resumed(tmp_path, m, after=(1, 3, 5))


@pytest.mark.slow
def test_many_devices_compute_what_one_computes(tmp_path: Path) -> None:
    m = method(network=tiny.network(normalize=True, dropout=0.2), optimizer=SGD(learning_rate=0.1))
    check_meshes(tmp_path, m, meshes=(MeshShape(data=8), MeshShape(data=2, space=4)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hypergradient": "exact"}, "hypergradient: 'exact' is not known; use 'grad' or 'jvp'"),
        ({"over": "some"}, "over: 'some' is not known; use 'all', 'valid' or 'weights'"),
        ({"weighting": models.unet_weights(5)}, "weighting.classes: 5 and the network scores 3"),
        ({"loss": losses.Entropy()}, "loss: Entropy takes logits; MetaPix needs a loss of labels"),
        ({"generations": 0}, "generations: 0; it is at least 1"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        method(**fields).validate()
    assert "\n" not in str(caught.value)


def test_losses_and_data_that_have_no_pixels_are_refused() -> None:
    m = method(loss=losses.StructuralSimilarity())
    state = start(m)
    with pytest.raises(InputError, match="loss: StructuralSimilarity gives no value to each pixel"):
        jax.eval_shape(lambda: m.step(state, batch(), 0))
    images = method(network=tiny.classifier())
    part = {"image": jnp.zeros((2, 4, 5, 3)), "label": jnp.zeros(2, jnp.int32), "valid": jnp.ones(2, bool)}
    with pytest.raises(
        InputError, match="data: its labels are classes of whole images, and MetaPix weighs pixels"
    ):
        jax.eval_shape(lambda: images.step(state, {"source": part, "target": part}, 1))
