"""Blur and the Fourier swap against longhand NumPy, and what must hold of them whatever the numbers."""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageFilter

from jaxseg.data.augment import FourierSwap, GaussianBlur, swap_amplitude
from jaxseg.errors import InputError

KEY = jax.random.key(3)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def blurred(image: np.ndarray, sigma: float, radius: int) -> np.ndarray:
    """Longhand, float64: every pixel as a weighted sum over its neighbourhood, edge pixels repeated."""
    height, width, _ = image.shape
    weights = np.array([np.exp(-(k**2) / (2 * sigma**2)) for k in range(-radius, radius + 1)])
    weights /= weights.sum()
    result = np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            for i in range(-radius, radius + 1):
                for j in range(-radius, radius + 1):
                    row, column = min(max(y + i, 0), height - 1), min(max(x + j, 0), width - 1)
                    result[y, x] += weights[radius + i] * weights[radius + j] * image[row, column]
    return result


@pytest.mark.fast
@pytest.mark.parametrize(("sigma", "radius"), [(1.0, 4), (0.4, 2)])
def test_blur_is_the_stated_sum(sigma: float, radius: int) -> None:
    image, label = noise(2, 11, 9, 3), noise(2, 11, 9)
    result, same = GaussianBlur(1.0, (sigma, sigma), radius)(KEY, image, label)
    expected = np.stack([blurred(one.astype(np.float64), sigma, radius) for one in image])
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    np.testing.assert_array_equal(same, label)


def test_blur_is_near_to_pil() -> None:
    """PIL approximates the Gaussian by boxes and rounds: near, not equal."""
    image = noise(40, 60, 3)
    pil = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1.0)), np.float64)
    result, _ = GaussianBlur(1.0, (1.0, 1.0))(KEY, image[None])
    assert np.abs(np.asarray(result[0]) - pil).mean() < 1.5
    assert np.abs(image - pil).mean() > 20


def test_some_images_are_blurred_each_by_its_own_sigma() -> None:
    image = np.repeat(noise(1, 8, 10, 3), 200, axis=0)
    result, _ = GaussianBlur(probability=0.3, sigma=(0.3, 1.2))(KEY, image)
    kept = (np.asarray(result) == image).all(axis=(1, 2, 3))
    assert 0.6 < kept.mean() < 0.8
    assert len({one.tobytes() for one in np.asarray(result)[~kept]}) == (~kept).sum()
    some, _ = GaussianBlur(probability=0.3, sigma=(0.3, 1.2))(KEY, image[:3])
    np.testing.assert_allclose(result[:3], some, rtol=1e-5)


def test_blur_of_nothing_and_of_a_flat_image() -> None:
    image, flat = noise(4, 6, 5, 3), np.full((4, 6, 5, 3), 77, np.uint8)
    for augmentation in (GaussianBlur(probability=0.0), GaussianBlur(1.0, (0.0, 0.0))):
        np.testing.assert_array_equal(augmentation(KEY, image)[0], image)
    np.testing.assert_allclose(GaussianBlur(1.0)(KEY, flat)[0], flat, rtol=1e-6)


def swapped(source: np.ndarray, target: np.ndarray, b: int, window: str) -> np.ndarray:
    """Longhand, float64, one image [H, W, 3]: the whole spectrum, amplitude and phase apart, block by index."""
    result = np.zeros(source.shape)
    height, width, _ = source.shape
    for channel in range(3):
        s, t = (np.fft.fft2(one[..., channel].astype(np.float64)) for one in (source, target))
        amplitude = np.abs(s)
        if window == "symmetric":
            amplitude, other = np.fft.fftshift(amplitude), np.fft.fftshift(np.abs(t))
            row, column = height // 2, width // 2
            for y in range(max(row - b, 0), min(row + b + 1, height)):
                for x in range(max(column - b, 0), min(column + b + 1, width)):
                    amplitude[y, x] = other[y, x]
            amplitude = np.fft.ifftshift(amplitude)
        else:
            for y in [*range(b), *range(height - b, height)]:
                for x in [*range(b), *range(width - b, width)]:
                    amplitude[y, x] = np.abs(t)[y, x]
        result[..., channel] = np.real(np.fft.ifft2(amplitude * np.exp(1j * np.angle(s))))
    return result


