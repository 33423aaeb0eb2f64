"""How sure and how right, against sums written out in NumPy float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.calibration import BINS, Calibration, most_probable, tally
from jaxseg.errors import InputError


def longhand(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Probabilities and predictions of every labelled pixel, then the figures, one bin after the other."""
    classes = scores.shape[-1]
    exponents = np.exp(scores.astype(np.float64) - scores.max(-1, keepdims=True))
    softmax = exponents / exponents.sum(-1, keepdims=True)
    known = labels < classes
    p, predicted, true = softmax.max(-1)[known], scores.argmax(-1)[known], labels[known]
    means = np.array([p[predicted == c].mean() if (predicted == c).any() else np.nan for c in range(classes)])
    counts, error = np.zeros(BINS, int), 0.0
    for b in range(BINS):
        inside = (p > b / BINS) & (p <= (b + 1) / BINS)
        counts[b] = inside.sum()
        if inside.any():
            gap = abs((predicted == true)[inside].mean() - p[inside].mean())
            error += inside.sum() / known.sum() * gap
    return means, counts, float(p.mean()), error


@pytest.mark.fast
@pytest.mark.parametrize("shape", [(3, 5, 7), (40,)])
def test_figures_are_the_longhand_ones_however_the_images_are_batched(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, (*shape, 4)).astype(np.float32)
    scores[..., 3] = -50.0  # never predicted
    labels = rng.choice([0, 1, 2, 3, 255], shape).astype(np.uint8)
    means, counts, mean, error = longhand(scores, labels)

    @jax.jit
    def told(scores: jax.Array, labels: jax.Array) -> jax.Array:
        return tally(*most_probable(scores), labels, classes=4)

    whole = Calibration.of([told(scores, labels)], 4)
    parts = Calibration.of([told(scores[i : i + 1], labels[i : i + 1]) for i in range(shape[0])], 4)
    for found in (whole, parts):
        np.testing.assert_array_equal(found.pixels.sum(axis=1), counts)
        np.testing.assert_allclose(found.mean_probability, means, atol=2e-5)
        assert np.isnan(found.mean_probability[3])
        assert found.mean == pytest.approx(mean, abs=2e-5)
        assert found.error == pytest.approx(error, abs=2e-5)
    np.testing.assert_array_equal(whole.probability, parts.probability)  # to the bit
    np.testing.assert_array_equal(whole.hits, parts.hits)


def test_a_network_as_right_as_it_is_sure_has_no_error_and_one_that_is_always_wrong_has_its_probability() -> (
    None
):
    four_in_five = jnp.log(jnp.full((1, 1000, 2), 0.2).at[..., 0].set(0.8))
    right = np.zeros((1, 1000), np.uint8)
    right[0, :200] = 1
    for labels, error in ((right, 0.0), (np.ones((1, 1000), np.uint8), 0.8), (np.zeros_like(right), 0.2)):
        found = Calibration.of([tally(*most_probable(four_in_five), labels, classes=2)], 2)
        assert found.error == pytest.approx(error, abs=2e-5)
        assert found.pixels.sum() == 1000


def test_extreme_scores_are_certain_and_scores_that_are_equal_share() -> None:
    scores = jnp.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0], [-jnp.inf, 0.0, -jnp.inf]])
    predictions, probabilities = most_probable(scores)
    assert predictions.tolist() == [0, 0, 1]
    np.testing.assert_allclose(probabilities, [1.0, 1 / 3, 1.0], rtol=1e-6)
    found = Calibration.of([tally(predictions, probabilities, jnp.array([0, 255, 1]), classes=3)], 3)
    assert found.pixels[BINS - 1].tolist() == [1, 1, 0]
    assert found.pixels.sum() == 2


@pytest.mark.fast
def test_nothing_labelled_gives_nulls_and_a_huge_image_is_refused() -> None:
    empty = Calibration.of([], 2).record(("a", "b"))
    assert empty["mean_probability"] == {"a": None, "b": None}
    assert empty["calibration"]["error"] is None
    assert empty["calibration"]["bins"] == [{"count": 0, "right": 0, "mean_probability": None}] * 15
    shapes = (
        jax.ShapeDtypeStruct((1, 4096, 4096), jnp.int32),
        jax.ShapeDtypeStruct((1, 4096, 4096), jnp.float32),
    )
    with pytest.raises(InputError, match="images of 16777216 pixels"):
        jax.eval_shape(lambda ids, p: tally(ids, p, ids, 2), *shapes)
    sums = jax.eval_shape(
        lambda ids, p: tally(ids[:, :-1], p[:, :-1], ids[:, :-1], 2), *shapes
    )  # 4095 rows: 255 times as many pixels are fewer than 2^32
    assert sums.shape == (1, 3, 2, 15, 2)


def test_pixels_predicted_as_no_class_are_not_counted():
    predictions, labels = jnp.array([[3, 3, 1]]), jnp.array([[0, 1, 1]])
    found = Calibration.of([tally(predictions, jnp.ones((1, 3)), labels, classes=2)], classes=2)
    assert (found.pixels.sum(), found.hits.sum()) == (1, 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [jnp.float16, jnp.bfloat16])
def test_probabilities_of_half_precision_stay_probabilities(kind):
    scores = jnp.array([[[50.0, 0.0], [0.0, 0.0]]], kind)
    predictions, probabilities = most_probable(scores)
    assert probabilities.dtype == jnp.float32
    counted = tally(predictions, probabilities.astype(kind), jnp.zeros((1, 2), int), classes=2)
    assert Calibration.of([counted], classes=2).mean == pytest.approx(0.75, abs=1e-5)


@pytest.mark.usefixtures("unchecked")
def test_maps_of_other_shapes_are_named():
    with pytest.raises(InputError, match=r"calibration: predictions \[1, 2\] for labels \[2, 2\]; "):
        tally(jnp.zeros((1, 2), int), jnp.zeros((1, 2)), jnp.zeros((2, 2), int), classes=2)
