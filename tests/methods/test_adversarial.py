"""Updates of the adversarial method against the same updates written out in NumPy, and what must not leak."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import (
    SGD,
    Adam,
    AdversarialMethod,
    Level,
    ObjectiveMethod,
    Term,
    WarmStart,
    self_information,
)
from jaxseg.train import load_config, with_arguments
from tests import tiny
from tests.methods.adversaries import (
    ADVERSARY_RATE,
    CROSS_ENTROPY,
    DECAY,
    LEVELS,
    RATE,
    SOURCE,
    SQUARES,
    STEPS,
    Linear,
    advanced,
    adversary,
    batch,
    close,
    equal,
    pixelwise,
    single,
    start,
)
from tests.models._fresh import QUICK

ROOT = Path(__file__).resolve().parents[2]

# The longhand of a network and discriminators that are linear at every pixel, in NumPy.


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(s: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-s))


def player(loss: Any, s: np.ndarray, real: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values and slopes of an adversarial loss."""
    if loss is SQUARES:
        return (s - real) ** 2, 2 * (s - real)
    return (np.log1p(np.exp(-s)), -sigmoid(-s)) if real else (np.log1p(np.exp(s)), sigmoid(s))


def shown(maps: str, p: np.ndarray) -> np.ndarray:
    return p if maps == "probabilities" else -p * np.log2(p) / np.log2(3)


