import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxseg.losses._region import RegionMutualInformation, region_mutual_information
from tests.losses.cases import case
from tests.losses.contract import (
    check_extremes,
    check_gradient,
    check_object,
    check_traces,
    check_transformations,
    check_value,
    check_void,
)
from tests.losses.images import sigmoid


def pooled(image, pool, reduce):
    """The pooling of an image [H, W] as torch does it: a border of pool // 2 zeros, whole windows only."""
    if pool == 1:
        return image
    padded = np.pad(image, pool // 2)
    rows, columns = ((size - pool) // pool + 1 for size in padded.shape)
    found = np.empty((rows, columns))
    for i, j in np.ndindex(rows, columns):
        found[i, j] = reduce(padded[i * pool : (i + 1) * pool, j * pool : (j + 1) * pool])
    return found


def points(image, radius):
    """[windows, radius^2]: the neighbourhoods of an image, about their mean."""
    rows, columns = (size - radius + 1 for size in image.shape)
    found = np.array(
        [image[i : i + radius, j : j + radius].ravel() for i in range(rows) for j in range(columns)]
    )
    return found - found.mean(axis=0)


def of_one_map(y, p, stabilizer=5e-4, radius=3, divide=False):
    y, p = points(y, radius), points(p, radius)
    n = len(y) if divide else 1
    yy, pp, yp = y.T @ y / n, p.T @ p / n, y.T @ p / n
    identity = stabilizer * np.eye(radius**2)
    left = yy - yp @ np.linalg.inv(pp + identity) @ yp.T + identity
    sign, log_determinant = np.linalg.slogdet(left)
    assert sign > 0
    return 0.5 * log_determinant / radius**2


def longhand(
    logits, labels, valid, stabilizer=5e-4, floor=1e-6, radius=3, pool=1, reduce=np.mean, divide=False
):
    values = np.zeros(labels.shape[:-2])
    for image in np.ndindex(values.shape):
        if not valid[image].any():
            continue
        for c in range(logits.shape[-1]):
            y = np.where(valid[image], labels[image] == c, 0.0)
            p = np.where(valid[image], sigmoid(logits[image][..., c]), 0.0) + floor
            y, p = pooled(y, pool, reduce), pooled(p, pool, reduce)
            values[image] += of_one_map(y, p, stabilizer, radius, divide)
    return values


HYPER = {"stabilizer": 2e-3, "floor": 1e-3}
unpooled = functools.partial(region_mutual_information, pool=1)


def test_value_and_gradient_longhand():
    some = case((2, 5, 6), 3, masked=True)
    check_value(unpooled, longhand, some, HYPER)
    check_gradient(unpooled, longhand, some, HYPER)
    check_value(region_mutual_information, functools.partial(longhand, pool=4), case((2, 16, 13), 4), {})


@pytest.mark.parametrize(
    ("static", "given"),
    [
        ({"radius": 2, "pool": 3, "pooling": "maximum"}, {"radius": 2, "pool": 3, "reduce": np.max}),
        ({"radius": 1, "pool": 2, "covariance": "mean"}, {"radius": 1, "pool": 2, "divide": True}),
    ],
    ids=["maximum", "mean"],
)
def test_variants(static, given):
    loss = functools.partial(region_mutual_information, **static)
    check_value(loss, functools.partial(longhand, **given), case((2, 7, 11), 3), HYPER)


@pytest.mark.parametrize(
    "check",
    [check_void, pytest.param(check_transformations, marks=pytest.mark.slow), check_extremes, check_traces],
    ids=lambda check: check.__name__,
)
def test_keeps_the_contract(check):
    check(functools.partial(unpooled, radius=2), case((2, 3, 4), 3, masked=True), HYPER)


def test_object():
    one, other = (RegionMutualInformation(each, radius=2, pool=1) for each in (1e-2, 5e-2))
    check_object(one, other, region_mutual_information, case((4, 5), 3, masked=True))
    assert jax.tree.leaves(one) == [1e-2, 1e-6]


def logit(p):
    return np.log(p / (1.0 - p))


@pytest.mark.fast
def test_the_longhand_gives_the_golden_values():
    inside = np.zeros((8, 8), bool)
    inside[2:6, 2:6] = True
    p = np.where(inside, 0.8, 0.1)
    wavy = p + 0.05 * np.sin(np.arange(64.0)).reshape(8, 8)
    for probability, golden in ((p, -3.2445706), (np.full((8, 8), 0.5), 0.7417001), (wavy, -2.6376161)):
        np.testing.assert_allclose(of_one_map(inside * 1.0, probability + 1e-6), golden, atol=2e-6)


def street(sure):
    """A map of 512 x 512 labels with a few large and many small areas, and logits that follow them."""
    random = np.random.default_rng(0)
    labels = np.zeros((512, 512), np.int32)
    for area in range(60):
        top, left = random.integers(0, 500, 2)
        rows, columns = random.integers(4, 200 if area < 10 else 30, 2)
        labels[top : top + rows, left : left + columns] = area % 4
    labels[:8] = 255
    here = labels[..., None] == np.arange(4)
    return np.where(here, sure, -sure), labels


@pytest.mark.slow
def test_float32_holds_on_large_smooth_maps():
    # Sums over 16,129 windows meet a stabilizer of 5e-4: a difference of covariances in float32 would be lost.
    compiled = jax.jit(jax.value_and_grad(RegionMutualInformation().average))
    for sure in (0.0, 4.0, 1e4):
        logits, labels = street(sure)
        expected = longhand(logits, labels, labels < 4, pool=4)
        value, gradient = compiled(jnp.asarray(logits, jnp.float32), labels)
        np.testing.assert_allclose(value, expected, atol=1e-3)
        assert np.isfinite(gradient).all()
        assert not gradient[:8].any()


def test_images_without_labels_do_not_count():
    some = case((3, 4, 5), 3, void=0.0)
    labels = some.truth.copy()
    labels[1] = 255
    loss = RegionMutualInformation(pool=1)
    values = jax.jit(loss.__call__)(some.logits, labels)
    assert values[1] == 0.0
    average = jax.jit(loss.average)(some.logits, labels)
    np.testing.assert_allclose(average, (values[0] + values[2]) / 2.0, rtol=1e-6)


def test_images_split_over_devices_give_what_whole_ones_give():
    mesh = jax.make_mesh((2, 2), ("data", "space"), axis_types=(AxisType.Auto, AxisType.Auto))
    some = case((4, 32, 6), 2)
    logits = some.logits.astype(np.float32)
    gradient = jax.jit(jax.value_and_grad(RegionMutualInformation(radius=2).average))
    place = NamedSharding(mesh, PartitionSpec("data", "space"))
    sharded = jax.device_put(logits, place), jax.device_put(some.truth, place)
    for whole, parts in zip(gradient(logits, some.truth), gradient(*sharded), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "given", "message"),
    [
        ((3, 3), {}, r"logits: shape \(3, 3\) given; images"),
        ((7, 20, 2), {}, "at least 3 x 3 pixels after pooling by 4 are accepted, these have 2 x 6"),
        ((8, 8, 2), {"radius": 0}, "radius: 0 given"),
        ((8, 8, 2), {"pool": -2}, "pool: -2 given"),
        ((8, 8, 2), {"pooling": "median"}, "pooling: 'median' given; one of 'average', 'maximum'"),
        ((8, 8, 2), {"covariance": "both"}, "covariance: 'both' given; one of 'sum', 'mean'"),
        ((8, 8, 2), {"stabilizer": np.ones(2)}, r"stabilizer: shape \(2,\) given; \(\)"),
    ],
)
def test_arguments_that_do_not_fit_are_named(shape, given, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(
            lambda x: region_mutual_information(x, jnp.zeros(shape[:-1], int), **given), jnp.zeros(shape)
        )
    with pytest.raises(ValueError, match="truth: None given; RegionMutualInformation takes"):
        RegionMutualInformation().average(jnp.zeros([8, 8, 2]))
