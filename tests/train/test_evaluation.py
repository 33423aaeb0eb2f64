"""Scoring: what is averaged of several networks, what is counted beside the matrix, and averages over subsets."""

import dataclasses
import json
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import metrics
from jaxseg.data import Planted
from jaxseg.data.synthia import Synthia
from jaxseg.errors import InputError
from jaxseg.labels import CITYSCAPES, CITYSCAPES_13, CITYSCAPES_16
from jaxseg.models import LinenNetwork, Normalization
from jaxseg.train import (
    EvaluationProtocol,
    Member,
    Score,
    _spread,
    distributed,
    evaluate,
    evaluate_ensemble,
    predict,
)
from jaxseg.train._scores import View, check_members, scores
from tests.tiny import SPACE, Blocks, Patches, classifier, network

DARK = Normalization(mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0), order="bgr")


class Strided(nn.Module):
    """Linear scores of the mean colour of 4 x 4 pixels: a network of stride 4."""

    classes: int

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> jax.Array:
        b, h, w, c = image.shape
        return nn.Dense(self.classes)(image.reshape(b, h // 4, 4, w // 4, 4, c).mean((2, 4)))


def strided(normalization: Normalization = DARK, classes: int = 3) -> LinenNetwork:
    return LinenNetwork(classes=classes, module=Strided(classes), normalization=normalization)


def member(net: LinenNetwork, seed: int) -> Member:
    variables = net.init(jax.random.key(seed), jnp.zeros((1, 8, 8, 3)))
    return Member(net, jax.tree.map(lambda leaf: 5.0 * leaf, variables))


def own(one: Member, image: np.ndarray) -> np.ndarray:
    """A linear network's logits at its own resolution, in NumPy float64."""
    x = image.astype(np.float64)
    net = one.network
    x = (x[..., ::-1] if net.normalization.order == "bgr" else x) - np.array(net.normalization.mean)
    x = x / np.array(net.normalization.std)
    if isinstance(net, LinenNetwork) and isinstance(net.module, Strided):
        b, h, w, c = x.shape
        x = x.reshape(b, h // 4, 4, w // 4, 4, c).mean((2, 4))
    dense = one.variables["params"]["Dense_0"]
    return x @ np.asarray(dense["kernel"], np.float64) + np.asarray(dense["bias"], np.float64)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def stretched(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear, half-pixel centres, edges repeated: one axis after the other."""
    for axis, length in ((1, size[0]), (2, size[1])):
        n = x.shape[axis]
        place = np.clip((np.arange(length) + 0.5) * n / length - 0.5, 0, n - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, n - 1)
        share = (place - low).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share
    return x


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (2, 8, 16, 3)).astype(np.uint8)


def test_logits_are_averaged_as_advent_and_min_ent_are(image: np.ndarray) -> None:
    members = [member(strided(), 0), member(strided(Normalization()), 1)]
    found = scores(members, jnp.asarray(image), (2, 8, 16), View())
    mean = (own(members[0], image) + own(members[1], image)) / 2
    np.testing.assert_allclose(found, stretched(mean, (8, 16)), atol=1e-4)


def test_probabilities_are_averaged_at_the_networks_own_resolution_and_then_interpolated(
    image: np.ndarray,
) -> None:
    members = [member(strided(), seed) for seed in (0, 1, 2)]
    found = scores(members, jnp.asarray(image), (2, 8, 16), View(average="probabilities"))
    mean = np.mean([softmax(own(one, image)) for one in members], axis=0)
    np.testing.assert_allclose(np.exp(found), stretched(mean, (8, 16)), atol=1e-5)
    logits = scores(members, jnp.asarray(image), (2, 8, 16), View())
    assert np.abs(softmax(np.asarray(logits, np.float64)) - np.exp(found)).max() > 0.01  # another average


def test_networks_of_different_strides_meet_at_the_labels(image: np.ndarray) -> None:
    members = [member(strided(), 0), member(network(), 1)]
    found = scores(members, jnp.asarray(image), (2, 8, 16), View(average="probabilities"))
    expected = (stretched(softmax(own(members[0], image)), (8, 16)) + softmax(own(members[1], image))) / 2
    np.testing.assert_allclose(np.exp(found), expected, atol=1e-5)


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_a_flipped_ensemble_averages_the_softmax_of_both_sides(image: np.ndarray, average: str) -> None:
    members = [member(strided(), 0), member(strided(), 1)]
    flipped = scores(members, jnp.asarray(image), (2, 8, 16), View(flip=True, average=average))
    plain = View(average=average)
    straight = jax.nn.softmax(scores(members, jnp.asarray(image), (2, 8, 16), plain))
    mirrored = jax.nn.softmax(scores(members, jnp.asarray(image[:, :, ::-1]), (2, 8, 16), plain))
    np.testing.assert_allclose(np.exp(flipped), (straight + mirrored[:, :, ::-1]) / 2, atol=1e-5)


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_several_scales_average_the_softmax_of_every_size_and_side(image: np.ndarray, average: str) -> None:
    members = [member(strided(), 0), member(strided(), 1)]
    view = View(flip=True, average=average, scales=(0.5, 1.0, 1.5))
    found = np.exp(scores(members, jnp.asarray(image), (2, 8, 16), view))
    sides = []
    for size in ((4, 8), (8, 16), (12, 24)):
        one = View(size, average=average)
        for step in (1, -1):
            seen = scores(members, jnp.asarray(image[:, :, ::step]), (2, 8, 16), one)
            sides.append(softmax(np.asarray(seen, np.float64))[:, :, ::step])
    np.testing.assert_allclose(found, np.mean(sides, axis=0), atol=1e-5)
    single = scores(members, jnp.asarray(image), (2, 8, 16), View(average=average))
    assert np.abs(found - softmax(np.asarray(single, np.float64))).max() > 0.01


def test_scales_are_scored_named_and_refused_where_they_cannot_be() -> None:
    one, data_set = member(network(), 1), Blocks()
    plain = evaluate(one.network, one.variables, data_set, "test", EvaluationProtocol())
    protocol = EvaluationProtocol(scales=(0.5, 1.0))
    several = evaluate(one.network, one.variables, data_set, "test", protocol)
    assert (plain.counts != several.counts).any()
    assert several.record(1)["protocol"].endswith("mean of scales 0.5, 1")
    for scales in ((1.0, 0.0), (math.inf,)):
        with pytest.raises(InputError, match=r"evaluation.scales: .*; all must be positive"):
            evaluate(one.network, one.variables, data_set, "test", EvaluationProtocol(scales=scales))


@dataclasses.dataclass(frozen=True)
class TwoSizes(Blocks):
    """Blocks, every third image of which is smaller."""

    def source(self, split: str) -> list[dict[str, object]]:
        wide, small = (Blocks(self.count, size).source(split) for size in ((8, 16), (4, 8)))
        return [small[index] if index % 3 == 1 else wide[index] for index in range(self.count)]


def test_images_of_several_sizes_are_scored_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one, data_set, asked = member(network(), 1), TwoSizes(count=7), []
    made = _spread.data.evaluation_batches

    def noted(*arguments: Any, **named: Any) -> Any:
        asked.append(named["threads"])
        return made(*arguments, **named)

    monkeypatch.setattr(_spread.data, "evaluation_batches", noted)
    alone = evaluate(one.network, one.variables, data_set, "val", EvaluationProtocol(batch=1))
    several = evaluate(
        one.network, one.variables, data_set, "val", EvaluationProtocol(batch=4), keep=(1, 6), threads=3
    )
    np.testing.assert_array_equal(several.counts, alone.counts)
    known = sum(int((example["label"] < 3).sum()) for example in data_set.source("val"))
    assert several.counts.sum() == known
    assert [(picture.name, picture.truth.shape) for picture in several.pictures] == [
        ("val1", (4, 8)),
        ("val6", (8, 16)),
    ]
    for picture in several.pictures:
        example = data_set.source("val")[int(picture.name[3:])]
        expected = own(one, example["image"][None])[0].argmax(-1)
        np.testing.assert_array_equal(picture.prediction, expected)
    assert asked == [2, 3]


def test_a_probability_that_underflows_is_small_and_not_minus_infinity(image: np.ndarray) -> None:
    sure = member(network(), 0)
    sure = dataclasses.replace(sure, variables=jax.tree.map(lambda leaf: 1e4 * leaf, sure.variables))
    found = scores([sure, sure], jnp.asarray(image), (2, 8, 16), View(average="probabilities"))
    assert np.isfinite(found).all()


def test_one_network_scores_alone_what_it_scores_with_itself() -> None:
    one = member(network(), 0)
    alone = evaluate(one.network, one.variables, Blocks(), "val", EvaluationProtocol(batch=5))
    for average in ("logits", "probabilities"):
        twice = evaluate_ensemble([one, one], Blocks(), "val", EvaluationProtocol(batch=5), average)
        np.testing.assert_array_equal(twice.counts, alone.counts)
        assert twice.calibration is not None
        assert alone.calibration is not None
        assert twice.calibration.error == pytest.approx(alone.calibration.error, abs=2e-5)


@pytest.mark.fast
def test_ensembles_that_cannot_be_are_one_clear_line() -> None:
    three, four = member(network(), 0), member(network(4), 0)
    for members, words in (([three, four], "networks of 3 and 4 classes"), ([], "networks of no classes")):
        with pytest.raises(InputError, match=words) as caught:
            evaluate_ensemble(members, Blocks(), "val", EvaluationProtocol())
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="average: 'votes' is not known; use 'logits' or 'probabilities'"):
        check_members([three], "votes")


def recorded() -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """The record of a network's score, the network's logits in NumPy, and the labels."""
    one, data = member(network(), 1), Blocks(count=7)
    score = evaluate(one.network, one.variables, data, "val", EvaluationProtocol(batch=4))
    images, labels = (
        np.stack([example[name] for example in data.source("val")]) for name in ("image", "label")
    )
    return json.loads(json.dumps(score.record(3))), own(one, images), labels


def test_the_record_says_how_sure_the_predictions_are() -> None:
    record, logits, labels = recorded()
    p = softmax(logits)
    known, predicted = labels < 3, p.argmax(-1)
    for index, name in enumerate(SPACE.names):
        chosen = known & (predicted == index)
        expected = p.max(-1)[chosen].mean() if chosen.any() else None
        assert record["mean_probability"][name] == (expected and pytest.approx(expected, abs=3e-5))
    bins = record["calibration"]["bins"]
    assert len(bins) == 15
    assert sum(entry["count"] for entry in bins) == known.sum()
    assert sum(entry["right"] for entry in bins) == (predicted == labels)[known].sum()
    assert record["calibration"]["mean_probability"] == pytest.approx(p.max(-1)[known].mean(), abs=3e-5)
    inside = [known & (p.max(-1) > low / 15) & (p.max(-1) <= (low + 1) / 15) for low in range(15)]
    gaps = [abs((predicted == labels)[part].sum() - p.max(-1)[part].sum()) for part in inside]
    assert record["calibration"]["error"] == pytest.approx(sum(gaps) / known.sum(), abs=3e-5)


def test_the_record_says_how_good_the_edges_are() -> None:
    record, logits, labels = recorded()
    predicted = logits.argmax(-1)
    assert np.hypot(*labels.shape[1:]) < 75  # so 2% of the diagonal are one pixel, by definition the least
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]

    def edge(maps: np.ndarray) -> np.ndarray:
        padded = np.pad(maps.astype(int), ((0, 0), (1, 1), (1, 1)), constant_values=-1)
        height, width = maps.shape[1:]
        windows = [padded[:, 1 + i : 1 + i + height, 1 + j : 1 + j + width] for i, j in around]
        return np.any([window != maps for window in windows], axis=0)

    for index, name in enumerate(SPACE.names):
        truth = (labels == index) & edge(labels)
        found = (predicted == index) & edge(predicted) & (labels < 3)
        assert record["boundary_iou"][name] == (truth & found).sum() / (truth | found).sum()
    assert record["mean_boundary_iou"] == pytest.approx(np.mean(list(record["boundary_iou"].values())))


def test_of_whole_images_it_is_counted_too() -> None:
    one, data = member(classifier(), 0), Patches()
    score = evaluate(one.network, one.variables, data, "val", EvaluationProtocol(batch=8))
    assert score.calibration is not None
    assert score.calibration.pixels.sum() == 19  # one of the 20 is unlabelled, and the last batch is padded
    assert score.calibration.hits.sum() == np.trace(score.counts)
    assert score.boundary is None


@dataclasses.dataclass(frozen=True)
class Resized(Blocks):
    """As a data set is whose preparation resized labels."""

    resize: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class Laid(Blocks):
    """As a data set is whose preparation laid images on a canvas."""

    canvas: tuple[int, int] | None = (8, 16)


def test_the_record_says_where_labels_were_resized_before() -> None:
    one = member(network(), 0)
    for data, words in (
        (Resized(resize=(8, 16)), "labels resized to 8x16"),
        (Planted(Resized(resize=(8, 16))), "labels resized to 8x16"),
        (Resized(), "labels at native size"),
        (Laid(), "labels at native size on a canvas of 8x16 (edges: by its diagonal)"),
        (Planted(Laid()), "labels at native size on a canvas of 8x16 (edges: by its diagonal)"),
    ):
        score = evaluate(one.network, one.variables, data, "val", EvaluationProtocol())
        assert score.record(1)["protocol"] == f"last checkpoint, input native size, {words}, single scale"


def of(space: object, counts: np.ndarray) -> Score:
    return Score("x/test", 1, EvaluationProtocol(), counts, space, 1.0)  # type: ignore[arg-type]


@pytest.mark.fast
def test_synthia_is_scored_on_16_and_13_classes() -> None:
    counts = np.random.default_rng(0).integers(0, 50, (16, 16))
    score = of(CITYSCAPES_16, counts)
    assert list(score.figures) == ["mean_iou", "mean_iou_13", "pixel_accuracy"]
    hits = counts.diagonal()
    iou = hits / (counts.sum(0) + counts.sum(1) - hits)
    assert score.figures["mean_iou"] == pytest.approx(iou.mean())
    # MaxSquare's thirteen: of the sixteen, all but wall (3), fence (4) and pole (5).
    assert score.figures["mean_iou_13"] == pytest.approx(iou[[0, 1, 2, *range(6, 16)]].mean())
    record = score.record(None)
    assert record["step"] is None
    assert record["mean_iou_13"] == score.figures["mean_iou_13"]
    assert record["subsets"] == {"13": list(CITYSCAPES_13.names)}
    assert "subsets" not in of(CITYSCAPES, np.eye(19, dtype=int)).record(1)


def test_a_network_of_19_classes_on_synthia_is_averaged_over_16_and_13() -> None:
    space = Synthia(classes=19).labels
    assert space == CITYSCAPES
    counts = np.random.default_rng(0).integers(0, 50, (19, 19))
    figures = of(space, counts).figures
    for word, subset in (("16", CITYSCAPES_16), ("13", CITYSCAPES_13)):
        assert figures[f"mean_iou_{word}"] == metrics.mean_iou(counts, subset.indices_in(CITYSCAPES))
    absent = counts.copy()
    absent[:13], absent[:, :13] = 0, 0
    assert not math.isnan(of(space, absent).figures["mean_iou_16"])


def test_predictions_of_one_picture_are_those_of_its_scores(image: np.ndarray) -> None:
    one = member(strided(), 0)
    found = predict(one.network, one.variables, image[0], (8, 16), flip=True)
    expected = scores([one], jnp.asarray(image[:1]), (1, 8, 16), View((8, 16), flip=True))
    np.testing.assert_array_equal(found, np.argmax(expected[0], -1))


@pytest.mark.fast
def test_processes_that_hold_images_of_other_sizes_all_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    other = [(8, 16), (16, 14)]
    monkeypatch.setattr(distributed.multihost_utils, "process_allgather", lambda _: np.asarray(other))
    with pytest.raises(InputError, match=r"evaluation: .*\(16x8 and 14x16\); set the data set's resize"):
        distributed.check_one_size("evaluation", 8, 16)
    other[1] = other[0]
    distributed.check_one_size("evaluation", 8, 16)