def slope(maps: str, p: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    """Gradient of the logits, given that of the map."""
    inner = upstream if maps == "probabilities" else -upstream * (np.log(p) + 1) / np.log(3)
    return p * (inner - (p * inner).sum(-1, keepdims=True))


@pytest.mark.parametrize(
    ("maps", "loss"),
    [
        pytest.param("probabilities", CROSS_ENTROPY, marks=pytest.mark.fast),
        ("self_information", CROSS_ENTROPY),
        ("probabilities", SQUARES),
        ("self_information", SQUARES),
    ],
    ids=["adapt_seg_net", "advent", "adapt_seg_net_squares", "advent_squares"],
)
def test_two_steps_equal_the_longhand_update_of_every_parameter(maps: str, loss: Any) -> None:
    m = pixelwise(maps=maps, loss=loss)
    state = start(m)
    heads = {
        "main": ("head", 1.0, 10.0),
        "low": ("low", 0.1, 1.0),
    }  # module, weight of its CE, factor of its rate
    theta = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.params)
    velocity = jax.tree.map(np.zeros_like, theta["network"])
    first, second = (jax.tree.map(np.zeros_like, theta["discriminators"]) for _ in range(2))
    for step in range(2):
        given = batch(step)
        state, metrics = advanced(m, state, given)
        data = jax.tree.map(np.asarray, given)
        x = {d: (part["image"].astype(np.float64) - 127.5) / 127.5 for d, part in data.items()}
        label, known = data["source"]["label"], data["source"]["label"] < 3
        poly, total, squared = (1 - step / STEPS) ** 0.9, 0.0, 0.0
        for name, (module, ce_weight, faster) in heads.items():
            weights, judge = theta["network"][module], theta["discriminators"][name]["classifier"]
            p = {d: softmax(x[d] @ weights["kernel"] + weights["bias"]) for d in x}
            seen = {d: shown(maps, p[d]) * data[d]["valid"][..., None] for d in x}
            scores = {d: (seen[d] @ judge["kernel"] + judge["bias"])[..., 0] for d in x}
            pixels = scores["source"].size
            # The network: its cross entropy, and the target taken for the source.
            ce = -np.log(
                np.take_along_axis(p["source"], np.where(known, label, 0)[..., None].astype(int), -1)
            )
            ce = (ce[..., 0] * known).sum() / known.sum()
            deceit, pull = player(loss, scores["target"], True)
            total += ce_weight * ce + LEVELS[name].weight * deceit.mean()
            gs = (
                ce_weight
                * (p["source"] - np.eye(3)[np.where(known, label, 0)])
                * known[..., None]
                / known.sum()
            )
            pull = pull[..., None] * judge["kernel"][:, 0] * data["target"]["valid"][..., None] / pixels
            gt = LEVELS[name].weight * slope(maps, p["target"], pull)
            gradient = {
                "kernel": np.einsum("bhwi,bhwk->ik", x["source"], gs)
                + np.einsum("bhwi,bhwk->ik", x["target"], gt),
                "bias": gs.sum((0, 1, 2)) + gt.sum((0, 1, 2)),
            }
            squared += sum((g**2).sum() for g in gradient.values())
            # Its discriminator: at its parameters before the step, half of either domain.
            ds, dt = player(loss, scores["source"], True), player(loss, scores["target"], False)
            against = {
                "kernel": sum(
                    np.einsum("bhwc,bhw->c", seen[d], g)[:, None]
                    for d, g in (("source", ds[1]), ("target", dt[1]))
                )
                / (2 * pixels),
                "bias": np.array([(ds[1].sum() + dt[1].sum()) / (2 * pixels)]),
            }
            middle = 0.5 if loss is SQUARES else 0.0
            right = ((scores["source"] > middle).mean() + (scores["target"] < middle).mean()) / 2
            terms = metrics["terms"]
            term = {"main": "source", "low": "source_aux"}[name]
            assert float(terms[term]) == pytest.approx(ce, rel=1e-5)
            assert float(terms[f"adversarial_{name}"]) == pytest.approx(deceit.mean(), rel=1e-5)
            judged = (ds[0].mean() + dt[0].mean()) / 2
            assert float(terms[f"discriminator_{name}"]) == pytest.approx(judged, rel=1e-5)
            assert float(metrics[f"discriminator_accuracy_{name}"]) == pytest.approx(right, abs=1e-6)
            for leaf in ("kernel", "bias"):
                buffer = velocity[module]
                buffer[leaf] = 0.9 * buffer[leaf] + gradient[leaf] + DECAY * weights[leaf]
                weights[leaf] = weights[leaf] - RATE * faster * poly * buffer[leaf]
                m1, m2 = first[name]["classifier"], second[name]["classifier"]
                m1[leaf] = 0.9 * m1[leaf] + 0.1 * against[leaf]
                m2[leaf] = 0.99 * m2[leaf] + 0.01 * against[leaf] ** 2
                unbiased = m1[leaf] / (1 - 0.9 ** (step + 1)), m2[leaf] / (1 - 0.99 ** (step + 1))
                judge[leaf] = judge[leaf] - ADVERSARY_RATE * poly * unbiased[0] / (
                    np.sqrt(unbiased[1]) + 1e-8
                )
        assert float(metrics["loss"]) == pytest.approx(total, rel=1e-5)
        assert float(metrics["gradient_norm"]) == pytest.approx(np.sqrt(squared), rel=1e-4)
        assert float(metrics["learning_rate"]) == pytest.approx(RATE * poly, rel=1e-5)
        assert float(metrics["discriminator_learning_rate"]) == pytest.approx(ADVERSARY_RATE * poly, rel=1e-5)
        close(state.params, theta)
    assert int(state.step) == 2


def test_neither_player_moves_the_other() -> None:
    given = batch()
    usual, _ = advanced(pixelwise(), start(pixelwise()), given)
    resting = pixelwise(discriminator_optimizer=Adam(learning_rate=0.0))
    rested, _ = advanced(resting, start(resting), given)
    equal(rested.params["discriminators"], start(resting).params["discriminators"])
    equal(rested.params["network"], usual.params["network"])
    fixed = pixelwise(optimizer=SGD(learning_rate=0.0))
    held, _ = advanced(fixed, start(fixed), given)
    equal(held.params["network"], start(fixed).params["network"])
    equal(held.params["discriminators"], usual.params["discriminators"])
    loud = pixelwise(levels={name: dataclasses.replace(level, weight=9.0) for name, level in LEVELS.items()})
    shouted, _ = advanced(loud, start(loud), given)
    equal(shouted.params["discriminators"], usual.params["discriminators"])
    assert not np.array_equal(
        shouted.params["network"]["head"]["bias"], usual.params["network"]["head"]["bias"]
    )


