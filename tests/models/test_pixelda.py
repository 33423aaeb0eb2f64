"""PixelDA's generator and discriminator against their layers written out, and what is random in them when."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import models
from jaxseg.errors import InputError
from tests.models._fresh import QUICK, draw, forward, parameters, variables


def convolution(x: np.ndarray, layer: Any, stride: int = 1) -> np.ndarray:
    """3x3 or 1x1, the border of zeros; side n becomes ceil(n / stride)."""
    kernel = np.asarray(layer["kernel"], np.float64)
    margin = kernel.shape[0] // 2
    padded = np.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    rows, columns = (-(-side // stride) for side in x.shape[1:3])
    out = np.zeros((len(x), rows, columns, kernel.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            window = padded[:, i * stride : i * stride + len(kernel), j * stride : j * stride + len(kernel)]
            out[:, i, j] = np.einsum("bhwd,hwdf->bf", window, kernel)
    return out + np.asarray(layer["bias"], np.float64) if "bias" in layer else out


def normalized(x: np.ndarray) -> np.ndarray:
    """By the batch's statistics, with a fresh scale and bias; the released code's epsilon is 0.001."""
    return (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-3)


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.2 * x)


def test_the_generator_is_its_layers() -> None:
    network = models.redrawer(noise=2, blocks=2, width=3)
    maps = draw(2, 4, 5, 5)
    given = variables(network, maps)
    params = given["params"]
    x = np.maximum(convolution(maps.astype(np.float64), params["first"]), 0)
    for block in ("block0", "block1"):
        y = np.maximum(normalized(convolution(x, params[f"{block}_conv1"])), 0)
        x = x + normalized(convolution(y, params[f"{block}_conv2"]))
    output, after = forward(network, train=True)(given, maps)
    np.testing.assert_allclose(output.logits, convolution(x, params["last"]), rtol=1e-4, atol=1e-5)
    assert set(after) == {f"block{n}_norm{place}" for n in range(2) for place in (1, 2)}


def test_the_discriminator_is_its_layers_without_what_is_random() -> None:
    network = models.redrawn_discriminator(halvings=2, width=3, dropout=0.0, noise=0.0)
    image = draw(2, 7, 6, 3)
    given = variables(network, image)
    params = given["params"]
    x = leaky(convolution(image.astype(np.float64), params["conv0"]))
    for place in (1, 2):
        x = leaky(normalized(convolution(x, params[f"conv{place}"], stride=2)))
    output, _ = forward(network, train=True)(given, image)
    assert output.logits.shape == (2, 2, 2, 1)
    np.testing.assert_allclose(output.logits, convolution(x, params["score"]), rtol=1e-4, atol=1e-5)


def test_the_discriminator_is_disturbed_in_training_alone_and_by_its_key() -> None:
    image = jnp.asarray(draw(1, 8, 8, 3))
    for options in ({"dropout": 0.5, "noise": 0.0}, {"dropout": 0.0, "noise": 0.2}):
        network = models.redrawn_discriminator(halvings=1, width=2, **options)
        given = variables(network, image)

        def scores(key: Any, network: Any = network, given: Any = given) -> Any:
            rngs = {"dropout": key}
            return [network.apply(given, image, train=train, rngs=rngs)[0].logits for train in (True, False)]

        run = jax.jit(scores, compiler_options=QUICK)
        (one, rest), (two, _), (same, _) = (run(jax.random.key(key)) for key in (0, 1, 0))
        np.testing.assert_array_equal(one, same)
        assert not np.allclose(one, two)
        np.testing.assert_array_equal(rest, run(jax.random.key(1))[1])


def test_sizes_are_those_of_the_released_code() -> None:
    """64 channels, 6 units, 10 numbers of noise; the discriminator halved three times."""
    three, one = (3 * 3 * 64 * 64, 3 * 64 + 3)
    assert parameters(models.redrawer()) == 9 * 13 * 64 + 64 + 12 * (three + 2 * 64) + one
    halved = sum(9 * 64 * 2**n * 128 * 2**n + 2 * 128 * 2**n for n in range(3))
    assert parameters(models.redrawn_discriminator()) == 9 * 3 * 64 + 64 + halved + 512 + 1


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: models.redrawer(noise=-1), "redrawer.noise: -1"),
        (lambda: models.redrawer(blocks=0), "redrawer.blocks"),
        (lambda: models.redrawn_discriminator(noise=-0.1), "redrawn_discriminator.noise: -0.1"),
        (lambda: models.redrawn_discriminator(dropout=1.0), "redrawn_discriminator.dropout"),
    ],
)
def test_arguments_that_cannot_be_are_named(build: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        build()
