"""Resize, mirror and crops at other scales: image and label move together, by the rule that is stated."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxseg.data.augment import Augmentation, Mirror, RandomCrop, RandomResizedCrop, Resize, ScaleCropFlip
from jaxseg.errors import InputError
from jaxseg.train._inputs import augmented, image_size

KEY = jax.random.key(3)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_resize_is_pils_bilinear_and_takes_the_nearest_label() -> None:
    image, label = noise(2, 24, 20, 3), noise(2, 24, 20, seed=1)
    small, truth = Resize(size=(12, 40))(KEY, image, label)
    pil = [
        np.asarray(Image.fromarray(one).resize((40, 12), Image.Resampling.BILINEAR), float) for one in image
    ]
    assert np.abs(np.asarray(small) - np.stack(pil)).max() < 1.01  # PIL rounds to whole grey levels twice
    np.testing.assert_array_equal(truth, np.repeat(label[:, 1::2], 2, axis=2))
    same, unchanged = Resize(size=(24, 20))(KEY, image, label)
    np.testing.assert_array_equal(same, image.astype(np.float32))
    np.testing.assert_array_equal(np.asarray(unchanged), label)


def test_mirror_turns_its_share_of_the_images_and_their_labels() -> None:
    image = noise(400, 2, 3, 3)
    label = image[..., 0]
    pixels, truth = (np.asarray(part) for part in Mirror(probability=0.25)(KEY, image, label))
    np.testing.assert_array_equal(pixels[..., 0], truth)
    turned = (truth == label[:, :, ::-1]).all((1, 2))
    assert ((truth == label).all((1, 2)) | turned).all()
    assert 0.15 < turned.mean() < 0.35  # 0.25, four standard deviations of 400 draws


def test_a_random_crop_is_a_window_of_image_and_label_and_every_place_is_met() -> None:
    image = np.broadcast_to(np.arange(20, dtype=np.uint8).reshape(1, 4, 5, 1), (300, 4, 5, 3))
    crop, truth = (np.asarray(part) for part in RandomCrop(size=(3, 3))(KEY, image, image[..., 0]))
    np.testing.assert_array_equal(crop[..., 1], truth)
    corners = truth[:, 0, 0]
    assert set(corners.tolist()) == {0, 1, 2, 5, 6, 7}
    for one, corner in zip(truth, corners, strict=True):
        np.testing.assert_array_equal(one, corner + np.add.outer(5 * np.arange(3), np.arange(3)))
    whole, _ = RandomCrop(size=(4, 5))(KEY, image)
    np.testing.assert_array_equal(whole, image.astype(np.float32))


def test_a_resized_crop_has_the_area_and_aspect_that_were_asked_for() -> None:
    height, width = 64, 96
    rows, columns = np.indices((height, width), dtype=np.float32)
    ramp = np.broadcast_to(np.stack([rows, columns, rows], -1), (200, height, width, 3))
    crop = np.asarray(RandomResizedCrop(size=(8, 8), area=(0.2, 0.6), aspect=(0.5, 2.0))(KEY, ramp)[0])
    # On a ramp, the step between new pixels is the height (the width) of the part over 8.
    tall, wide = (crop[:, 4, 3, 0] - crop[:, 3, 3, 0]) * 8, (crop[:, 3, 4, 1] - crop[:, 3, 3, 1]) * 8
    area, aspect = tall * wide / (height * width), wide / tall
    assert area.min() > 0.2 - 0.02
    assert area.max() < 0.6 + 0.02
    assert aspect.min() > 0.5 - 0.03
    assert aspect.max() < 2.0 + 0.06
    assert area.max() - area.min() > 0.3
    assert crop.min() >= 0.0
    assert crop[..., 0].max() <= height
    assert len(np.unique(crop[:, 0, 0, 0].round(1))) > 20  # places differ


def test_where_no_part_of_the_aspect_fits_the_middle_is_taken() -> None:
    columns = np.broadcast_to(np.arange(100, dtype=np.float32)[None, None, :, None], (1, 10, 100, 3))
    crop = RandomResizedCrop(size=(10, 10), area=(0.9, 1.0), aspect=(1.0, 1.0))(KEY, columns)[0]
    np.testing.assert_allclose(crop[0, 5, :, 0], np.arange(45, 55), atol=1e-4)


def test_an_augmentation_of_one_domain_leaves_the_other_and_its_draws_alone() -> None:
    part = {"image": jnp.asarray(noise(2, 8, 12, 3)), "label": jnp.asarray(noise(2, 8, 12) % 5)}
    mirror: dict[str, Augmentation] = {"resize": Resize(size=(8, 12), domain="target"), "mirror": Mirror()}
    small: dict[str, Augmentation] = {"resize": Resize(size=(4, 6), domain="target"), "mirror": Mirror()}
    first, second = (augmented(one, KEY, part, "source") for one in (mirror, small))
    for name in ("image", "label", "valid"):
        np.testing.assert_array_equal(first[name], second[name])
    assert augmented(small, KEY, part, "target")["image"].shape == (2, 4, 6, 3)
    assert image_size(small, (30, 40), "source") == (30, 40)
    assert image_size(small, (30, 40), "target") == (4, 6)
    both: dict[str, Augmentation] = {"crop": ScaleCropFlip(size=(4, 4))}
    assert image_size(both, (30, 40), "target") == (4, 4)


def test_classes_of_whole_images_pass_through() -> None:
    image, label = noise(3, 8, 8, 3), np.array([4, 5, 6], np.int32)
    for one in (Resize(size=(4, 4)), Mirror(), RandomCrop(size=(4, 4)), RandomResizedCrop(size=(4, 4))):
        _, classes = one(KEY, image, label)
        np.testing.assert_array_equal(np.asarray(classes), label)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Resize(size=(0, 4)), "size"),
        (lambda: RandomCrop(size=(4, -1)), "size"),
        (lambda: RandomResizedCrop(size=(4, 4), area=(0.0, 1.0)), "area: 0.0 to 1.0"),
        (lambda: RandomResizedCrop(size=(4, 4), aspect=(2.0, 1.0)), "aspect: 2.0 to 1.0"),
        (
            lambda: RandomCrop(size=(9, 4))(KEY, noise(1, 8, 8, 3)),
            "a crop of 9x4 is larger than an image of 8x8",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