def test_padded_pixels_and_the_targets_labels_tell_nobody_anything() -> None:
    m = pixelwise(maps="self_information")
    given = batch()
    noise = np.random.default_rng(3).uniform(0, 255, given["target"]["image"].shape).astype(np.float32)
    other = {
        "image": jnp.where(given["target"]["valid"][..., None], given["target"]["image"], noise),
        "label": jnp.uint8(2) - given["target"]["label"] % jnp.uint8(3),
        "valid": given["target"]["valid"],
    }
    one, _ = advanced(m, start(m), given)
    two, _ = advanced(m, start(m), given | {"target": other})
    equal(one.params, two.params)


def test_discriminators_rest_while_the_warm_start_runs() -> None:
    m = pixelwise(warm_start=WarmStart(steps=3, objective={"source": SOURCE}, optimizer=Adam()))
    assert [(phase.name, phase.steps) for phase in m.phases] == [("warm_start", 3), ("train", STEPS)]
    assert [m.reads(phase) for phase in (0, 1)] == [("source",), ("source", "target")]
    before = start(m)
    warm, metrics = advanced(m, before, batch())
    assert set(metrics["terms"]) == {"source"}
    assert not any(name.startswith("discriminator") for name in metrics)
    for kind in ("params", "batch_stats", "opt_state"):
        equal(getattr(warm, kind)["discriminators"], getattr(before, kind)["discriminators"])
    assert not np.array_equal(
        warm.params["network"]["head"]["kernel"], before.params["network"]["head"]["kernel"]
    )
    began = m.begin(dataclasses.replace(warm, step=jnp.int32(3)), 1)
    equal(began.params, warm.params)
    after, metrics = advanced(m, began, batch(), 1)
    assert float(metrics["learning_rate"]) == pytest.approx(RATE)  # the schedules begin with the phase
    assert float(metrics["discriminator_learning_rate"]) == pytest.approx(ADVERSARY_RATE)
    assert not np.array_equal(
        after.params["discriminators"]["main"]["classifier"]["kernel"],
        before.params["discriminators"]["main"]["classifier"]["kernel"],
    )


def test_a_weight_is_a_leaf_that_is_stacked() -> None:
    given = batch()

    def weighed(weight: Any) -> AdversarialMethod:
        return pixelwise(levels={"main": Level(weight=weight), "low": LEVELS["low"]})

    def update(weight: Any) -> Any:
        return weighed(weight).step(began, given, 0)[0].params

    began = start(pixelwise())
    together = jax.jit(jax.vmap(update), compiler_options=QUICK)(jnp.array([0.0, 0.5]))
    for index, weight in enumerate((0.0, 0.5)):
        one = advanced(weighed(weight), began, given)[0].params
        close(jax.tree.map(lambda leaf, i=index: leaf[i], together), one, rtol=1e-5)


def test_without_weight_a_level_adds_nothing_but_the_targets_batch_statistics() -> None:
    silent = single(levels={"main": Level(weight=0.0)})
    looking = Term(losses.Entropy(), weight=0.0, domain="target")
    plain = ObjectiveMethod(silent.network, silent.objective | {"look": looking}, STEPS, silent.optimizer)
    given = batch(1)
    one, _ = advanced(silent, start(silent), given)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def objective() -> Any:
        state = plain.begin(plain.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0)
        return plain.step(state, given, 0)[0]

    two = objective()
    close(one.params["network"], two.params)
    close(one.batch_stats["network"], two.batch_stats)


def test_all_draws_are_the_seeds() -> None:
    m = single(network=tiny.network(dropout=0.3), discriminator=adversary(Linear(dropout=0.3)))
    given = batch()
    one, two = (advanced(m, start(m), given)[0] for _ in range(2))
    equal(one, two)
    later, _ = advanced(m, dataclasses.replace(start(m), step=jnp.int32(1)), given)
    moments = [state.opt_state["discriminators"][1].mu["main"]["classifier"] for state in (one, later)]
    assert not np.array_equal(moments[0]["kernel"], moments[1]["kernel"])
    kernels = [
        np.asarray(start(pixelwise(), seed=seed).params["discriminators"][name]["classifier"]["kernel"])
        for seed in (0, 1)
        for name in LEVELS
    ]
    assert all(not np.array_equal(a, b) for i, a in enumerate(kernels) for b in kernels[:i])


