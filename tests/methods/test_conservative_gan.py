"""Steps of the game of encoder, generator and discriminator against the same steps written out in NumPy."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Adam, GameWeights, ObjectiveMethod, Term, WarmStart
from tests import tiny
from tests.methods.adversaries import batch, close, equal
from tests.methods.players import (
    DECAY,
    HEAD,
    RATE,
    SOURCE,
    STEPS,
    WEIGHTS,
    Encoder,
    Judge,
    Painter,
    advanced,
    game,
    judge,
    network,
    painter,
    start,
)

SIZE = (4, 6)
DOMAINS = ("source", "target")


def sigmoid(s: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-s))


def asked(s: np.ndarray, real: bool) -> tuple[float, np.ndarray]:
    """Mean cross entropy of scores, and its slope."""
    value = np.log1p(np.exp(-s if real else s)).mean()
    return value, (-sigmoid(-s) if real else sigmoid(s)) / s.size


def conservative(z: np.ndarray, label: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of 5 (1 + ln p)^2 ln(-ln p) over known pixels, and its gradient in the scores."""
    known = label < 3
    truth = np.eye(3)[np.where(known, label, 0)]
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    of_truth = (p * truth).sum(-1)
    log = np.log(of_truth)
    values = 5 * (1 + log) ** 2 * np.log(-log)
    slope = 5 * (2 * (1 + log) * np.log(-log) + (1 + log) ** 2 / log) / of_truth
    gradient = (slope * of_truth)[..., None] * (truth - p) * known[..., None]
    return values[known].mean(), gradient / known.sum()


class Mover:
    """Momentum and Adam in NumPy, a buffer a parameter."""

    def __init__(self) -> None:
        self.state: dict[Any, Any] = {}

    def sgd(self, name: Any, p: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        v = 0.9 * self.state.get(name, 0.0) + g + DECAY * p
        self.state[name] = v
        return p - rate * v

    def adam(self, name: Any, p: np.ndarray, g: np.ndarray, rate: float, b1: float, b2: float) -> np.ndarray:
        m, v, t = self.state.get(name, (0.0, 0.0, 0))
        m, v, t = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2, t + 1
        self.state[name] = m, v, t
        return p - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-8)


def linear(x: np.ndarray, layer: Any) -> np.ndarray:
    return x @ layer["kernel"] + layer["bias"]


