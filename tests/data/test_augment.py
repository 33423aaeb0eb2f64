"""Augmentation: image and label move together, each image by its own draw, by the resampling that is stated."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxseg.data.augment import Augmentation, ColorJitter, ScaleCropFlip, resize_image
from jaxseg.errors import InputError

KEY = jax.random.key(7)


# Most tests share these shapes, as each other one is compiled anew; the ranges of an augmentation are not.
COUNT, HEIGHT, WIDTH = 10, 64, 96
SIZE = (32, 48)

Batch = tuple[jax.Array, jax.Array | np.ndarray | None]


def run(augmentation: Augmentation, image: np.ndarray, label: np.ndarray | None = None) -> Batch:
    return augmentation(KEY, image, label)


def triangle(length: int, size: int, factor: float, offset: float = 0.0) -> np.ndarray:
    """Longhand, float64: weights [size, length] of the widened triangle filter, rows that sum to 1."""
    weights = np.zeros((size, length))
    reach = max(1.0, 1.0 / factor)
    for i in range(size):
        center = (i + 0.5 + offset) / factor
        for j in range(length):
            weights[i, j] = max(0.0, 1.0 - abs(center - (j + 0.5)) / reach)
        weights[i] /= weights[i].sum()
    return weights


def resampled(image: np.ndarray, size: tuple[int, int], factors: tuple[float, float]) -> np.ndarray:
    rows = triangle(image.shape[0], size[0], factors[0])
    columns = triangle(image.shape[1], size[1], factors[1])
    return np.einsum("hH,HWc,wW->hwc", rows, image.astype(np.float64), columns)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(("size", "extent"), [((9, 13), (36, 52)), ((40, 60), (20, 30))])
def test_scale_one_without_crop_is_the_stated_resampling(
    size: tuple[int, int], extent: tuple[int, int]
) -> None:
    image = noise(2, *extent, 3)
    crop, _ = run(ScaleCropFlip(size=size, scale=(1.0, 1.0), flip=False), image)
    factor = size[0] / extent[0]
    expected = np.stack([resampled(one, size, (factor, factor)) for one in image])
    np.testing.assert_allclose(crop, expected, rtol=1e-5)
    pil = np.stack(
        [
            np.asarray(Image.fromarray(one).resize(size[::-1], Image.Resampling.BILINEAR), float)
            for one in image
        ]
    )
    assert np.abs(crop - pil).max() < 1.01  # PIL rounds to whole grey levels twice
    np.testing.assert_allclose(resize_image(image, size), crop, rtol=1e-5)


def test_a_crop_at_native_scale_is_a_window() -> None:
    image, label = noise(COUNT, HEIGHT, WIDTH, 3), noise(COUNT, HEIGHT, WIDTH) % 11
    crop, truth = (np.asarray(part) for part in run(ScaleCropFlip(size=SIZE, scale=(2.0, 2.0)), image, label))
    corners = set()
    for one in range(COUNT):
        found = []
        for mirrored in (slice(None), slice(None, None, -1)):
            windows = np.lib.stride_tricks.sliding_window_view(label[one, :, mirrored], SIZE)
            corner = windows[:, :, 0, :8]  # the first eight pixels are enough to tell
            for y, x in np.argwhere((corner == truth[one, 0, :8]).all(-1)):
                if np.array_equal(windows[y, x], truth[one]):
                    window = image[one, :, mirrored][y : y + SIZE[0], x : x + SIZE[1]]
                    np.testing.assert_allclose(crop[one], window, rtol=1e-5)
                    found.append((int(y), int(x)))
        assert len(found) == 1
        corners.update(found)
    assert len(corners) > 5  # each image has its own


def test_resize_of_an_aspect_that_changes() -> None:
    image = noise(1, 30, 20, 3)
    expected = resampled(image[0], (10, 25), (10 / 30, 25 / 20))
    np.testing.assert_allclose(resize_image(image, (10, 25))[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(resize_image(image, (30, 20)), image)


@pytest.mark.parametrize("scale", [(0.8, 1.5), (1.5, 3.0)])
def test_the_colour_of_a_class_is_where_its_label_is(scale: tuple[float, float]) -> None:
    """The image is its label in grey levels: where the filter cannot see a second class, they must agree."""
    label = np.kron(noise(COUNT, 2, 3) % 11, np.ones((1, 32, 32), np.uint8))
    image = np.repeat(20 * label[..., None], 3, axis=-1)
    crop, truth = (np.asarray(part) for part in run(ScaleCropFlip(size=SIZE, scale=scale), image, label))
    near = np.lib.stride_tricks.sliding_window_view(truth, (7, 7), axis=(1, 2))
    alone = (near.min((3, 4)) == near.max((3, 4))) & (near.max((3, 4)) < 255)
    assert 0.1 < alone.mean() < 0.9
    np.testing.assert_allclose(
        crop[:, 3:-3, 3:-3][alone],
        np.repeat(20.0 * truth[:, 3:-3, 3:-3][alone][:, None], 3, axis=1),
        atol=1e-3,
    )


@pytest.mark.fast
@pytest.mark.parametrize(("scale", "apart"), [((0.6, 2.0), 0.6), ((2.0, 3.0), 0.501)])
def test_recovers_the_warp_that_the_image_carries(scale: tuple[float, float], apart: float) -> None:
    """x and y are painted into the image, so each pixel of the crop says where it comes from; the label agrees.

    Where the image is enlarged interpolation is exact, and the label within half a pixel; a triangle that is widened by
    no whole number is not exact on a ramp.
    """
    places = np.mgrid[:HEIGHT, :WIDTH].astype(np.uint8)
    y, x = (np.broadcast_to(place, (COUNT, HEIGHT, WIDTH)) for place in places)
    augmentation = ScaleCropFlip(size=SIZE, scale=scale)
    crop, column = (np.asarray(part) for part in run(augmentation, np.stack([x, y, x], axis=-1), x))
    row = np.asarray(run(augmentation, np.stack([x, y, x], axis=-1), y)[1])
    for one in range(COUNT):
        for place, index, end in (
            (crop[one, ..., 0], column[one], WIDTH),
            (crop[one, ..., 1], row[one], HEIGHT),
        ):
            away = (index > 4) & (index < end - 5)  # from the border, beyond which there is nothing to mix
            assert away.sum() > 200
            assert np.abs(place - index)[away].max() < apart
        if (
            scale[0] >= 2.0
        ):  # affine: equal steps, the same along both axes up to the sign of the mirror image
            steps = [np.abs(np.diff(crop[one, 16, 12:36, 0])), np.abs(np.diff(crop[one, 8:24, 24, 1]))]
            assert np.ptp(np.concatenate(steps)) < 1e-3


def test_what_the_image_does_not_cover_is_grey_and_void() -> None:
    image, label = noise(COUNT, HEIGHT, WIDTH, 3), noise(COUNT, HEIGHT, WIDTH) % 11
    crop, truth = run(ScaleCropFlip(size=SIZE, scale=(0.5, 0.5)), image, label)
    void = np.asarray(truth) == 255
    assert (np.asarray(crop)[void] == 127.5).all()
    assert void.mean() == pytest.approx(0.75)
    assert len({tuple(np.argwhere(~one)[0]) for one in void}) > 4  # placed at random


def test_flip_is_an_involution_and_even_handed() -> None:
    image, label = noise(200, 4, 6, 3).astype(np.float32), noise(200, 4, 6) % 11
    flip = ScaleCropFlip(size=(4, 6), scale=(1.0, 1.0))
    once, truth = run(flip, image, label)
    mirrored = np.array([not np.array_equal(one, two) for one, two in zip(once, image, strict=True)])
    assert 70 < mirrored.sum() < 130
    np.testing.assert_array_equal(once, np.where(mirrored[:, None, None, None], image[:, :, ::-1], image))
    np.testing.assert_array_equal(truth, np.where(mirrored[:, None, None], label[:, :, ::-1], label))
    twice, back = run(flip, once, np.asarray(truth))
    np.testing.assert_array_equal(twice, image)
    np.testing.assert_array_equal(back, label)


@pytest.mark.parametrize(
    "augmentation", [pytest.param(ScaleCropFlip(size=SIZE), marks=pytest.mark.fast), ColorJitter()]
)
def test_each_image_has_a_draw_of_its_own_whatever_the_batch(augmentation: Augmentation) -> None:
    image = np.repeat(noise(1, HEIGHT, WIDTH, 3), COUNT, axis=0)
    label = np.repeat(noise(1, HEIGHT, WIDTH) % 11, COUNT, axis=0)
    all_, truth = run(augmentation, image, label)
    some, none = run(augmentation, image[:3])
    assert none is None
    np.testing.assert_allclose(all_[:3], some, atol=1e-3)
    assert len({one.tobytes() for one in np.asarray(all_)}) == COUNT
    again, same = run(augmentation, image, label)
    np.testing.assert_array_equal(again, all_)
    np.testing.assert_array_equal(same, truth)
    assert not np.array_equal(augmentation(jax.random.key(8), image, label)[0], all_)


def test_scales_are_uniform_over_their_range() -> None:
    """40 batches of 10: the covered share of the crop is the square of the scale."""
    image, label = noise(COUNT, HEIGHT, WIDTH, 3), np.zeros((COUNT, HEIGHT, WIDTH), np.uint8)
    crop = ScaleCropFlip(size=SIZE, scale=(0.25, 1.0))
    truth = np.concatenate([crop(jax.random.key(number), image, label)[1] for number in range(40)])
    quantiles = np.quantile(np.sqrt((truth == 0).mean(axis=(1, 2))), [0.02, 0.25, 0.5, 0.75, 0.98])
    np.testing.assert_allclose(quantiles, [0.265, 0.4375, 0.625, 0.8125, 0.985], atol=0.06)


def test_labels_keep_their_type_and_images_may_be_of_any() -> None:
    label = np.full((2, 8, 8), 3, np.int32)
    image = noise(2, 8, 8, 3).astype(jnp.bfloat16)
    for one in (image, jnp.asarray(image)):
        crop, truth = run(ScaleCropFlip(size=(4, 4), scale=(0.5, 0.5)), one, label)
        assert (crop.dtype, truth.dtype) == (jnp.float32, jnp.int32)
        assert set(np.unique(truth)) == {3, 255}


def test_ranges_are_leaves_and_do_not_recompile() -> None:
    image, label = noise(2, 8, 8, 3), noise(2, 8, 8) % 11

    @jax.jit
    @chex.assert_max_traces(n=1)
    def apply(crop: ScaleCropFlip, jitter: ColorJitter) -> tuple[jax.Array, jax.Array | None]:
        return jitter(KEY, *crop(KEY, image, label))

    for low, amount in ((0.5, 0.1), (1.0, 0.3)):
        apply(ScaleCropFlip(size=(4, 4), scale=(low, 2.0)), ColorJitter(amount, amount, amount))
    assert len(jax.tree.leaves((ScaleCropFlip(size=(4, 4)), ColorJitter()))) == 5
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), ColorJitter(), ColorJitter(0.0, 0.0, 0.0))
    both, _ = jax.vmap(lambda jitter: jitter(KEY, image))(stacked)
    np.testing.assert_allclose(both[0], run(ColorJitter(), image)[0], rtol=1e-5)
    np.testing.assert_allclose(both[1], image, rtol=1e-5)


@pytest.mark.parametrize("field", ["brightness", "contrast", "saturation"])
def test_jitter_is_the_stated_formula(field: str) -> None:
    """One factor at a time, recovered from the result; 100..150 stays clear of the cut at 0 and 255."""
    image = (100 + noise(40, 6, 6, 3) % 50).astype(np.float64)
    amounts = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0} | {field: 0.4}
    pixels = np.asarray(run(ColorJitter(**amounts), image.astype(np.float32), noise(40, 6, 6))[0], np.float64)
    grey = (image @ [0.299, 0.587, 0.114])[..., None]
    anchor = {
        "brightness": 0.0 * grey,
        "contrast": grey.mean((1, 2), keepdims=True) + 0.0 * grey,
        "saturation": grey,
    }
    from_anchor, after = image - anchor[field], pixels - anchor[field]
    factors = (from_anchor * after).sum((1, 2, 3)) / (from_anchor**2).sum((1, 2, 3))
    np.testing.assert_allclose(pixels, anchor[field] + factors[:, None, None, None] * from_anchor, rtol=1e-5)
    assert factors.min() >= 0.6
    assert factors.max() <= 1.4
    assert factors.std() > 0.15


def test_jitter_stays_in_range_and_leaves_the_label() -> None:
    image, label = noise(40, 6, 6, 3).astype(np.float32), noise(40, 6, 6) % 11
    pixels, truth = run(ColorJitter(1.0, 1.0, 2.0), image, label)
    assert 0.0 <= float(pixels.min()) < 1.0
    assert 254.0 < float(pixels.max()) <= 255.0
    np.testing.assert_array_equal(truth, label)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"size": (0, 4)}, "size: "),
        ({"size": (4, 4), "scale": (0.0, 1.0)}, "scale: 0.0 to 1.0"),
        ({"size": (4, 4), "scale": (2.0, 1.0)}, "scale: 2.0 to 1.0"),
    ],
)
def test_bad_fields_are_named(fields: dict[str, tuple[float, float]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        ScaleCropFlip(**fields)


def test_an_augmentation_must_define_apply() -> None:
    @dataclasses.dataclass(frozen=True)
    class Nothing(Augmentation):
        pass

    with pytest.raises(NotImplementedError, match="Nothing"):
        Nothing().apply(KEY, noise(1, 2, 2, 3), None)


def test_a_batch_split_over_devices_is_augmented_as_one() -> None:
    image, label = noise(8, 16, 24, 3), noise(8, 16, 24) % 11
    mesh = jax.make_mesh((4, 2), ("data", "space"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data", "space"))

    @jax.jit
    def apply(image: jax.Array, label: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        return ColorJitter()(KEY, *ScaleCropFlip(size=(8, 12))(KEY, image, label))

    split, truth = apply(jax.device_put(image, place), jax.device_put(label, place))
    whole, expected = apply(image, label)
    np.testing.assert_allclose(split, whole, atol=1e-3)
    np.testing.assert_array_equal(truth, expected)