def test_the_networks_variables_are_taken_and_given() -> None:
    m = single()
    state = start(m)
    image = jnp.zeros((1, 4, 5, 3))
    assert m.network.apply(m.variables(state), image, train=False)[0].logits.shape == (1, 4, 5, 3)
    other = jax.tree.map(lambda leaf: leaf + 1, m.variables(state))
    changed = m.with_variables(state, other)
    equal(m.variables(changed), other)
    equal(changed.params["discriminators"], state.params["discriminators"])


def test_self_information_sums_to_the_entropy_and_is_finite_where_the_network_is_sure() -> None:
    # -p log2 p / log2 3 of (1/2, 1/4, 1/4) is 1/2 of 0.63093 each.
    golden = self_information(jnp.log(jnp.array([0.5, 0.25, 0.25])))
    np.testing.assert_allclose(golden, np.full(3, 0.5 / np.log2(3)), rtol=1e-6)
    logits = jnp.asarray(np.random.default_rng(0).normal(0, 3, (4, 5, 3)), jnp.float32)
    np.testing.assert_allclose(self_information(logits).sum(-1), losses.entropy(logits), rtol=1e-5)
    sure = jnp.array([1e4, 0.0, -1e4])
    assert self_information(sure).tolist() == [0.0, 0.0, 0.0]
    assert bool(jnp.isfinite(jax.jacobian(self_information)(sure)).all())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"maps": "logits"}, "maps: 'logits' is not known; use 'probabilities' or 'self_information'"),
        ({"levels": {}}, "levels: none given"),
        ({"levels": {"main": Level(head="tail")}}, "levels.main.head: 'tail'; use 'logits' or 'aux'"),
        ({"discriminator": adversary(Linear(), 5)}, "discriminator.channels: 5 and the network scores 3"),
        ({"objective": {"x": Term(losses.Entropy(), domain="moon")}}, "objective.x.domain: 'moon'"),
        ({"objective": {"adversarial_low": SOURCE}}, "objective.adversarial_low: the name of level 'low'"),
        ({"network": tiny.network(classes=1)}, "network.classes: 1"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        pixelwise(**fields).validate()
    assert "\n" not in str(caught.value)


def test_what_the_networks_cannot_do_is_said() -> None:
    small = dataclasses.replace(adversary(Linear()), minimum_size=32)
    with pytest.raises(InputError, match=r"discriminator: maps of 4x5 are too small for it; .* at least 32"):
        start(pixelwise(discriminator=small))
    one = pixelwise(network=tiny.network(), objective={"source": SOURCE})
    with pytest.raises(InputError, match=r"levels.low.head: this network has no 'aux' output"):
        one.step(start(one), batch(), 0)
    images = pixelwise(network=tiny.classifier(), objective={}, levels={"main": Level()})
    part = {"image": jnp.zeros((2, 4, 5, 3)), "label": jnp.zeros(2, jnp.int32), "valid": jnp.ones(2, bool)}
    with pytest.raises(InputError, match="one prediction an image, and these discriminators watch maps"):
        images.step(start(images), {"source": part, "target": part}, 0)


def test_the_published_recipe_is_said_on_the_command_line() -> None:
    words = ["--maps", "probabilities", "--levels.main.weight", "0.001", "--discriminator.module.width", "64"]
    words += [
        "--discriminator-optimizer.learning-rate",
        "1e-4",
        "--discriminator-optimizer.schedule.stretch",
        "2",
    ]
    m = with_arguments(load_config(ROOT / "configs/streets/advent.py"), words).method
    assert isinstance(m, AdversarialMethod)
    assert (m.maps, m.levels, m.loss) == ("probabilities", {"main": Level(0.001)}, CROSS_ENTROPY)
    assert (m.discriminator_optimizer.b1, m.discriminator_optimizer.b2) == (0.9, 0.99)
    assert m.discriminator_optimizer.schedule.stretch == 2
    variables = jax.eval_shape(m.discriminator.init, jax.random.key(0), jnp.zeros((1, 64, 128, 19)))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == 2_781_121
