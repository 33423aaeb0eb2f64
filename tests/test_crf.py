"""The dense CRF against its equations, written as loops over pairs of pixels."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.crf import DenseCRF
from jaxseg.errors import InputError


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def longhand(
    scores: np.ndarray,
    image: np.ndarray,
    iterations: int,
    weights: tuple[float, float] = (3.0, 10.0),
    spreads: tuple[float, float, float] = (3.0, 80.0, 13.0),
    least: float = 1e-5,
    normalized: bool = True,
    itself: bool = True,
) -> np.ndarray:
    """Q, one pixel and one neighbour after the other."""
    height, width, _ = scores.shape
    pixels = list(np.ndindex(height, width))
    near, far, colour = spreads
    kernels = np.zeros((2, len(pixels), len(pixels)))
    for a, i in enumerate(pixels):
        for b, j in enumerate(pixels):
            apart = (i[0] - j[0]) ** 2 + (i[1] - j[1]) ** 2
            unlike = np.sum((image[i].astype(float) - image[j]) ** 2)
            kernels[0, a, b] = np.exp(-apart / (2 * near**2))
            kernels[1, a, b] = np.exp(-apart / (2 * far**2) - unlike / (2 * colour**2))
    for kernel in kernels:
        if normalized:
            degree = kernel.sum(axis=1)
            kernel /= np.sqrt(np.outer(degree, degree))
        if not itself:
            np.fill_diagonal(kernel, 0.0)
    unary = -np.log(np.clip(softmax(scores), least, 1.0)).reshape(len(pixels), -1)
    q = softmax(-unary)
    for _ in range(iterations):
        message = weights[0] * kernels[0] @ q + weights[1] * kernels[1] @ q
        q = softmax(-unary + message)
    return q.reshape(scores.shape)


def example(size: tuple[int, int] = (6, 7), classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    scores = random.normal(0.0, 2.0, (*size, classes))
    image = random.integers(0, 256, (*size, 3))
    image[: size[0] // 2] = image[: size[0] // 2] // 16 + 100  # near colours
    return scores, image


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_mean_field_is_the_longhand_one(iterations: int) -> None:
    scores, image = example()
    found = jax.jit(DenseCRF(iterations=iterations).__call__)(
        jnp.asarray(scores, jnp.float32), jnp.asarray(image)
    )
    np.testing.assert_allclose(np.exp(found), longhand(scores, image, iterations), atol=1e-4)


@pytest.mark.parametrize("itself", [True, False])
@pytest.mark.parametrize("normalization", ["symmetric", "none"])
def test_forms_and_parameters(normalization: str, itself: bool) -> None:
    scores, image = example()
    crf = DenseCRF(2, 0.3, 1.5, 0.2, 2.5, 60.0, 1e-2, normalization=normalization, itself=itself)
    expected = longhand(
        scores, image, 2, (0.3, 0.2), (1.5, 2.5, 60.0), 1e-2, normalization == "symmetric", itself
    )
    found = jax.jit(lambda crf, x: crf(x, jnp.asarray(image)))(crf, jnp.asarray(scores, jnp.float32))
    np.testing.assert_allclose(np.exp(found), expected, atol=1e-4)


def test_a_batch_is_its_images_one_by_one_and_changing_a_weight_compiles_nothing() -> None:
    pairs = [example(), example()]
    scores = jnp.asarray(np.stack([pairs[0][0], -pairs[1][0]]), jnp.float32)
    images = jnp.asarray(np.stack([pairs[0][1], 255 - pairs[1][1]]))
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=2)  # a batch, and an image
    def infer(crf: DenseCRF, x: jax.Array, image: jax.Array) -> jax.Array:
        return crf(x, image)

    both = infer(DenseCRF(iterations=2), scores, images)
    np.testing.assert_allclose(np.exp(both).sum(-1), 1.0, atol=1e-5)
    for one, x, image in zip(both, scores, images, strict=True):
        np.testing.assert_allclose(infer(DenseCRF(iterations=2), x, image), one, atol=2e-4)
    other = infer(DenseCRF(iterations=2, appearance_weight=1.0, position_spread=20.0), scores, images)
    assert np.abs(np.exp(other) - np.exp(both)).max() > 0.01


def picture(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two discs on a ground, shaded and with noise; the labels, the image, and scores that know them vaguely."""
    random = np.random.default_rng(1)
    row, column = np.mgrid[: size[0], : size[1]]
    labels = np.zeros(size, int)
    for name, centre in ((1, 0.3), (2, 0.7)):
        labels[np.hypot(row - size[0] / 2, column - centre * size[1]) < size[0] / 3] = name
    colours = np.array([[90, 110, 70], [180, 60, 60], [70, 80, 190]])[labels]
    image = colours + 20.0 * row[..., None] / size[0] + random.normal(0.0, 6.0, (*size, 3))
    scores = 2.0 * (labels[..., None] == np.arange(3)) + random.normal(0.0, 1.5, (*size, 3))
    return labels, image.clip(0, 255).astype(np.uint8), scores.astype(np.float32)