def pulled(x: np.ndarray, g: np.ndarray) -> dict[str, np.ndarray]:
    """Gradient of a linear layer, given that of its output."""
    return {"kernel": np.einsum("bhwi,bhwk->ik", x, g), "bias": g.sum((0, 1, 2))}


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_two_steps_equal_the_longhand_update_of_every_parameter(update: str) -> None:
    m = game(update=update)
    state = start(m)
    theta = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.params)
    running = {"mean": np.zeros(3), "var": np.ones(3)}
    mover = Mover()
    for step in range(2):
        given = batch(step, SIZE)
        state, metrics = advanced(m, state, given)
        data = jax.tree.map(np.asarray, given)
        valid = {d: data[d]["valid"][..., None].astype(np.float64) for d in DOMAINS}
        real = {d: data[d]["image"].astype(np.float64) / 255 * valid[d] for d in DOMAINS}
        e, g, d_ = theta["network"], theta["generator"]["paint"], theta["discriminator"]["kinds"]
        # E's forward pass, once: source, then target.
        normal, f, z = {}, {}, {}
        for d in DOMAINS:
            x = (data[d]["image"].astype(np.float64) - 127.5) / 127.5
            mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
            running = {key: 0.9 * running[key] + 0.1 * now for key, now in (("mean", mean), ("var", var))}
            normal[d] = (x - mean) / np.sqrt(var + 1e-5)
            f[d] = linear(normal[d] * e["norm"]["scale"] + e["norm"]["bias"], e["trunk"])
            z[d] = linear(f[d], e["head"])
        made = {d: sigmoid(linear(f[d], g)) for d in DOMAINS}
        # D, at (D, G, E).
        gradient: dict[str, Any] = {"kernel": np.zeros((3, 2)), "bias": np.zeros(2)}
        judged, right = 0.0, 0.0
        for column, d in enumerate(DOMAINS):
            for image, truth in ((real[d], True), (made[d] * valid[d], False)):
                s = linear(image, d_)[..., column]
                value, slope = asked(s, truth)
                judged, right = judged + value, right + ((s > 0) if truth else (s < 0)).mean() / 4
                gradient["kernel"][:, column] += 0.8 * np.einsum("bhwi,bhw->i", image, slope)
                gradient["bias"][column] += 0.8 * slope.sum()
        fade = (1 - step / STEPS) ** 2.0
        moved = {n: mover.adam(("d", n), d_[n], gradient[n], 0.03 * fade, 0.5, 0.9) for n in gradient}
        assert float(metrics["discriminator_gradient_norm"]) == pytest.approx(
            np.sqrt(sum((part**2).sum() for part in gradient.values())), rel=1e-4
        )
        met = moved if update == "alternating" else d_
        # G, at (D', G, E).
        gradient = {"kernel": np.zeros((4, 3)), "bias": np.zeros(3)}
        deceit, distance = 0.0, 0.0
        for column, d in enumerate(DOMAINS):
            value, slope = asked(linear(made[d] * valid[d], met)[..., column], True)
            apart = (made[d] - real[d]) * valid[d]
            deceit += value
            distance += np.abs(apart).sum() / 3 / valid[d].sum()
            pull = 0.7 * slope[..., None] * met["kernel"][:, column]
            pull = pull + 1.5 * np.sign(apart) / 3 / valid[d].sum()
            part = pulled(f[d], pull * valid[d] * made[d] * (1 - made[d]))
            gradient = {n: gradient[n] + part[n] for n in part}
        poly = (1 - step / STEPS) ** 0.9
        painted = {n: mover.adam(("g", n), g[n], gradient[n], 0.02 * poly, 0.7, 0.99) for n in gradient}
        assert float(metrics["generator_gradient_norm"]) == pytest.approx(
            np.sqrt(sum((part**2).sum() for part in gradient.values())), rel=1e-4
        )
        by = painted if update == "alternating" else g
        # E, at (D', G', E).
        value_s, slope_z = conservative(z["source"], data["source"]["label"])
        slopes = {"source": 0.4 * slope_z, "target": np.zeros_like(z["target"])}
        total, crossed = 0.4 * value_s, 0.0
        wanted: dict[str, Any] = jax.tree.map(np.zeros_like, e)
        for column, d in enumerate(DOMAINS):
            anew = sigmoid(linear(f[d], by))
            value, slope = asked(linear(anew * valid[d], met)[..., 1 - column], True)
            crossed += value
            pull = 0.6 * slope[..., None] * met["kernel"][:, 1 - column] * valid[d] * anew * (1 - anew)
            pull = pull @ by["kernel"].T + slopes[d] @ e["head"]["kernel"].T
            back = pull @ e["trunk"]["kernel"].T
            parts = {
                "head": pulled(f[d], slopes[d]),
                "trunk": pulled(normal[d] * e["norm"]["scale"] + e["norm"]["bias"], pull),
                "norm": {"scale": (back * normal[d]).sum((0, 1, 2)), "bias": back.sum((0, 1, 2))},
            }
            wanted = jax.tree.map(np.add, wanted, parts)
        total += 0.6 * crossed
        theta = {
            "network": {
                layer: {
                    n: mover.sgd(
                        ("e", layer, n), p, wanted[layer][n], RATE * poly * (HEAD if layer == "head" else 1.0)
                    )
                    for n, p in leaves.items()
                }
                for layer, leaves in e.items()
            },
            "generator": {"paint": painted},
            "discriminator": {"kinds": moved},
        }
        expected = {
            "discriminator": judged,
            "generator": deceit,
            "reconstruction": distance,
            "encoder": crossed,
            "source": value_s,
        }
        assert {n: float(v) for n, v in metrics["terms"].items()} == pytest.approx(expected, rel=1e-5)
        assert float(metrics["loss"]) == pytest.approx(total, rel=1e-5)
        squared = sum((leaf**2).sum() for leaf in jax.tree.leaves(wanted))
        assert float(metrics["gradient_norm"]) == pytest.approx(np.sqrt(squared), rel=1e-4)
        assert float(metrics["discriminator_accuracy"]) == pytest.approx(right, abs=1e-6)
        assert float(metrics["learning_rate"]) == pytest.approx(RATE * poly, rel=1e-5)
        assert float(metrics["generator_learning_rate"]) == pytest.approx(0.02 * poly, rel=1e-5)
        assert float(metrics["discriminator_learning_rate"]) == pytest.approx(0.03 * fade, rel=1e-5)
        close(state.params, theta)
        close(state.batch_stats["network"]["norm"], running)
        assert state.batch_stats["generator"] == state.batch_stats["discriminator"] == {}
    assert int(state.step) == 2


