"""Confusion matrix and figures: from their definitions, and against scikit-learn."""

import math
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxseg import metrics
from jaxseg._ids import check_maps
from jaxseg.errors import InputError
from jaxseg.labels import CITYSCAPES, CITYSCAPES_13, CITYSCAPES_16
from jaxseg.metrics import ConfusionMatrix

# Rows truth, columns prediction; class 3 is absent, class 2 is predicted but never true.
#   class 0: TP 6, FN 3, FP 1 -> 6/10; class 1: TP 3, FN 1, FP 2 -> 3/6; class 2: FP 1 -> 0/1
COUNTS = np.array([[6, 2, 1, 0], [1, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def images(seed, classes, shape=(8, 16, 6), void=True):
    key = np.random.default_rng(seed)
    predictions = key.integers(0, classes, shape, np.int32)
    labels = key.integers(0, classes, shape).astype(np.uint8)
    if void:
        labels[key.random(shape) < 0.2] = 255
    return predictions, labels


def reference(predictions, labels, classes):
    """scikit-learn's matrix over the labelled pixels."""
    labelled = labels < classes
    return sklearn.metrics.confusion_matrix(
        labels[labelled].astype(int), predictions[labelled], labels=range(classes)
    )


# Every new shape compiles: few examples, and no deadline.
compiling = settings(max_examples=30, deadline=None)


# The matrix


@pytest.mark.fast
def test_six_pixels_by_hand():
    predictions = np.array([[0, 1, 1], [2, 0, 2]])
    labels = np.array([[0, 1, 0], [2, 255, 1]], np.uint8)
    counts = ConfusionMatrix.zeros(3).update(predictions, labels).counts()
    assert counts.dtype == np.int64
    assert counts.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 1]]


@compiling
@given(
    classes=st.integers(2, 6),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, max_side=5),
    data=st.data(),
)
def test_update_is_sklearns_confusion_matrix(classes, shape, data):
    predictions = data.draw(hnp.arrays(np.int32, shape, elements=st.integers(0, classes - 1)))
    labels = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([*range(classes), classes, 255])))
    assume((labels < classes).any())
    counts = ConfusionMatrix.zeros(classes).update(predictions, labels).counts()
    np.testing.assert_array_equal(counts, reference(predictions, labels, classes))


@pytest.mark.parametrize("void", [-1, -128, 4, 5, 127])
def test_truth_outside_the_classes_is_void(void):
    labels = np.array([0, void, 3, void], np.int8)
    counts = ConfusionMatrix.zeros(4).update(np.array([0, 1, 3, 3]), labels).counts()
    np.testing.assert_array_equal(counts, np.diag([1, 0, 0, 1]))


@pytest.mark.parametrize("classes", [200, 255, 300])
def test_many_classes_and_narrow_types(classes):
    labels = np.arange(0, 200, dtype=np.uint8)
    counts = ConfusionMatrix.zeros(classes).update(labels, labels).counts()
    np.testing.assert_array_equal(np.diag(counts), np.arange(classes) < 200)
    assert counts.sum() == 200


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32])
def test_every_integer_type(dtype):
    predictions, labels = images(0, 5, void=False)
    counts = ConfusionMatrix.zeros(5).update(predictions.astype(dtype), labels.astype(dtype)).counts()
    np.testing.assert_array_equal(counts, reference(predictions, labels, 5))


@pytest.mark.fast
def test_jit_is_eager_without_recompiling():
    step = jax.jit(chex.assert_max_traces(ConfusionMatrix.update, 1), donate_argnums=0)
    eager = jitted = ConfusionMatrix.zeros(4)
    for seed in range(3):
        predictions, labels = images(seed, 4)
        eager = eager.update(predictions, labels)
        jitted = step(jitted, predictions, labels)
    np.testing.assert_array_equal(jitted.counts(), eager.counts())


