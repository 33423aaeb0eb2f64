"""Boundary IoU against loops over pixels, and counts made by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.boundary import Boundary, distance_of, edges, tally
from jaxseg.errors import InputError

VOID = 255


def on_edge(labels: np.ndarray, row: int, column: int, distance: int) -> bool:
    """By definition: another label, or no pixel, within the square."""
    height, width = labels.shape
    around = range(-distance, distance + 1)
    for y, x in ((row + i, column + j) for i in around for j in around):
        if not (0 <= y < height and 0 <= x < width) or labels[y, x] != labels[row, column]:
            return True
    return False


def longhand(prediction: np.ndarray, truth: np.ndarray, classes: int, distance: int) -> tuple[list[int], ...]:
    """Pixels on an edge of each class in both maps, and in either, one pixel after the other."""
    both, either = [0] * classes, [0] * classes
    prediction = np.where(truth < classes, prediction, truth)
    for row, column in np.ndindex(truth.shape):
        if truth[row, column] >= classes:
            continue
        told = {int(of[row, column]) for of in (truth, prediction) if on_edge(of, row, column, distance)}
        in_both = (
            truth[row, column] == prediction[row, column]
            and on_edge(truth, row, column, distance)
            and on_edge(prediction, row, column, distance)
        )
        for number in told:
            either[number] += 1
            both[number] += in_both
    return both, either


def maps(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of classes with void ones in the truth, and what predicts most of them."""
    rng = np.random.default_rng(seed)
    coarse = rng.choice([0, 1, 2, VOID], (2, -(-size[0] // 4), -(-size[1] // 4)), p=[0.4, 0.3, 0.2, 0.1])
    truth = coarse.repeat(4, 1).repeat(4, 2)[:, : size[0], : size[1]].astype(np.uint8)
    prediction = np.roll(np.where(truth == VOID, 1, truth), 1, axis=2)
    return np.where(rng.random(truth.shape) < 0.05, 2, prediction).astype(np.int32), truth


@pytest.mark.fast
@pytest.mark.parametrize("distance", [1, 2, 3, 9])
def test_counts_are_the_longhand_ones(distance: int) -> None:
    prediction, truth = maps(distance, (12, 17))
    told = jax.jit(functools.partial(tally, classes=3, distance=distance))(prediction, truth)
    for image in range(2):
        expected = longhand(prediction[image], truth[image], 3, distance)
        assert np.array_equal(told[image], expected)
    found = Boundary.of([told[:1], told[1:]], 3)
    both, either = np.asarray(told, np.int64).sum(0)
    assert (found.iou == both / either).all()
    assert found.mean == (both / either).mean()


@pytest.mark.fast
def test_a_shift_of_one_pixel_costs_the_edge_more_than_the_region() -> None:
    """10 x 10, the right half moved by one: by hand 18 of 36 and 14 of 34 pixels, where the IoUs are 5/6 and 4/5."""
    truth = np.zeros((1, 10, 10), np.uint8)
    truth[..., 5:] = 1
    prediction = np.zeros((1, 10, 10), np.int32)
    prediction[..., 6:] = 1
    found = Boundary.of([tally(prediction, truth, classes=2, distance=1)], 2)
    # Class 0: 26 pixels in truth, 28 in the prediction, 18 in both. Class 1: 26, 24, and 16 in both.
    assert found.both.tolist() == [18, 16]
    assert found.either.tolist() == [36, 34]
    assert found.record(("road", "car"))["boundary_iou"] == {"road": 18 / 36, "car": 16 / 34}


@pytest.mark.fast
def test_void_pixels_count_nowhere_and_end_a_region() -> None:
    truth = np.zeros((1, 9, 9), np.uint8)
    truth[0, 4, 4] = VOID
    assert np.asarray(edges(jnp.asarray(truth), 1))[0, 3:6, 3:6].all()
    under = np.where(truth == VOID, 1, 0).astype(np.int32)
    told = tally(under, truth, classes=2, distance=1)
    assert told[0].tolist() == [[40, 0], [40, 0]]  # the ring, and the 8 around the void pixel, in both maps
    nothing = Boundary.of([tally(np.zeros((1, 9, 9), np.int32), np.full((1, 9, 9), VOID), 2, 1)], 2)
    assert np.isnan(nothing.iou).all()
    assert nothing.record(("a", "b")) == {"mean_boundary_iou": None, "boundary_iou": {"a": None, "b": None}}


@pytest.mark.fast
@pytest.mark.parametrize("distance", [1, 4])
def test_what_is_right_at_every_labelled_pixel_has_1(distance: int) -> None:
    """Whatever it says where truth is void."""
    _, truth = maps(0, (16, 20))
    for under in (0, 1):
        prediction = np.where(truth == VOID, under, truth).astype(np.int32)
        found = Boundary.of([tally(prediction, truth, classes=3, distance=distance)], 3)
        assert (found.iou == 1.0).all()


@pytest.mark.fast
def test_the_distance_is_a_share_of_the_diagonal() -> None:
    assert (distance_of(300, 400), distance_of(1024, 2048, 0.005), distance_of(4, 4)) == (10, 11, 1)
    with pytest.raises(InputError, match="boundary: a share of 0"):
        distance_of(8, 8, 0.0)
    with pytest.raises(InputError, match="boundary: a distance of 0"):
        edges(jnp.zeros((2, 2), jnp.int32), 0)


def test_what_is_predicted_as_no_class_is_on_no_edge_of_another_image():
    labels = jnp.zeros((2, 6, 8), jnp.int32)
    both, either = tally(labels.at[0].set(3), labels, 2, 1)[1]
    alone = tally(labels[1:], labels[1:], 2, 1)[0]
    np.testing.assert_array_equal((both, either), alone)


@pytest.mark.usefixtures("unchecked")
def test_no_image_and_other_shapes():
    assert tally(jnp.zeros((0, 4, 4), int), jnp.zeros((0, 4, 4), int), 3, 1).shape == (0, 2, 3)
    with pytest.raises(InputError, match=r"boundary: predictions \[1, 4, 4\] for labels \[2, 4, 4\]; "):
        tally(jnp.zeros((1, 4, 4), int), jnp.zeros((2, 4, 4), int), 3, 1)
    with pytest.raises(InputError, match="boundary: a share of inf"):
        distance_of(8, 8, float("inf"))