def test_a_discriminators_statistics_are_those_of_what_it_saw_in_its_own_turn() -> None:
    m = game(discriminator=judge(Judge(normalize=True)))
    state, given = start(m), batch(2, SIZE)
    after, _ = advanced(m, state, given)
    params, mean = jax.tree.map(np.asarray, state.params), np.zeros(3)
    for d in DOMAINS:
        part = jax.tree.map(np.asarray, given[d])
        x = (part["image"] - 127.5) / 127.5
        normal = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
        made = sigmoid(linear(linear(normal, params["network"]["trunk"]), params["generator"]["paint"]))
        for image in (part["image"] / 255, made):
            mean = 0.9 * mean + 0.1 * (image * part["valid"][..., None]).mean((0, 1, 2))
    np.testing.assert_allclose(after.batch_stats["discriminator"]["norm"]["mean"], mean, rtol=1e-5)


REST = {
    "network": {"optimizer": SGD(learning_rate=0.0)},
    "generator": {"generator_optimizer": Adam(learning_rate=0.0)},
    "discriminator": {"discriminator_optimizer": Adam(learning_rate=0.0)},
}


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_who_rests_stays_and_moves_nobody_who_moved_before(update: str) -> None:
    given = batch(0, SIZE)
    usual, _ = advanced(game(update=update), start(game()), given)
    order = ("discriminator", "generator", "network")
    for place, player in enumerate(order):
        m = game(update=update, **REST[player])
        before = start(m)
        after, _ = advanced(m, before, given)
        equal(after.params[player], before.params[player])
        for other in order:
            if other == player:
                continue
            same = all(
                np.array_equal(a, b)
                for a, b in zip(
                    jax.tree.leaves(after.params[other]), jax.tree.leaves(usual.params[other]), strict=True
                )
            )
            # In turns, those who come later meet the one that moved; at once, nobody meets it.
            assert same == (update == "simultaneous" or order.index(other) < place), (player, other)


@pytest.mark.parametrize(
    ("without", "still"),
    [
        ({"discriminator": 0.0}, "discriminator"),
        ({"generator": 0.0, "reconstruction": 0.0}, "generator"),
    ],
)
def test_no_player_is_moved_by_anothers_loss(without: dict[str, float], still: str) -> None:
    m = game(weights=dataclasses.replace(WEIGHTS, **without))
    before = start(m)
    after, _ = advanced(m, before, batch(0, SIZE))
    equal(after.params[still], before.params[still])


def test_without_its_part_of_the_game_the_encoder_learns_the_objective_alone() -> None:
    quiet = GameWeights(encoder=0.0)
    m = game(network=network(Encoder(normalize=False)), weights=quiet)
    given = batch(1, SIZE)
    after, _ = advanced(m, start(m), given)
    plain = ObjectiveMethod(m.network, m.objective, STEPS, m.optimizer)
    begun = plain.begin(plain.init(jnp.int32(0), jnp.zeros((1, *SIZE, 3))), 0)
    expected, _ = jax.jit(plain.step, static_argnums=2)(begun, given, 0)
    close(after.params["network"], expected.params)