@pytest.mark.parametrize(("resolution", "mean", "apart"), [(1, 0.02, 0.02), (2, 0.004, 0.004)])
def test_the_grid_is_near_the_exact_filter(resolution: int, mean: float, apart: float) -> None:
    labels, image, scores = picture((32, 48))
    crf = DenseCRF(2, position_spread=16.0, colour_spread=40.0)
    near = dataclasses.replace(crf, filter="grid", resolution=resolution)
    exact, grid = (np.exp(jax.jit(each.__call__)(scores, image)) for each in (crf, near))
    assert 0.5 * np.abs(grid - exact).sum(-1).mean() < mean
    assert (grid.argmax(-1) != exact.argmax(-1)).mean() < apart
    assert (exact.argmax(-1) == labels).mean() > 0.98 > 0.85 > (scores.argmax(-1) == labels).mean()


def test_the_grid_takes_colours_beyond_the_range_for_its_ends() -> None:
    # A bicubic resize overshoots at edges; the grid has cells for 0..255 alone.
    labels, _, scores = picture((32, 48))
    ends = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.float32)[labels]
    beyond = ends + np.random.default_rng(2).choice([-20.0, 20.0], ends.shape).astype(np.float32)
    crf = DenseCRF(2, position_spread=16.0, colour_spread=20.0)
    exact = np.exp(jax.jit(crf.__call__)(scores, beyond.clip(0, 255)))
    grid = np.exp(jax.jit(dataclasses.replace(crf, filter="grid").__call__)(scores, beyond))
    assert 0.5 * np.abs(grid - exact).sum(-1).mean() < 1e-3


def test_the_grid_knows_what_a_pixel_tells_itself() -> None:
    # One pixel alone: all that the sum holds is the pixel itself, and without it nothing is left but the scores.
    scores = jnp.asarray([[[1.0, 0.0]]])
    image = jnp.full((1, 1, 3), 77.0)
    crf = DenseCRF(1, filter="grid", resolution=2, itself=False)
    np.testing.assert_allclose(jax.jit(crf.__call__)(scores, image), jax.nn.log_softmax(scores), atol=1e-5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"iterations": 0}, "crf.iterations: 0; it is at least 1"),
        ({"resolution": 0}, "crf.resolution: 0; it is at least 1"),
        ({"iterations": 2.5}, "crf.iterations: 2.5; it is a whole number"),
        ({"least_probability": 2.0}, "crf.least_probability: 2.0; it is above 0 and below 1"),
        ({"filter": "fast"}, "crf.filter: 'fast' is not known; use 'exact' or 'grid'"),
        ({"normalization": "after"}, "crf.normalization: 'after' is not known; use 'symmetric' or 'none'"),
        ({"colour_spread": 0.0}, "crf.colour_spread: 0.0; it is greater than 0"),
    ],
)
def test_fields_that_do_not_fit_are_named(given: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DenseCRF(**given).validate()


def test_a_traced_spread_has_no_grid() -> None:
    with pytest.raises(InputError, match=r"crf\.\w+_spread: traced; the grid's size needs a plain number"):
        jax.eval_shape(lambda crf: crf(jnp.zeros((2, 2, 2)), jnp.zeros((2, 2, 3))), DenseCRF(filter="grid"))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(8, 6, 3), (6, 8, 1), (6, 9, 3), (1, 6, 8, 3)])
def test_an_image_that_does_not_fit_the_scores_is_named(shape: tuple[int, ...]) -> None:
    crf = DenseCRF(1)
    with pytest.raises(InputError, match=r"crf: an image \[.*\] for scores \[6, 8, 2\]; give RGB"):
        crf(jnp.zeros((6, 8, 2)), jnp.zeros(shape))
