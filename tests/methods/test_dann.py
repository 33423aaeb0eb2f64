"""Updates of DANN against the same updates written out in NumPy, its gradient reversal, and what is refused."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses, models
from jaxseg.data import Digits
from jaxseg.errors import InputError
from jaxseg.methods import DANN, SGD, Groups, Inverse, Term, reverse_gradient
from jaxseg.models import LinenNetwork, Normalization, Output
from jaxseg.train import MeshShape, load_config, with_arguments
from tests import tiny
from tests.methods.contract import check_meshes, check_resumed
from tests.models._fresh import QUICK

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Term(losses.SoftmaxCrossEntropy())
STEPS, RATE, DECAY, HEAD, WEIGHT, GAMMA, PEAK = 4, 0.1, 0.01, 10.0, 0.7, 5.0, 2.0


class Coloured(nn.Module):
    """Features linear in the mean colour, normalised and dropped if asked, and linear scores of them."""

    normalize: bool = False
    dropout: float = 0.0
    maps: bool = False

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = nn.Dense(4, name="trunk")(image if self.maps else jnp.mean(image, axis=(1, 2)))
        if self.normalize:
            x = nn.BatchNorm(use_running_average=not train, momentum=0.9, name="norm")(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return Output(logits=nn.Dense(3, name="head")(x), features=x)


def network(**fields: Any) -> LinenNetwork:
    return LinenNetwork(3, Normalization(), module=Coloured(**fields))


def method(**fields: Any) -> DANN:
    values = {
        "network": network(),
        "domain_classifier": models.domain_classifier(4, widths=(5,), dropout=0.0),
        "objective": {"source": SOURCE},
        "steps": STEPS,
        "weight": WEIGHT,
        "gamma": GAMMA,
        "peak": PEAK,
        "optimizer": SGD(
            learning_rate=RATE, weight_decay=DECAY, schedule=Inverse(), groups=Groups(head=HEAD)
        ),
    }
    return DANN(**(values | fields))


def batch(seed: int = 0) -> dict[str, dict[str, jax.Array]]:
    rng = np.random.default_rng(seed)

    def part(label: list[int], shift: float) -> dict[str, np.ndarray]:
        image = np.clip(rng.uniform(0, 255, (4, 1, 1, 3)) + rng.normal(shift, 20, (4, 4, 5, 3)), 0, 255)
        return {
            "image": image.astype(np.float32),
            "label": np.array(label, np.int32),
            "valid": np.ones(4, bool),
        }

    return jax.tree.map(jnp.asarray, {"source": part([0, 2, 255, 1], 0), "target": part([1, 1, 0, 255], 40)})


def start(m: DANN, seed: int = 0) -> Any:
    def build(seed: jax.Array) -> Any:
        return m.begin(m.init(seed, jnp.zeros((1, 4, 5, 3))), 0)

    return jax.jit(build, compiler_options=QUICK)(jnp.int32(seed))


advanced = jax.jit(functools.partial(DANN.step, phase=0), compiler_options=QUICK)


def equal(one: Any, two: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, two)


def close(one: Any, two: Any, rtol: float = 3e-5) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=2e-6), one, two)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.fast
def test_three_steps_equal_the_longhand_update_of_every_parameter() -> None:
    m = method()
    state = start(m)
    theta = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.params)
    velocity = jax.tree.map(np.zeros_like, theta)
    is_source = np.arange(8) < 4
    for step in range(3):
        given = batch(step)
        state, metrics = advanced(m, state, given)
        parts = [jax.tree.map(np.asarray, given[domain]) for domain in ("source", "target")]
        mean = np.concatenate([(part["image"].astype(np.float64) - 127.5) / 127.5 for part in parts]).mean(
            (1, 2)
        )
        trunk, head = theta["network"]["trunk"], theta["network"]["head"]
        hidden, last = theta["domain_classifier"]["linear1"], theta["domain_classifier"]["classifier"]
        f = mean @ trunk["kernel"] + trunk["bias"]
        label, known = np.append(parts[0]["label"], [255] * 4), np.append(parts[0]["label"] < 3, [False] * 4)
        p = softmax(f @ head["kernel"] + head["bias"])
        gz = (p - np.eye(3)[np.where(known, label, 0)]) * known[:, None] / known.sum()
        h = np.maximum(f @ hidden["kernel"] + hidden["bias"], 0)
        s = (h @ last["kernel"] + last["bias"])[:, 0]
        nll = np.where(is_source, np.log1p(np.exp(-s)), np.log1p(np.exp(s)))
        gs = WEIGHT * (1 / (1 + np.exp(-s)) - is_source)[:, None] / 8
        gh = gs @ last["kernel"].T * (h > 0)
        strength = PEAK * (2 / (1 + np.exp(-GAMMA * step / STEPS)) - 1)
        gf = gz @ head["kernel"].T - strength * gh @ hidden["kernel"].T
        gradient = {
            "network": {
                "trunk": {"kernel": mean.T @ gf, "bias": gf.sum(0)},
                "head": {"kernel": f.T @ gz, "bias": gz.sum(0)},
            },
            "domain_classifier": {
                "linear1": {"kernel": f.T @ gh, "bias": gh.sum(0)},
                "classifier": {"kernel": h.T @ gs, "bias": gs.sum(0)},
            },
        }
        ce = -np.log(p[known, label[known]]).mean()
        rate = RATE * (1 + 10 * step / STEPS) ** -0.75
        norm = np.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradient["network"])))
        assert float(metrics["terms"]["source"]) == pytest.approx(ce, rel=1e-5)
        assert float(metrics["terms"]["domain"]) == pytest.approx(nll.mean(), rel=1e-5)
        assert float(metrics["loss"]) == pytest.approx(ce + WEIGHT * nll.mean(), rel=1e-5)
        assert float(metrics["reversal"]) == pytest.approx(strength, rel=1e-5)
        assert float(metrics["domain_accuracy"]) == pytest.approx(((s > 0) == is_source).mean())
        assert float(metrics["learning_rate"]) == pytest.approx(rate, rel=1e-5)
        assert float(metrics["gradient_norm"]) == pytest.approx(norm, rel=1e-4)
        velocity = jax.tree.map(lambda v, g, t: 0.9 * v + g + DECAY * t, velocity, gradient, theta)
        faster = jax.tree.map(lambda _: HEAD, theta)
        faster["network"]["trunk"] = {"kernel": 1.0, "bias": 1.0}
        theta = jax.tree.map(lambda t, v, k, r=rate: t - r * k * v, theta, velocity, faster)
        close(state.params, theta)
    assert int(state.step) == 3


def test_the_reversal_is_the_identity_whose_derivative_is_turned_around() -> None:
    x = jnp.array([0.1, -3e38, 7.0])
    np.testing.assert_array_equal(reverse_gradient(x, 0.3), x)
    np.testing.assert_array_equal(jax.jit(reverse_gradient)(x, 0.3), x)

    def cube(x: jax.Array, strength: Any) -> jax.Array:
        return jnp.sum(reverse_gradient(x, strength) ** 3)

    y = jnp.array([1.0, -2.0])
    np.testing.assert_allclose(jax.grad(cube)(y, 0.5), [-1.5, -6.0])  # -0.5 * 3 x^2
    np.testing.assert_allclose(jax.grad(cube, argnums=1)(y, 0.5), 0.0)
    np.testing.assert_allclose(jax.jvp(lambda x: cube(x, 0.5), (y,), (jnp.ones(2),))[1], -7.5)
    each = jax.vmap(jax.grad(cube), (None, 0))(y, jnp.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(each, [[0.0, 0.0], [-3.0, -12.0], [-6.0, -24.0]])
    # Twice reversed is straight: d/dx (-0.5 * 3 r(x)^2) = -0.5 * 6 x * (-0.5).
    np.testing.assert_allclose(jax.hessian(cube)(y, 0.5), np.diag([1.5, -3.0]))


def test_the_strength_is_the_papers_schedule_and_inverse_decay_its_learning_rate() -> None:
    m = dataclasses.replace(method(), steps=1000, gamma=10.0, peak=1.0)
    # 2 / (1 + exp(-10 p)) - 1 at p = 0, 0.1, 0.5, 1
    golden = [0.0, 0.46211716, 0.98661430, 0.99990920]
    np.testing.assert_allclose([m.strength(step) for step in (0, 100, 500, 1000)], golden, rtol=1e-6)
    # (1 + 10 p)^-0.75: 1, 2^-0.75, 11^-0.75
    rates = [Inverse()(step, 1000) for step in (0, 100, 1000)]
    np.testing.assert_allclose(rates, [1.0, 0.59460356, 0.16556003], rtol=1e-6)
    np.testing.assert_allclose(Inverse(rise=2.0)(1500, 2000), (1 + 0.001 * 1500) ** -0.75, rtol=1e-6)


def test_before_the_reversal_rises_the_network_learns_the_source_alone() -> None:
    given, other = batch(), batch()
    other["target"] = batch(9)["target"]
    m = method()
    one, _ = advanced(m, start(m), given)
    two, _ = advanced(m, start(m), other)
    equal(one.params["network"], two.params["network"])
    assert not np.array_equal(*(s.params["domain_classifier"]["linear1"]["bias"] for s in (one, two)))
    later = dataclasses.replace(start(m), step=jnp.int32(2))
    three, four = (advanced(m, later, data)[0].params["network"] for data in (given, other))
    assert not np.array_equal(three["trunk"]["kernel"], four["trunk"]["kernel"])
    equal(three["head"], four["head"])  # the classifier of the labels never hears of the domain


def test_the_targets_labels_are_never_read() -> None:
    given = batch()
    hidden = {**given["target"], "label": jnp.array([2, 0, 255, 1], jnp.int32)}
    later = dataclasses.replace(start(method()), step=jnp.int32(2))
    equal(*(advanced(method(), later, given | {"target": part})[0] for part in (given["target"], hidden)))


def test_batch_statistics_are_of_both_domains_together_or_one_after_the_other() -> None:
    given = batch()
    means = {}
    for forward in ("concatenated", "separate"):
        m = method(network=network(normalize=True), forward=forward)
        state = start(m)
        trunk = state.params["network"]["trunk"]
        f = {
            domain: ((given[domain]["image"] - 127.5) / 127.5).mean((1, 2)) @ trunk["kernel"] + trunk["bias"]
            for domain in ("source", "target")
        }
        after, _ = advanced(m, state, given)
        means[forward] = after.batch_stats["network"]["norm"]["mean"]
    together = 0.1 * jnp.concatenate([f["source"], f["target"]]).mean(0)
    np.testing.assert_allclose(means["concatenated"], together, rtol=1e-4, atol=1e-6)
    threaded = 0.9 * 0.1 * f["source"].mean(0) + 0.1 * f["target"].mean(0)
    np.testing.assert_allclose(means["separate"], threaded, rtol=1e-4, atol=1e-6)


def test_fields_are_leaves_and_draws_are_the_seeds() -> None:
    m = method(domain_classifier=models.domain_classifier(4, widths=(5,), dropout=0.5))
    given, began = batch(), dataclasses.replace(start(m), step=jnp.int32(2))
    equal(advanced(m, began, given), advanced(m, began, given))
    assert not np.array_equal(
        *(start(m, seed).params["domain_classifier"]["linear1"]["kernel"] for seed in (0, 1))
    )

    def swept(peak: Any, weight: Any) -> Any:
        changed = dataclasses.replace(m, peak=peak, weight=weight)
        return changed.step(began, given, 0)[0].params

    values = (0.0, 1.0), (0.5, 2.0)
    together = jax.jit(jax.vmap(swept), compiler_options=QUICK)(*(jnp.array(column) for column in values))
    for index, (peak, weight) in enumerate(zip(*values, strict=True)):
        one, _ = advanced(dataclasses.replace(m, peak=peak, weight=weight), began, given)
        close(jax.tree.map(lambda leaf, i=index: leaf[i], together), one.params)


def test_the_networks_variables_are_taken_and_given() -> None:
    m = method(network=network(normalize=True))
    state = start(m)
    other = jax.tree.map(lambda leaf: leaf + 1, m.variables(state))
    changed = m.with_variables(state, other)
    assert set(m.network.init(jax.random.key(0), jnp.zeros((1, 4, 5, 3)))) == set(other)
    equal(m.variables(changed), other)
    equal(changed.params["domain_classifier"], state.params["domain_classifier"])


def test_the_domain_classifier_is_the_published_one() -> None:
    net = models.domain_classifier(256)
    vectors = jnp.asarray(np.random.default_rng(0).normal(size=(64, 1, 1, 256)), jnp.float32)
    variables = net.init(jax.random.key(0), vectors)
    shapes = {name: leaf["kernel"].shape for name, leaf in variables["params"].items()}
    assert shapes == {"linear1": (256, 1024), "linear2": (1024, 1024), "classifier": (1024, 1)}
    x = vectors[:, 0, 0]
    for name in shapes:
        x = jnp.maximum(x, 0) if name != "linear1" else x
        x = x @ variables["params"][name]["kernel"] + variables["params"][name]["bias"]
    np.testing.assert_allclose(
        net.apply(variables, vectors, train=False)[0].logits[:, 0, 0], x, rtol=1e-4, atol=1e-5
    )
    dropped = net.apply(variables, vectors, train=True, rngs={"dropout": jax.random.key(1)})[0].features
    assert float((dropped == 0).mean()) == pytest.approx(0.75, abs=0.02)  # half by ReLU, half of the rest


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"forward": "both"}, "forward: 'both' is not known"),
        ({"objective": {"x": Term(losses.Entropy(), domain="moon")}}, "objective.x.domain: 'moon'"),
        ({"objective": {"domain": SOURCE}}, "objective.domain: the name of the domain classifier's loss"),
        (
            {"network": dataclasses.replace(network(normalize=True), per_domain=True)},
            "forward: 'concatenated' makes one batch of all domains",
        ),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        method(**fields).validate()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"network": tiny.classifier()}, "network: its output has no features"),
        ({"network": network(maps=True), "objective": {}}, "network: its features are maps of 4 axes"),
        (
            {"domain_classifier": models.domain_classifier(6, widths=())},
            "domain_classifier.channels: 6 and the network's features are 4",
        ),
    ],
)
def test_features_that_cannot_be_used_are_refused(fields: dict[str, Any], words: str) -> None:
    m = method(**fields)
    with pytest.raises(InputError, match=words):
        jax.eval_shape(lambda state, given: m.step(state, given, 0), start(m), batch())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.domain_classifier(0), "domain_classifier.features: 0; use at least 1"),
        (lambda: models.domain_classifier(4, widths=(8, 0)), r"domain_classifier.widths\[1\]: 0; use at"),
        (lambda: models.domain_classifier(4, dropout=1.0), "domain_classifier.dropout: 1.0; use a prob"),
    ],
)
def test_unusable_sizes_are_refused(make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


def test_the_digits_configs_are_turned_around_on_the_command_line() -> None:
    for name in ("source", "dann", "entropy", "max_squares"):
        words = ["--data.domain", "mnist", "--target.domain", "usps"]
        experiment = with_arguments(load_config(ROOT / f"configs/digits/{name}.py"), words)
        experiment.validate()
        assert experiment.data == Digits(domain="mnist", resize=(28, 28))
        assert experiment.target == Digits(domain="usps", resize=(28, 28))
        assert experiment.method.needs() == (("source",) if name == "source" else ("source", "target"))


def whole() -> DANN:
    return method(
        network=network(normalize=True, dropout=0.2),
        domain_classifier=models.domain_classifier(4, widths=(5,), dropout=0.3),
        steps=3,
    )


PATCHES = {"data": tiny.Patches(), "target": tiny.Patches(shift=60)}


def test_it_resumes(tmp_path: Path) -> None:
    check_resumed(tmp_path, whole(), after=(2,), **PATCHES)


@pytest.mark.slow
def test_many_devices_compute_what_one_computes(tmp_path: Path) -> None:
    check_meshes(tmp_path, whole(), meshes=(MeshShape(data=8), MeshShape(data=2, space=4)), **PATCHES)