def test_padded_pixels_and_the_targets_labels_tell_nobody_anything() -> None:
    m = game(network=network(Encoder(normalize=False)))
    given = batch(0, SIZE)
    noise = np.random.default_rng(3).uniform(0, 255, given["target"]["image"].shape).astype(np.float32)
    other = {
        "image": jnp.where(given["target"]["valid"][..., None], given["target"]["image"], noise),
        "label": jnp.uint8(2) - given["target"]["label"] % jnp.uint8(3),
        "valid": given["target"]["valid"],
    }
    one, _ = advanced(m, start(m), given)
    two, _ = advanced(m, start(m), given | {"target": other})
    equal(one.params, two.params)


def test_the_others_rest_in_a_warm_start_unless_they_are_to_play() -> None:
    warm = WarmStart(steps=3, objective={"first": Term(losses.SoftmaxCrossEntropy())}, optimizer=Adam())
    m = game(warm_start=warm)
    assert [(phase.name, phase.steps) for phase in m.phases] == [("warm_start", 3), ("train", STEPS)]
    assert [m.reads(phase) for phase in (0, 1)] == [("source",), ("source", "target")]
    before, given = start(m), batch(0, SIZE)
    after, metrics = advanced(m, before, given)
    assert set(metrics["terms"]) == {"first"}
    assert not any(name.startswith(("discriminator", "generator")) for name in metrics)
    for kind in ("params", "batch_stats", "opt_state"):
        for name in ("generator", "discriminator"):
            equal(getattr(after, kind)[name], getattr(before, kind)[name])
    head = [state.params["network"]["head"]["kernel"] for state in (before, after)]
    assert not np.array_equal(*head)
    playing = game(warm_start=warm, warm_start_game=True)
    assert playing.reads(0) == ("source", "target")
    _, metrics = advanced(playing, start(playing), given)
    assert set(metrics["terms"]) == {"first", "discriminator", "generator", "reconstruction", "encoder"}
    began = m.begin(dataclasses.replace(after, step=jnp.int32(3)), 1)
    equal(began.params, after.params)
    _, metrics = advanced(m, began, given, 1)
    assert float(metrics["learning_rate"]) == pytest.approx(RATE)  # the schedules begin with the phase


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param(
            {"update": "random"},
            "update: 'random' is not known; use 'alternating' or 'simultaneous'",
            marks=pytest.mark.fast,
        ),
        ({"embedding": "pixels"}, "embedding: 'pixels' is not known; use 'features' or 'logits'"),
        ({"reading": "two"}, "reading: 'two' is not known; use 'binary' or 'four'"),
        ({"reduction": "max"}, "reduction: 'max' is not known; use 'mean' or 'sum'"),
        ({"reading": "four"}, "discriminator.classes: 2 scores a patch, and reading 'four' takes 4"),
        ({"discriminator": judge(Judge(), channels=5)}, "discriminator.channels: 5; it watches images"),
        ({"objective": {"encoder": SOURCE}}, "objective.encoder: the name of a term of the game"),
        ({"objective": {"x": Term(losses.Entropy(), domain="moon")}}, "objective.x.domain: 'moon'"),
        ({"warm_start_game": True}, "warm_start_game: there is no warm start"),
        (
            {"objective": {}, "gradient_share": True},
            "gradient_share: the objective has no term of the main head",
        ),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        game(**fields).validate()
    assert "\n" not in str(caught.value)


def test_what_the_networks_cannot_do_is_said() -> None:
    with pytest.raises(
        InputError, match="embedding: maps of \\(4,\\) channels; this generator was made for \\(7,\\)"
    ):
        start(game(generator=painter(Painter(), 7)))
    with pytest.raises(InputError, match="network: its output has no features"):
        start(game(network=tiny.network()))
    with pytest.raises(InputError, match=r"image size 4x6 .* too small for this network; .* at least 32"):
        start(game(discriminator=judge(Judge(), minimum_size=32)))
    reads = game(discriminator=judge(Judge(scores=2, classes=5)))
    with pytest.raises(InputError, match="discriminator: it reads 5 classes and the network scores 3"):
        advanced(reads, start(reads), batch(0, SIZE))