@pytest.mark.fast
def test_batches_add_up_to_one_pass():
    predictions, labels = images(1, 5)
    together = ConfusionMatrix.zeros(5).update(predictions, labels)
    one_by_one = ConfusionMatrix.zeros(5)
    for i in range(len(labels)):
        one_by_one = one_by_one.update(predictions[i], labels[i])
    halves = [
        ConfusionMatrix.zeros(5).update(predictions[part], labels[part]) for part in np.split(np.arange(8), 2)
    ]
    np.testing.assert_array_equal(one_by_one.counts(), together.counts())
    np.testing.assert_array_equal(halves[0].merge(halves[1]).counts(), together.counts())
    np.testing.assert_array_equal((halves[1] + halves[0]).counts(), together.counts())


def test_vmap_is_a_loop():
    predictions, labels = images(2, 3)
    start = jax.tree.map(lambda x: jnp.stack([x] * 8), ConfusionMatrix.zeros(3))
    members = jax.vmap(ConfusionMatrix.update)(start, jnp.asarray(predictions), jnp.asarray(labels))
    assert members.classes == 3
    expected = [
        ConfusionMatrix.zeros(3).update(p, t).counts() for p, t in zip(predictions, labels, strict=True)
    ]
    np.testing.assert_array_equal(members.counts(), np.stack(expected))


def test_scan_carries_it():
    predictions, labels = images(3, 3)
    total, _ = jax.lax.scan(
        lambda matrix, pair: (matrix.update(*pair), None), ConfusionMatrix.zeros(3), (predictions, labels)
    )
    np.testing.assert_array_equal(total.counts(), reference(predictions, labels, 3))


def test_it_is_a_pytree_of_two_word_arrays():
    shapes = jax.eval_shape(ConfusionMatrix.zeros(4).update, jnp.zeros((2, 3), int), jnp.zeros((2, 3), int))
    assert [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(shapes)] == [((4, 5), jnp.uint32)] * 2
    assert isinstance(shapes, ConfusionMatrix)


# Beyond 32 bits