@pytest.mark.parametrize("window", ["symmetric", "released"])
@pytest.mark.parametrize(
    ("size", "beta", "b"), [((16, 20), 0.13, 2), ((15, 21), 0.2, 3), ((12, 30), 0.05, 0)]
)
def test_swap_is_the_full_spectrum_longhand(window: str, size: tuple[int, int], beta: float, b: int) -> None:
    source, target = noise(2, *size, 3), noise(2, *size, 3, seed=1)
    result = swap_amplitude(source, target, beta=beta, window=window)
    expected = np.stack([swapped(s, t, b, window) for s, t in zip(source, target, strict=True)])
    np.testing.assert_allclose(result, expected, atol=1e-3)
    assert result.dtype == jnp.float32
    if window == "released" and b == 0:
        np.testing.assert_allclose(result, source, atol=1e-3)


@pytest.mark.parametrize("window", ["symmetric", "released"])
@pytest.mark.parametrize("beta", [0.0, 0.05, 0.3, 1.0])
def test_swap_with_itself_is_the_identity(window: str, beta: float) -> None:
    image = noise(2, 18, 25, 3)
    np.testing.assert_allclose(swap_amplitude(image, image, beta=beta, window=window), image, atol=1e-3)
    flat = np.full((1, 8, 8, 3), 9, np.uint8)  # most amplitudes are zero
    np.testing.assert_allclose(swap_amplitude(flat, flat, beta=beta, window=window), flat, atol=1e-3)


def test_a_window_that_covers_everything_takes_the_whole_amplitude() -> None:
    source, target = noise(1, 16, 24, 3), noise(1, 16, 24, 3, seed=1)
    result = np.asarray(swap_amplitude(source, target, beta=1.0), np.float64)
    found, expected = (np.abs(np.fft.fft2(one, axes=(1, 2))) for one in (result, target.astype(np.float64)))
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_the_windows_of_the_released_code_at_its_size() -> None:
    """beta 0.01, 0.05, 0.09 at 512: b = 5, 25, 46. Only the mean frequency -b tells b and b - 1 apart."""
    width = 512
    for beta, b in ((0.01, 5), (0.05, 25), (0.09, 46)):
        wave = np.cos(2 * np.pi * np.arange(width) * np.array([b, b + 1])[:, None] / width)
        source = np.broadcast_to(100 + 50 * wave.sum(0)[None, None, :, None], (1, width, width, 3))
        result = swap_amplitude(source.astype(np.float32), np.zeros(source.shape, np.float32), beta=beta)
        left = np.abs(np.fft.rfft(np.asarray(result[0, 0, :, 0], np.float64)))[[b, b + 1]] / (width / 2)
        np.testing.assert_allclose(left, [0.0, 50.0], atol=1e-2)


def test_each_image_draws_its_style_whatever_the_batch() -> None:
    source = np.repeat(noise(1, 8, 8, 3), 60, axis=0)
    styles = np.stack([np.full((8, 8, 3), grey, np.uint8) for grey in (40, 120, 200)])
    swap = FourierSwap(beta=0.0)  # the mean alone: it says which style was drawn
    means = np.asarray(swap(KEY, source, styles).mean(axis=(1, 2, 3)))
    drawn = np.round((means - 40) / 80).astype(int)
    np.testing.assert_allclose(means, 40 + 80 * drawn, atol=1e-2)
    assert np.bincount(drawn, minlength=3).min() > 8
    np.testing.assert_allclose(means[:5], swap(KEY, source[:5], styles).mean(axis=(1, 2, 3)), atol=1e-2)
    assert not np.allclose(means, swap(jax.random.key(4), source, styles).mean(axis=(1, 2, 3)), atol=1.0)


def test_hyper_parameters_are_leaves_and_do_not_recompile() -> None:
    image, style = noise(1, 8, 8, 3), noise(1, 8, 8, 3, seed=1)

    @jax.jit
    @chex.assert_max_traces(n=1)
    def apply(swap: FourierSwap, blur: GaussianBlur) -> tuple[jax.Array, jax.Array | None]:
        return blur(KEY, swap(KEY, image, style))

    results = [apply(FourierSwap(beta), GaussianBlur(1.0, (beta, 1.0))) for beta in (0.0, 0.3)]
    assert not np.allclose(results[0][0], results[1][0])
    assert len(jax.tree.leaves((FourierSwap(), GaussianBlur()))) == 4


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: GaussianBlur(probability=1.5), "probability: 1.5"),
        (lambda: GaussianBlur(sigma=(1.0, 0.5)), "sigma: 1.0 to 0.5"),
        (lambda: GaussianBlur(sigma=(0.5, 2.0)), "radius: 4 .* use 6 or more"),
        (lambda: swap_amplitude(noise(1, 4, 4, 3), noise(1, 4, 5, 3)), "style: "),
        (lambda: swap_amplitude(noise(1, 4, 4, 3), noise(1, 4, 4, 3), beta=-0.1), "beta: -0.1"),
    ],
)
def test_bad_arguments_are_named(make: Callable[[], object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        make()
