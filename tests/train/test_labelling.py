"""Labelling before a round: what decides a label and what does not, and how labels reach a step."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.data import RareClasses
from jaxseg.data.augment import ColorJitter, Mirror, RandomCrop, Resize, ScaleCropFlip
from jaxseg.errors import InputError
from jaxseg.methods import SGD, ObjectiveMethod, WarmStart
from jaxseg.models import LinenNetwork
from jaxseg.train import MeshShape, RunFolder, check, variables_of
from jaxseg.train._inputs import augmented
from jaxseg.train._label_files import LabelFiles
from jaxseg.train._prior import spatial_prior
from tests.tiny import Patches, classifier, network
from tests.train.self_trained import HARD, SOFT, SOURCE, experiment, labels, trained


class Convolved(nn.Module):
    """Logits at half the size."""

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> jax.Array:
        return nn.Conv(3, (3, 3), strides=2)(nn.relu(nn.Conv(16, (3, 3))(image)))


@pytest.mark.parametrize("rule", ["hard", "lrent"])
def test_labels_do_not_depend_on_batch_threads_or_devices(rule: str, tmp_path: Path) -> None:
    built = experiment(
        network=LinenNetwork(3, module=Convolved()),
        labels=rule,
        objective={"source": SOURCE, "target": SOFT if rule == "lrent" else HARD},
        scales=(0.75, 1.0),
        flip=True,
        batch=8,
    )
    expected = labels(tmp_path / "one", built)
    assert len([name for name in expected if name.endswith(("png", "zlib"))]) == 12
    for index, change in enumerate(
        (
            {"batch": 2},
            {"threads": 0},
            {"threads": 5},
            {"mesh": MeshShape(8)},
            {"mesh": MeshShape(2, space=4)},
        )
    ):
        assert labels(tmp_path / str(index), dataclasses.replace(built, **change)) == expected


@pytest.mark.fast
def test_a_label_is_the_rule_on_the_softmax_of_the_whole_target(tmp_path: Path) -> None:
    built = experiment(network=network(), labels="hard", objective={"source": SOURCE, "target": HARD})
    net = built.method.network
    variables = net.init(jax.random.key(1), jnp.zeros((1, 8, 16, 3)))
    labels(tmp_path / "run", built, variables)
    images = np.stack([example["image"] for example in built.target.source("train")]) / 127.5 - 1.0
    layer = variables["params"]["Dense_0"]
    p = np.asarray(jax.nn.softmax(jnp.asarray(images, jnp.float32) @ layer["kernel"] + layer["bias"]))
    manifest = json.loads((tmp_path / "run/pseudo_labels/round0/manifest.json").read_text())
    best, confidence = p.argmax(-1), p.max(-1)
    for c, value in enumerate(manifest["thresholds"]):
        falling = np.sort(confidence[best == c])[::-1]
        assert value == pytest.approx(falling[int(0.3 * len(falling)) - 1], abs=1e-4)
    ratio = p / np.asarray(manifest["thresholds"])
    expected = np.where(ratio.max(-1) >= 1, ratio.argmax(-1), 255)
    kept = LabelFiles(tmp_path / "run/pseudo_labels/round0", soft=False)
    found = np.stack([kept.read(index) for index in range(12)])
    clear = np.abs(ratio.max(-1) - 1) > 1e-5
    np.testing.assert_array_equal(found[clear], expected[clear])
    assert manifest["predicted"] == np.bincount(best.ravel(), minlength=3).tolist()
    assert manifest["labelled"] == [int((found == c).sum()) for c in range(3)]
    assert np.sum(manifest["labelled"]) / found.size == pytest.approx(0.3, abs=0.15)


def test_labels_of_other_variables_are_made_anew(tmp_path: Path) -> None:
    built = experiment(network=network())
    one, other = (built.method.network.init(jax.random.key(k), jnp.zeros((1, 8, 16, 3))) for k in (0, 1))
    first = labels(tmp_path / "run", built, one)
    assert labels(tmp_path / "run", built, one) == first
    second = labels(tmp_path / "run", built, other)
    assert second != first
    assert labels(tmp_path / "fresh", built, other) == second


@pytest.mark.parametrize(
    "augment",
    [
        {"crop": ScaleCropFlip(size=(6, 10), scale=(0.6, 1.7)), "color": ColorJitter()},
        {"small": Resize(size=(10, 12)), "mirror": Mirror(), "crop": RandomCrop(size=(8, 8))},
    ],
    ids=["scale", "resize"],
)
def test_soft_labels_move_with_the_image(augment: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    # Four classes; the image shows the first three, so its colours are what the labels must become.
    soft = rng.multinomial(255, [0.4, 0.3, 0.2, 0.1], (3, 8, 16)).astype(np.uint8)
    soft[:, :, 4:7] = 0
    part = {"image": jnp.asarray(soft[..., :3]), "targets": jnp.asarray(soft)}
    still = {name: step for name, step in augment.items() if step.moves}

    def send(steps: dict[str, Any], given: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return jax.jit(lambda one: augmented(steps, jax.random.key(2), one))(given)

    plain = send(still, part)
    last = send(still, {**part, "image": jnp.asarray(soft[..., 1:])})["image"][..., 2:]
    found = send(augment, part)
    targets, valid = np.asarray(found["targets"]), np.asarray(found["valid"])
    colours = np.concatenate([plain["image"], last], axis=-1)
    total = colours.sum(-1, keepdims=True)
    expected = np.where(valid[..., None] & (total > 1e-3), colours / np.maximum(total, 1e-3), 0.0)
    np.testing.assert_allclose(targets, expected, atol=2e-5)
    assert (~targets.any(-1)).any()
    assert not targets[~valid].any()
    label = np.asarray(found["label"])
    assert (label[~valid] == 255).all()
    agree = label[label < 255] == targets[label < 255].argmax(-1)
    assert agree.mean() > 0.5  # the nearest pixel's best class, not the mixture's


def test_teachers_label_by_the_mean_of_their_softmax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = experiment(
        network=network(), rounds=1, labels="hard", objective={"source": SOURCE, "target": HARD}
    )
    folders = []
    for seed in (1, 2):
        one = dataclasses.replace(built, seed=seed)
        trained(tmp_path / f"teacher{seed}", one)
        folders.append(tmp_path / f"teacher{seed}")
    monkeypatch.setattr(RunFolder, "experiment", lambda self, arguments=(): built)
    method = dataclasses.replace(built.method, teachers=tuple(folders))
    taught = dataclasses.replace(built, method=method)
    labels(tmp_path / "run", taught)
    images = np.stack([example["image"] for example in built.target.source("train")]) / 127.5 - 1.0
    p = 0.0
    for folder in folders:
        layer = variables_of(RunFolder(folder))[1]["params"]["Dense_0"]
        p = (
            p
            + np.asarray(jax.nn.softmax(jnp.asarray(images, jnp.float32) @ layer["kernel"] + layer["bias"]))
            / 2
        )
    manifest = json.loads((tmp_path / "run/pseudo_labels/round0/manifest.json").read_text())
    assert manifest["predicted"] == np.bincount(p.argmax(-1).ravel(), minlength=3).tolist()
    ratio = p / np.asarray(manifest["thresholds"])
    kept = LabelFiles(tmp_path / "run/pseudo_labels/round0", soft=False)
    found = np.stack([kept.read(index) for index in range(12)])
    clear = np.abs(ratio.max(-1) - 1) > 1e-4
    np.testing.assert_array_equal(
        found[clear], np.where(ratio.max(-1) >= 1, ratio.argmax(-1), 255)[clear].astype(np.uint8)
    )
    other = dataclasses.replace(built.method, network=network(4))
    monkeypatch.setattr(
        RunFolder, "experiment", lambda self, arguments=(): dataclasses.replace(built, method=other)
    )
    with pytest.raises(InputError, match=r"teachers: the network of .* scores 4 classes, not 3"):
        check(taught)
    shutil.rmtree(folders[0] / "checkpoints")
    monkeypatch.setattr(RunFolder, "experiment", lambda self, arguments=(): built)
    with pytest.raises(InputError, match=r"teachers: .*teacher1 has no checkpoint; train it first"):
        check(taught)


@pytest.mark.parametrize("start", ["teachers", "initialize", "warm_start"])
def test_a_network_that_never_saw_the_target_labels_it_by_the_sources_statistics(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = dataclasses.replace(network(normalize=True), per_domain=True)
    built = experiment(
        network=net, rounds=1, steps=1, labels="hard", objective={"source": SOURCE, "target": HARD}
    )
    first, optimizer = {"source": SOURCE}, SGD(learning_rate=0.1)
    alone = dataclasses.replace(built, method=ObjectiveMethod(net, first, steps=6, optimizer=optimizer))
    state = trained(tmp_path / "first", alone)
    monkeypatch.setattr(RunFolder, "experiment", lambda self, arguments=(): alone)
    method: dict[str, Any] = {}
    if start == "initialize":
        built = dataclasses.replace(built, initialize=tmp_path / "first")
    elif start == "teachers":
        method = {"teachers": (tmp_path / "first",)}
    else:
        method = {"warm_start": WarmStart(steps=6, objective=first, optimizer=optimizer)}
    trained(tmp_path / "run", dataclasses.replace(built, method=dataclasses.replace(built.method, **method)))
    images = np.stack([example["image"] for example in built.target.source("train")]) / 127.5 - 1.0
    own, (scaled, layer) = state.batch_stats["source"]["BatchNorm_0"], state.params.values()
    z = (images - own["mean"]) / np.sqrt(own["var"] + 1e-5) * scaled["scale"] + scaled["bias"]
    best = (z @ np.asarray(layer["kernel"], np.float64) + layer["bias"]).argmax(-1)
    manifest = json.loads((tmp_path / "run/pseudo_labels/round0/manifest.json").read_text())
    assert manifest["predicted"] == np.bincount(best.ravel(), minlength=3).tolist()


def test_the_spatial_prior_is_the_share_of_each_class_at_each_place(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label = np.zeros((40, 60, 80), np.uint8)
    label[:, 30:] = 1
    label[:, :, :20] = np.where(rng.random((40, 60, 20)) < 0.5, 2, 255)
    source = [{"image": None, "label": one, "id": str(index)} for index, one in enumerate(label)]
    prior = spatial_prior(source, 3, (60, 80), tmp_path)
    assert prior.shape == (60, 80, 3)
    np.testing.assert_allclose(prior.sum(-1), 1.0, rtol=1e-5)
    for row, column, c in ((5, 60, 0), (55, 60, 1), (30, 5, 2)):
        assert prior[row, column, c] > 0.99
    np.testing.assert_array_equal(prior, spatial_prior(source, 3, (60, 80), tmp_path))
    assert spatial_prior(source[:1], 3, (120, 160), tmp_path / "large").shape == (120, 160, 3)
    built = experiment(network=network(), spatial_prior=True)
    plain = experiment(network=network())
    assert labels(tmp_path / "with", built) != labels(tmp_path / "without", plain)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sampling": {"target": RareClasses()}}, r"sampling.target: it counts the target's own labels"),
        (
            {"data": Patches(), "target": Patches(shift=30), "network": classifier()},
            r"method: it labels the pixels of the target, and here a label is the class of an image",
        ),
        ({"teachers": (Path("/nowhere"),)}, r"run: /nowhere is no run folder"),
    ],
)
def test_what_cannot_be_labelled_is_told_before_training(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        check(experiment(**fields))
    assert "\n" not in str(caught.value)