def holding(count):
    """A matrix of two classes that has seen `count` pixels of each kind."""
    fill = jnp.asarray([[1, 1, 0], [1, 1, 0]], jnp.uint32)
    return ConfusionMatrix(fill * np.uint32(count % 2**32), fill * np.uint32(count // 2**32))


@pytest.mark.fast
@pytest.mark.parametrize("start", [2**24 - 1, 2**31 - 1, 2**32 - 1, 2**32, 5 * 2**32 - 2, 2**53 - 1])
def test_counts_pass_the_limits_of_floats_and_of_32_bits(start):
    assert not jax.config.jax_enable_x64
    step = jax.jit(ConfusionMatrix.update)
    matrix = holding(start)
    for _ in range(3):
        matrix = step(matrix, jnp.array([0, 1, 1]), jnp.array([0, 0, 1]))
    assert matrix.counts().tolist() == [[start + 3, start + 3], [start, start + 3]]


@compiling
@given(a=st.integers(0, 2**61), b=st.integers(0, 2**61))
def test_merge_is_exact_64_bit_addition(a, b):
    assert (holding(a) + holding(b)).counts().tolist() == [[a + b] * 2] * 2


def test_a_batch_beyond_the_integers_of_float32_is_counted_exactly():
    pixels = 2**24 + 3
    ones = jnp.ones(pixels, jnp.uint8)
    assert ConfusionMatrix.zeros(2).update(ones, ones).counts()[1, 1] == pixels


# Sharding


@pytest.mark.fast
@pytest.mark.parametrize("layout", [P("data", "space"), P("data"), P(None, "space"), P(("data", "space"))])
def test_sharded_is_single_and_gathers_nothing(layout):
    mesh = jax.make_mesh((4, 2), ("data", "space"), axis_types=(AxisType.Auto,) * 2)
    predictions, labels = images(4, 7)
    placed = [jax.device_put(x, NamedSharding(mesh, layout)) for x in (predictions, labels)]
    start = jax.device_put(ConfusionMatrix.zeros(7), NamedSharding(mesh, P()))
    step = jax.jit(ConfusionMatrix.update)
    result = step(start, *placed)
    np.testing.assert_array_equal(result.counts(), reference(predictions, labels, 7))
    collectives = set(
        re.findall(
            r"all-(?:gather|reduce|to-all)|collective-permute|scatter",
            step.lower(start, *placed).compile().as_text(),
        )
    )
    assert collectives == {"all-reduce"}


# Refusals


def test_shapes_that_differ_are_refused():
    with pytest.raises(
        InputError, match=re.escape("predictions [2, 3, 4] for labels [2, 6, 8]; bring the logits")
    ):
        ConfusionMatrix.zeros(2).update(np.zeros((2, 3, 4), int), np.zeros((2, 6, 8), int))


def test_a_batch_that_could_overflow_is_refused():
    huge = jax.ShapeDtypeStruct((2**16, 2**15), jnp.uint8)
    with pytest.raises(InputError, match=r"2147483648 pixels in one update; give fewer than 2\^31"):
        jax.eval_shape(ConfusionMatrix.zeros(2).update, huge, huge)


@pytest.mark.fast
@pytest.mark.parametrize("wrong", [-1, 3, 4, 255])
def test_predictions_outside_the_classes_are_refused_when_read(wrong):
    step = jax.jit(ConfusionMatrix.update)
    good = step(ConfusionMatrix.zeros(3), jnp.array([2, wrong]), jnp.array([2, 255]))
    assert good.counts().sum() == 1  # at a void pixel the prediction is nobody's concern
    bad = step(good, jnp.array([wrong, wrong, 0]), jnp.array([2, 1, 0]))
    with pytest.raises(InputError, match=r"2 labelled pixels have a prediction outside 0\.\.2"):
        bad.counts()


def test_matrices_of_different_spaces_do_not_add():
    with pytest.raises(InputError, match="matrices of 2 and 3 classes"):
        ConfusionMatrix.zeros(2).merge(ConfusionMatrix.zeros(3))
    with pytest.raises(InputError, match="classes=0"):
        ConfusionMatrix.zeros(0)


# Figures


@pytest.mark.fast
def test_figures_by_hand():
    np.testing.assert_allclose(metrics.iou(COUNTS), [6 / 10, 3 / 6, 0, np.nan])
    assert metrics.mean_iou(COUNTS) == pytest.approx((0.6 + 0.5 + 0) / 3)
    assert metrics.mean_iou(COUNTS, [0, 3]) == pytest.approx(0.6)
    assert metrics.mean_iou(COUNTS, np.array([1, 2])) == pytest.approx(0.25)
    assert metrics.pixel_accuracy(COUNTS) == pytest.approx(9 / 13)
    assert metrics.mean_class_accuracy(COUNTS) == pytest.approx((6 / 9 + 3 / 4) / 2)


def test_group_figures_by_hand():
    groups = metrics.group_mean_iou(COUNTS, (4, 1, 4, 2))
    assert list(groups) == [1, 2, 4]
    assert groups[1] == pytest.approx(0.5)
    assert groups[4] == pytest.approx(0.3)
    assert math.isnan(groups[2])
    assert metrics.group_mean_iou(COUNTS, (None, 3, None, None)) == {3: pytest.approx(0.5)}


def test_without_pixels_every_figure_is_nan():
    nothing = np.zeros((3, 3), np.int64)
    assert np.isnan(metrics.iou(nothing)).all()
    for figure in (metrics.mean_iou, metrics.pixel_accuracy, metrics.mean_class_accuracy):
        assert math.isnan(figure(nothing))


@compiling
@given(
    classes=st.integers(2, 6),
    data=st.data(),
)
def test_figures_are_sklearns(classes, data):
    size = data.draw(st.integers(1, 40))
    elements = st.integers(0, classes - 1)
    true, predicted = (data.draw(hnp.arrays(np.int64, size, elements=elements)) for _ in range(2))
    counts = ConfusionMatrix.zeros(classes).update(predicted, true).counts()
    present = sorted({*true, *predicted})
    expected = sklearn.metrics.jaccard_score(true, predicted, labels=present, average=None, zero_division=0.0)
    values = metrics.iou(counts)
    np.testing.assert_allclose(values[present], expected, rtol=1e-14)
    assert np.isnan(np.delete(values, present)).all()
    assert metrics.mean_iou(counts) == pytest.approx(expected.mean())
    assert metrics.pixel_accuracy(counts) == pytest.approx(sklearn.metrics.accuracy_score(true, predicted))
    recall = sklearn.metrics.recall_score(true, predicted, labels=sorted({*true}), average="macro")
    assert metrics.mean_class_accuracy(counts) == pytest.approx(recall)


def test_figures_are_exact_where_float32_and_int32_are_not():
    big = np.array([[2**53 // 3, 1], [1, 2**40]])
    assert metrics.iou(big)[1] == 2**40 / (2**40 + 2)
    full = np.full((2, 2), 2**31 - 1, np.int32)
    np.testing.assert_array_equal(metrics.iou(full), [1 / 3, 1 / 3])
    assert metrics.pixel_accuracy(full) == 0.5


def test_synthia_averages_of_a_19_class_matrix():
    """Of every class half is called truck: IoU is 1/2 but for truck, which neither average contains."""
    counts = np.diag(np.full(19, 10))
    counts[:, CITYSCAPES.index("truck")] += 10
    sixteen = metrics.mean_iou(counts, CITYSCAPES_16.indices_in(CITYSCAPES))
    thirteen = metrics.mean_iou(counts, CITYSCAPES_13.indices_in(CITYSCAPES))
    assert sixteen == thirteen == 0.5
    assert metrics.mean_iou(counts) < 0.5


def test_sixteen_of_nineteen_with_three_zero_classes():
    """The 19-class mean over a matrix whose three foreign classes are predicted but never right is 16/19 of it."""
    present = list(CITYSCAPES_16.indices_in(CITYSCAPES))
    counts = np.zeros((19, 19), np.int64)
    counts[present, present] = 8
    for missing in set(range(19)) - set(present):
        counts[0, missing] = 1
    assert metrics.mean_iou(counts) == pytest.approx(metrics.mean_iou(counts, present) * 16 / 19)


def test_figures_refuse_what_does_not_fit():
    with pytest.raises(InputError, match="square"):
        metrics.iou(np.zeros((2, 3), int))
    for classes in ([4], [-1], []):
        with pytest.raises(InputError, match=re.escape(f"classes={classes}; give some of 0..3")):
            metrics.mean_iou(COUNTS, classes)
    with pytest.raises(InputError, match="3 groups for 4 classes"):
        metrics.group_mean_iou(COUNTS, (1, 2, 3))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "counts",
    [
        np.ones((2, 2, 2), np.int64),
        np.array([[0.9, 0.1], [0.2, 0.8]]),
        np.ones(3, np.int64),
        [[1, 2, 3], [4, 5, 6]],
    ],
)
def test_what_is_no_matrix_of_counts_is_refused(counts):
    with pytest.raises(InputError, match=r"metrics: counts \[.*; give one square matrix of integers"):
        metrics._margins(counts)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("classes", [np.array([True, False, False]), [0.9], [1, 1], []])
def test_what_names_no_classes_is_refused(classes):
    with pytest.raises(InputError, match=r"metrics: classes=.*; give some of 0\.\.2, each once"):
        metrics.mean_iou(np.eye(3, dtype=np.int64), classes=classes)


def test_ids_that_are_no_integers_are_refused():
    for predictions, labels, name in ((X_FLOAT, X_INT, "predictions"), (X_INT, X_FLOAT, "labels")):
        with pytest.raises(InputError, match=f"here: {name} of type float32; give integers"):
            check_maps("here", predictions, labels)


X_INT, X_FLOAT = np.zeros(3, np.int32), np.zeros(3, np.float32)
