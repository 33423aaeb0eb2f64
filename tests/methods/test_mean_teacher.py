"""The mean teacher: steps written out a second time, what must not leak, and the contract."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.data.augment import ColorJitter, GaussianBlur
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Constant, MeanTeacher
from jaxseg.methods.method import METHOD_STREAM
from jaxseg.train import MeshShape
from tests.methods.contract import check_meshes, check_resumed
from tests.methods.test_objective import softmax
from tests.tiny import classifier, network

RATE, MOMENTUM, DECAY, WEIGHT_DECAY, SURE = 0.3, 0.9, 0.6, 0.01, 0.5
CLASSES, VOID = 3, 255


def method(**fields: Any) -> MeanTeacher:
    values = {
        "network": network(normalize=True),
        "steps": 5,
        "optimizer": SGD(
            learning_rate=RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, schedule=Constant()
        ),
        "decay": DECAY,
        "threshold": SURE,
    }
    return MeanTeacher(**(values | fields))


def batch(seed: int = 0) -> dict[str, dict[str, jax.Array]]:
    rng = np.random.default_rng(seed)

    def part(void: bool) -> dict[str, np.ndarray]:
        label = rng.integers(0, CLASSES, (2, 6, 5)).astype(np.uint8)
        if void:
            label[0, 0, :2] = VOID
        return {
            "image": rng.uniform(0, 255, (2, 6, 5, 3)).astype(np.float32),
            "label": label,
            "valid": rng.random((2, 6, 5)) < 0.9,
        }

    return jax.tree.map(jnp.asarray, {"source": part(True), "target": part(False)})


@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def start(m: MeanTeacher) -> Any:
    return m.begin(m.init(jnp.int32(0), jnp.zeros((1, 6, 5, 3))), 0)


@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def stepped(m: MeanTeacher, state: Any, data: Any) -> Any:
    return m.step(state, data, 0)


def kernel(state: Any, name: str = "network") -> np.ndarray:
    return np.asarray(state.params[name]["Dense_0"]["kernel"])


# ClassMix


def forward(params: Any, image: Any) -> tuple[Any, Any, Any]:
    """The tiny network in training: scores, batch mean and variance."""
    x = (image - 127.5) / 127.5
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    x = (x - mean) / jnp.sqrt(var + 1e-5) * params["BatchNorm_0"]["scale"] + params["BatchNorm_0"]["bias"]
    return x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"], mean, var


def log_share(z: Any) -> Any:
    return z - jnp.log(jnp.sum(jnp.exp(z), -1, keepdims=True))


def mask_by_hand(key: Any, label: np.ndarray) -> np.ndarray:
    """ClassMix with the documented draws, class by class."""
    mask = np.zeros(label.shape, bool)
    for b, truth in enumerate(label):
        lot = np.asarray(jax.random.uniform(jax.random.fold_in(key, b), (CLASSES,)))
        there = sorted((c for c in range(CLASSES) if (truth == c).any()), key=lambda c: lot[c])
        mask[b] = np.isin(truth, there[: (len(there) + 1) // 2])
    return mask


def test_steps_equal_a_second_writing_of_teacher_mix_weights_and_update() -> None:
    color, blur = ColorJitter(brightness=0.4), GaussianBlur(probability=0.5, sigma=(0.2, 1.0))
    m = method(color=color, color_share=0.5, blur=blur, ignored_rows=(1, 2))
    state = start(m)
    student = jax.tree.map(np.asarray, state.params["network"])
    teacher = jax.tree.map(np.zeros_like, student)  # whatever it was: the first step forgets it
    state = dataclasses.replace(state, params={**state.params, "teacher": jax.tree.map(jnp.asarray, teacher)})
    velocity = jax.tree.map(np.zeros_like, student)
    zeros, ones = np.zeros(3), np.ones(3)
    running = {"network": {"mean": zeros, "var": ones}, "teacher": {"mean": zeros, "var": ones}}
    jittered = 0
    for step, keep in enumerate((0.0, 0.5, 0.6)):  # min(1 - 1 / (t + 1), 0.6)
        data = batch(step)
        mix_key, color_key, blur_key, _ = jax.random.split(state.key(METHOD_STREAM), 4)
        state, metrics = stepped(m, state, data)
        source, target = (jax.tree.map(np.asarray, data[domain]) for domain in ("source", "target"))
        teacher = jax.tree.map(lambda v, w, a=keep: a * v + (1 - a) * w, teacher, student)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
            state.params["teacher"],
            teacher,
        )

        z, *moments = forward(teacher, target["image"])
        share = softmax(np.asarray(z, np.float64))
        sure = share.max(-1) >= SURE
        q = sure[target["valid"]].mean()
        assert 0.1 < q < 0.9
        assert float(metrics["quality"]) == pytest.approx(q, rel=1e-6)
        running["teacher"] = averaged(running["teacher"], moments)

        mask = mask_by_hand(mix_key, source["label"])
        assert 0 < mask.sum() < mask.size
        image = jnp.asarray(np.where(mask[..., None], source["image"], target["image"]))
        share_key, color_key = jax.random.split(color_key)
        changed, _ = color(color_key, image)
        for b in range(2):
            if jax.random.uniform(jax.random.fold_in(share_key, b)) < 0.5:
                image, jittered = image.at[b].set(changed[b]), jittered + 1
        image, _ = blur(blur_key, image)
        label = np.where(mask, source["label"], share.argmax(-1))
        valid = np.where(mask, source["valid"], target["valid"])
        weight = np.where(mask, 1.0, q)
        for row in (0, 4, 5):
            weight[:, row] = np.where(mask[:, row], 1.0, 0.0)
        known = source["label"] < CLASSES

        def loss(w: Any, image: Any = image, parts: Any = (source, known, label, valid, weight)) -> Any:
            source, known, label, valid, weight = parts
            first, *one = forward(w, source["image"])
            second, *two = forward(w, image)
            truth = jnp.asarray(np.eye(CLASSES, dtype=np.float32)[np.where(known, source["label"], 0)])
            ce = -jnp.sum(truth * log_share(first), -1)
            guess = -jnp.sum(jnp.asarray(np.eye(CLASSES, dtype=np.float32)[label]) * log_share(second), -1)
            known, valid, weight = (jnp.asarray(x, jnp.float32) for x in (known, valid, weight))
            terms = jnp.sum(ce * known) / jnp.sum(known), jnp.sum(weight * guess * valid) / jnp.sum(valid)
            return sum(terms), (terms, one, two)

        gradient, (terms, one, two) = jax.grad(loss, has_aux=True)(student)
        assert float(metrics["terms"]["source"]) == pytest.approx(float(terms[0]), rel=1e-5)
        assert float(metrics["terms"]["mixed"]) == pytest.approx(float(terms[1]), rel=1e-5)
        assert float(metrics["loss"]) == pytest.approx(float(sum(terms)), rel=1e-5)
        velocity = jax.tree.map(
            lambda v, g, p: MOMENTUM * v + g + WEIGHT_DECAY * p, velocity, gradient, student
        )
        student = jax.tree.map(lambda p, v: np.asarray(p - RATE * v), student, velocity)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
            state.params["network"],
            student,
        )
        running["network"] = averaged(averaged(running["network"], one), two)
        for name, expected in running.items():
            found = state.batch_stats[name]["BatchNorm_0"]
            for key, value in expected.items():
                np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5, err_msg=f"{name} {key}")
    assert 0 < jittered < 6
    assert int(state.step) == 3


def averaged(running: dict[str, Any], moments: Any) -> dict[str, Any]:
    """The running statistics after one batch, as Flax counts them."""
    return {
        name: 0.9 * running[name] + 0.1 * np.asarray(value, np.float64)
        for name, value in zip(("mean", "var"), moments, strict=True)
    }


def test_with_nothing_sure_only_pasted_pixels_teach() -> None:
    m = method(network=network(), threshold=1.1, color=None, blur=None)
    data = batch()
    one, metrics = stepped(m, start(m), data)
    assert float(metrics["quality"]) == 0.0
    key = jax.random.split(start(m).key(METHOD_STREAM), 4)[0]
    mask = mask_by_hand(key, np.asarray(data["source"]["label"]))
    noise = jnp.where(mask[..., None], data["target"]["image"], 255.0 - data["target"]["image"])
    two, _ = stepped(m, start(m), data | {"target": {**data["target"], "image": noise}})
    jax.tree.map(np.testing.assert_array_equal, one.params, two.params)
    sure = method(network=network(), threshold=0.0, color=None, blur=None)
    three, metrics = stepped(sure, start(sure), data)
    assert float(metrics["quality"]) == 1.0
    assert (
        np.abs(
            one.params["network"]["Dense_0"]["kernel"] - three.params["network"]["Dense_0"]["kernel"]
        ).max()
        > 1e-3
    )


def test_the_targets_labels_are_never_read() -> None:
    m, data = method(), batch()
    changed = np.uint8(2) - data["target"]["label"]
    one, _ = stepped(m, start(m), data)
    two, _ = stepped(m, start(m), data | {"target": {**data["target"], "label": changed}})
    jax.tree.map(np.testing.assert_array_equal, one, two)


def test_the_student_predicts_unless_the_teacher_is_asked_for_and_both_begin_as_what_is_given() -> None:
    m = method()
    state, _ = stepped(m, start(m), batch())
    state, _ = stepped(m, state, batch(1))
    asked = dataclasses.replace(m, predicts="teacher")
    for chosen, name in ((m, "network"), (asked, "teacher")):
        expected = {"params": state.params[name], "batch_stats": state.batch_stats[name]}
        jax.tree.map(np.testing.assert_array_equal, chosen.variables(state), expected)
    assert np.abs(kernel(state) - kernel(state, "teacher")).max() > 1e-3
    fresh = start(m)
    given = m.with_variables(fresh, asked.variables(state))
    for name in ("network", "teacher"):
        jax.tree.map(np.testing.assert_array_equal, given.params[name], state.params["teacher"])
        jax.tree.map(np.testing.assert_array_equal, given.batch_stats[name], state.batch_stats["teacher"])
    pointers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves((given.params, given.batch_stats))]
    assert len(set(pointers)) == len(pointers)  # a donated state holds no array twice


def test_a_teacher_may_label_with_the_students_running_statistics() -> None:
    m = method(teacher_statistics="student")
    state, _ = stepped(m, start(m), batch())
    assert set(state.batch_stats) == {"network"}
    data = batch(1)
    before = state
    after, metrics = stepped(m, before, data)
    w = jax.tree.map(np.asarray, before.params)
    teacher = jax.tree.map(lambda v, u: 0.5 * v + 0.5 * u, w["teacher"], w["network"])
    running = before.batch_stats["network"]["BatchNorm_0"]
    x = (np.asarray(data["target"]["image"], np.float64) - 127.5) / 127.5
    x = (x - running["mean"]) / np.sqrt(running["var"] + 1e-5)
    x = x * teacher["BatchNorm_0"]["scale"] + teacher["BatchNorm_0"]["bias"]
    share = softmax(x @ teacher["Dense_0"]["kernel"] + teacher["Dense_0"]["bias"])
    q = (share.max(-1) >= SURE)[np.asarray(data["target"]["valid"])].mean()
    assert 0.1 < q < 0.9
    assert float(metrics["quality"]) == pytest.approx(q, rel=1e-6)
    asked = dataclasses.replace(m, predicts="teacher").variables(after)
    jax.tree.map(np.testing.assert_array_equal, asked["batch_stats"], after.batch_stats["network"])
    jax.tree.map(np.testing.assert_array_equal, asked["params"], after.params["teacher"])


def test_the_teacher_does_not_drop_out() -> None:
    dropping = network(normalize=True, dropout=0.5)
    m = method(network=dropping)
    with pytest.raises(InputError, match="teacher_network: the network drops out in training"):
        m.step(start(m), batch(), 0)
    apart = method(network=dropping, teacher_network=network(normalize=True))
    state, metrics = stepped(apart, start(apart), batch())
    z, *_ = forward(start(apart).params["network"], batch()["target"]["image"])
    sure = np.asarray(jax.nn.softmax(z).max(-1) >= SURE)[np.asarray(batch()["target"]["valid"])]
    assert float(metrics["quality"]) == pytest.approx(sure.mean(), rel=1e-6)
    other, _ = stepped(apart, dataclasses.replace(start(apart), seed=jnp.int32(1)), batch())
    assert not np.array_equal(kernel(state), kernel(other))
    stepped(method(network=dropping, teacher_statistics="student"), start(m), batch())


def test_numbers_are_leaves_and_stacked_ones_step_as_single_ones() -> None:
    data, thresholds, state = batch(), jnp.array([0.4, 0.5, 0.7]), start(method())

    def quality(threshold: Any) -> Any:
        return method(threshold=threshold).step(state, data, 0)[1]["quality"]

    together = jax.jit(jax.vmap(quality))(thresholds)
    single = [stepped(method(threshold=each), state, data)[1]["quality"] for each in thresholds]
    np.testing.assert_allclose(together, single, rtol=1e-6)
    assert len(set(together.tolist())) == 3
    assert jax.tree.structure(method(decay=0.9)) == jax.tree.structure(method(decay=0.5, color_share=1.0))


def test_the_same_seed_gives_the_same_bits_and_another_step_another_mix() -> None:
    m = method()
    one, _ = stepped(m, start(m), batch())
    two, _ = stepped(m, start(m), batch())
    jax.tree.map(np.testing.assert_array_equal, one, two)
    _, later = stepped(m, dataclasses.replace(start(m), step=jnp.int32(7)), batch())
    _, first = stepped(m, start(m), batch())
    assert float(later["terms"]["mixed"]) != float(first["terms"]["mixed"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"classes_of": "all"}, "classes_of: 'all' is not known; use 'image' or 'batch'"),
        ({"teacher_statistics": "none"}, "teacher_statistics: 'none' is not known; use 'batch' or 'student'"),
        ({"predicts": "both"}, "predicts: 'both' is not known; use 'student' or 'teacher'"),
        ({"ignored_rows": (0, -1)}, "ignored_rows: (0, -1); use numbers of rows, 0 or more"),
        ({"teacher_network": network(4)}, "teacher_network: it scores 4 classes and the network 3"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        method(**fields).validate()
    assert str(caught.value) == words


def test_batches_that_cannot_be_mixed_are_refused() -> None:
    m, data = method(), batch()
    narrow = jax.tree.map(lambda x: x[:, :, :4], data["target"])
    with pytest.raises(InputError, match="cannot be pasted onto target images"):
        m.step(start(m), data | {"target": narrow}, 0)
    whole = {**data["source"], "label": jnp.zeros(2, jnp.int32), "valid": jnp.ones(2, bool)}
    of_images = method(network=classifier())
    with pytest.raises(InputError, match="a label is one of an image"):
        of_images.step(start(of_images), {"source": whole, "target": whole}, 0)


def test_a_run_resumes(tmp_path: Path) -> None:
    check_resumed(tmp_path, method(steps=2, threshold=0.6, optimizer=SGD(learning_rate=0.1)), after=(1,))


@pytest.mark.slow
def test_a_run_does_not_depend_on_the_devices(tmp_path: Path) -> None:
    m = method(steps=2, threshold=0.6, optimizer=SGD(learning_rate=0.1), classes_of="batch")
    check_meshes(tmp_path, m, meshes=(MeshShape(data=2, space=4),))
