"""Updates of the label adversary against the same updates written out in NumPy, and what its discriminator sees."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, LabelAdversary, Term, WarmStart, label_map
from jaxseg.train import load_config, with_arguments
from tests import tiny
from tests.methods.adversaries import SOURCE, Linear, Patches, adversary, batch, close, equal
from tests.methods.contract import check_resumed
from tests.models._fresh import QUICK

ROOT = Path(__file__).resolve().parents[2]
CHANNELS = {"basic": 3, "product": 9, "scaling": 3, "beside": 6}
RATE, WEIGHT, LEAST, STEPS = 0.1, 0.7, 0.6, 4


def method(inputs: str = "basic", **fields: Any) -> LabelAdversary:
    values: dict[str, Any] = {
        "network": tiny.network(),
        "discriminator": adversary(Linear(), CHANNELS[inputs]),
        "objective": {"source": SOURCE},
        "steps": STEPS,
        "weight": WEIGHT,
        "inputs": inputs,
        "least": LEAST,
        "optimizer": SGD(learning_rate=RATE, momentum=0.0, weight_decay=0.0),
        "discriminator_optimizer": SGD(learning_rate=RATE, momentum=0.0, weight_decay=0.0),
    }
    return LabelAdversary(**(values | fields))


def start(m: LabelAdversary, phase: int = 0) -> Any:
    build = jax.jit(
        lambda seed: m.begin(m.init(seed, jnp.zeros((1, 4, 5, 3))), phase), compiler_options=QUICK
    )
    return build(jnp.int32(0))


_step = jax.jit(LabelAdversary.step, static_argnums=3, compiler_options=QUICK)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(s: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-s))


def longhand_map(inputs: str, label: int, p: np.ndarray) -> np.ndarray:
    y = np.eye(3)[label]
    if inputs != "scaling":
        return y
    top = max(LEAST, p[label])
    return np.array([top if c == label else p[c] * (1 - top) / (1 - p[label]) for c in range(3)])


def seen(inputs: str, maps: np.ndarray, x: np.ndarray) -> np.ndarray:
    if inputs == "product":
        return np.array([m * colour for m in maps for colour in x])
    return np.concatenate([maps, x]) if inputs == "beside" else maps


@pytest.mark.parametrize("inputs", CHANNELS)
def test_a_step_equals_the_longhand_update_of_every_parameter(inputs: str) -> None:
    m = method(inputs)
    state = start(m)
    state.params["discriminator"]["classifier"]["bias"] += 0.1  # no score of a void pixel is 0
    theta = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.params)
    given = batch()
    found, metrics = _step(m, state, given, 0)
    part = jax.tree.map(np.asarray, given["source"])
    image = np.asarray(m.network.normalization(given["source"]["image"]), np.float64)
    ((name, layer),) = theta["network"].items()
    judge = theta["discriminator"]["classifier"]
    kernel, bias = judge["kernel"][:, 0], judge["bias"][0]
    known = (part["label"] < 3) & part["valid"]
    counted = part["label"] < 3
    pixels = known.size
    gradient = {"kernel": np.zeros((3, 3)), "bias": np.zeros(3)}
    against, terms, right = np.zeros(kernel.size + 1), np.zeros(3), 0.0
    for n in np.ndindex(known.shape):
        x, label = image[n], part["label"][n]
        p = softmax(x @ layer["kernel"] + layer["bias"])
        slope = np.zeros(3)
        if counted[n]:
            terms[0] -= np.log(p[label]) / counted.sum()
            slope += (p - np.eye(3)[label]) / counted.sum()
        fake = seen(inputs, p, x) * known[n]
        real = seen(inputs, longhand_map(inputs, label, p), x) * known[n] if known[n] else np.zeros_like(fake)
        s_fake, s_real = fake @ kernel + bias, real @ kernel + bias
        terms[1] += np.log1p(np.exp(-s_fake)) / pixels
        terms[2] += (np.log1p(np.exp(-s_real)) + np.log1p(np.exp(s_fake))) / pixels
        right += (float(s_real > 0) + float(s_fake < 0)) / (2 * pixels)
        against += (
            np.append(real, 1) * -sigmoid(-s_real) / pixels + np.append(fake, 1) * sigmoid(s_fake) / pixels
        )
        # How the score of the prediction moves with every probability.
        pull = np.array([seen(inputs, e, x) @ kernel - seen(inputs, 0 * e, x) @ kernel for e in np.eye(3)])
        pull = WEIGHT * -sigmoid(-s_fake) / pixels * pull * known[n]
        slope += p * (pull - (p * pull).sum())
        gradient["kernel"] += np.outer(x, slope)
        gradient["bias"] += slope
    assert float(metrics["terms"]["source"]) == pytest.approx(terms[0], rel=1e-5)
    assert float(metrics["terms"]["adversarial"]) == pytest.approx(terms[1], rel=1e-5)
    assert float(metrics["terms"]["discriminator"]) == pytest.approx(terms[2], rel=1e-5)
    assert float(metrics["discriminator_accuracy"]) == pytest.approx(right, abs=1e-6)
    assert float(metrics["loss"]) == pytest.approx(terms[0] + WEIGHT * terms[1], rel=1e-5)
    expected = {
        "network": {name: {leaf: layer[leaf] - RATE * gradient[leaf] for leaf in gradient}},
        "discriminator": {
            "classifier": {
                "kernel": (kernel - RATE * against[:-1])[:, None],
                "bias": bias - RATE * against[-1:],
            }
        },
    }
    close(found.params, expected)


@pytest.mark.fast
def test_a_scaled_map_of_labels_keeps_what_the_prediction_is_sure_of() -> None:
    p = jnp.array([[0.95, 0.04, 0.01], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    found = label_map(jnp.array([0, 1, 0, 1], jnp.uint8), p, "scaling", 0.9)
    expected = [[0.95, 0.04, 0.01], [0.2 / 7, 0.9, 0.5 / 7], [1.0, 0.0, 0.0], [0.1, 0.9, 0.0]]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    plain = label_map(jnp.array([2, 255]), p[:2])
    np.testing.assert_array_equal(plain, [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])


def test_neither_player_moves_the_other_and_the_discriminator_rests_while_the_warm_start_runs() -> None:
    given = batch()
    usual, _ = _step(method(), start(method()), given, 0)
    resting = method(discriminator_optimizer=SGD(learning_rate=0.0))
    rested, _ = _step(resting, start(resting), given, 0)
    equal(rested.params["discriminator"], start(resting).params["discriminator"])
    equal(rested.params["network"], usual.params["network"])
    loud, _ = _step(method(weight=9.0), start(method()), given, 0)
    equal(loud.params["discriminator"], usual.params["discriminator"])
    warm = method(warm_start=WarmStart(2, {"source": SOURCE}))
    first, metrics = _step(warm, start(warm), given, 0)
    equal(first.params["discriminator"], start(warm).params["discriminator"])
    assert set(metrics["terms"]) == {"source"}
    assert [(phase.name, phase.steps) for phase in warm.phases] == [("warm_start", 2), ("train", STEPS)]
    assert method().needs() == ("source",)
    assert [warm.reads(phase) for phase in (0, 1)] == [("source",), ("source",)]


@pytest.mark.slow
def test_it_resumes(tmp_path: Path) -> None:
    m = method(
        network=tiny.network(normalize=True, dropout=0.2),
        discriminator=adversary(Patches()),
        objective={"source": SOURCE, "target": Term(losses.Entropy(), weight=0.1, domain="target")},
        steps=2,
    )
    check_resumed(tmp_path, m, after=(1,))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"inputs": "scaled"}, "inputs: 'scaled' is not known; use 'basic', 'product', 'scaling', 'beside'"),
        ({"inputs": "product"}, r"discriminator\.channels: 3; with inputs 'product' and 3 classes it sees 9"),
        (
            {"objective": {"adversarial": SOURCE}},
            r"objective\.adversarial: the name of the method's own term",
        ),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        dataclasses.replace(method(), **fields).validate()


def test_the_recipe_on_streets_is_this_method() -> None:
    built = with_arguments(load_config(ROOT / "configs/streets/label_adversary.py"), ["--weight", "0.1"])
    m = built.method
    assert isinstance(m, LabelAdversary)
    assert (m.weight, m.inputs, list(built.domains)) == (0.1, "product", ["source"])
    built.validate()
