"""Crops around rare classes: which class, which pixel, and that every map of a batch is cut alike."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.data.augment import RareCentre, ScaleCropFlip
from jaxseg.train._inputs import augmented, told

KEY = jax.random.key(5)
RARE = np.array([False, True, True, True])
ONES, TWO = [(3, 10), (3, 11), (9, 20), (12, 20)], (7, 15)
MANY = 600


def scene() -> np.ndarray:
    """[16, 32] of class 0, with four pixels of class 1, one of class 2 and none of class 3."""
    label = np.zeros((16, 32), np.uint8)
    for place in ONES:
        label[place] = 1
    label[TWO] = 2
    return label


def batch(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`MANY` times an image that tells the row and the column of each of its pixels."""
    rows, columns = np.indices(label.shape)
    image = np.stack([rows, columns, label], -1).astype(np.uint8)
    return np.broadcast_to(image, (MANY, *image.shape)), np.broadcast_to(label, (MANY, *label.shape))


def crop(**centre: Any) -> ScaleCropFlip:
    """A window of 4x8 at the image's own scale: at 1 the whole height would be seen."""
    return ScaleCropFlip(
        size=(4, 8), scale=(4.0, 4.0), flip=False, centre=RareCentre(**centre) if centre else None
    )


def corners(label: np.ndarray, **centre: Any) -> np.ndarray:
    """The place of the first pixel of every crop, each crop being checked to be a window of image and label."""
    image, truth = batch(label)
    pixels, cut = (np.asarray(part) for part in crop(**centre)(KEY, image, truth))
    np.testing.assert_array_equal(pixels[..., 2], cut)
    found = pixels[:, 0, 0, :2].astype(int)
    for one, (row, column) in zip(cut[:20], found[:20], strict=True):
        np.testing.assert_array_equal(one, label[row : row + 4, column : column + 8])
    return found


def test_every_class_then_every_pixel_of_it_has_the_same_chance() -> None:
    found = corners(scene(), probability=1.0, rare=RARE)
    counts = {place: int((found == (place[0] - 2, place[1] - 4)).all(axis=1).sum()) for place in [*ONES, TWO]}
    assert sum(counts.values()) == MANY
    # Of 600: class 2 has half, each pixel of class 1 an eighth; five standard deviations are 61 and 41.
    assert abs(counts[TWO] - 300) < 61
    assert all(abs(counts[place] - 75) < 41 for place in ONES)


def test_at_the_border_the_crop_stays_in_the_image() -> None:
    for place, corner in (((0, 1), (0, 0)), ((15, 31), (12, 24)), ((15, 16), (12, 12))):
        label = np.zeros((16, 32), np.uint8)
        label[place] = 1
        assert (corners(label, probability=1.0, rare=RARE) == corner).all()


def test_as_often_as_asked_and_elsewhere_as_without() -> None:
    label = np.zeros((16, 32), np.uint8)
    label[TWO] = 2
    found, plain = corners(label, probability=0.8, rare=RARE), corners(label)
    aimed = (found == (TWO[0] - 2, TWO[1] - 4)).all(axis=1)
    assert abs(aimed.mean() - 0.8) < 0.08  # five standard deviations of 600 draws
    np.testing.assert_array_equal(found[~aimed], plain[~aimed])
    empty = np.zeros((16, 32), np.uint8)
    np.testing.assert_array_equal(corners(empty, probability=1.0, rare=RARE), corners(empty))
    np.testing.assert_array_equal(corners(scene(), probability=1.0), corners(scene()))  # none is told yet


def test_a_scaled_crop_has_the_pixel_in_its_middle() -> None:
    label = scene()
    image, truth = batch(np.where(label == 2, label, 0))
    centre = RareCentre(probability=1.0, rare=RARE)
    scaled = ScaleCropFlip(size=(4, 8), scale=(8.0, 12.0), flip=False, centre=centre)
    _, cut = scaled(KEY, image, truth)
    assert (np.asarray(cut)[:, 2, 4] == 2).all()


def test_soft_labels_and_padding_are_cut_as_the_image_is() -> None:
    label = scene()
    image, _ = batch(label)
    soft = 255 * (label[..., None] == np.arange(4)).astype(np.uint8)
    steps = {"crop": crop(probability=0.7, rare=RARE)}
    part = {
        "image": jnp.asarray(image[:40]),
        "targets": jnp.asarray(np.broadcast_to(soft, (40, *soft.shape))),
    }
    sent = jax.jit(lambda given: augmented(steps, KEY, given, "target"))(part)
    found = {name: np.asarray(value) for name, value in sent.items()}
    np.testing.assert_array_equal(found["label"], found["image"][..., 2])
    np.testing.assert_array_equal(found["targets"].argmax(-1), found["label"])
    assert found["valid"].all()


def test_rare_is_what_has_less_than_the_share_and_the_source_is_not_told() -> None:
    shares = np.array([0.9, 0.0989, 0.001, 0.0001], np.float32)
    steps = {
        "source": ScaleCropFlip(size=(4, 8), centre=RareCentre(), domain="source"),
        "plain": ScaleCropFlip(size=(4, 8)),
        "target": ScaleCropFlip(size=(4, 8), centre=RareCentre(share=0.002), domain="target"),
    }
    found: Any = told(steps, shares)
    assert list(found) == list(steps)
    assert found["source"] == steps["source"]
    assert found["plain"] == steps["plain"]
    assert found["target"].centre.rare.tolist() == [False, False, True, True]


def test_a_batch_split_over_devices_is_cut_as_one() -> None:
    image, label = batch(scene())
    image, label = image[:8].copy(), label[:8].copy()
    label[::2, :3] = 3  # not alike
    mesh = jax.make_mesh((4, 2), ("data", "space"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data", "space"))
    cut = jax.jit(lambda image, label: crop(probability=0.9, rare=RARE)(KEY, image, label))
    split, truth = cut(jax.device_put(image, place), jax.device_put(label, place))
    whole, expected = cut(image, label)
    np.testing.assert_allclose(split, whole, atol=1e-3)
    np.testing.assert_array_equal(truth, expected)
