import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses import softmax_cross_entropy
from jaxseg.losses._importance_aware import ImportanceAware, importance_aware
from tests.losses.cases import case, softmax
from tests.losses.contract import check_loss, check_object


def groups_of(classes):
    """Three groups in no particular order, one number left out."""
    return tuple((1, 4, 2)[(5 * c) % 3] for c in range(classes))


def longhand(logits, labels, valid, alpha=0.5, offset=2.0, groups=None):
    groups = groups or groups_of(logits.shape[-1])
    levels = sorted(set(groups))
    values = np.zeros(labels.shape[:-2])
    for image in np.ndindex(values.shape):
        pixels = [n for n in np.ndindex(labels.shape[-2:]) if valid[image + n]]
        if not pixels:
            continue
        level = {n: levels.index(groups[labels[image + n]]) for n in pixels}
        p = {n: softmax(logits[image + n])[labels[image + n]] for n in pixels}
        loss, factor = 0.0, 1.0
        for g in range(len(levels)):
            loss -= factor * sum(np.log(p[n]) for n in pixels if level[n] == g)
            domain = [n for n in pixels if level[n] >= g]
            f = sum((float(level[n] > g) + alpha) * (p[n] - float(level[n] > g)) ** 2 for n in domain)
            factor *= f / (2.0 * max(len(domain), 1)) + offset
        values[image] = loss / len(pixels)
    return values


def with_default_groups(logits, labels, **hyper):
    return importance_aware(logits, labels, groups_of(logits.shape[-1]), **hyper)


def at_probabilities(p, classes=4):
    """Logits whose true class, one after the other, has the probability p."""
    p = np.asarray(p)
    labels = np.arange(p.size).reshape(p.shape) % classes
    rest = np.log((1.0 - p) / (classes - 1))
    here = labels[..., None] == np.arange(classes)
    return jnp.asarray(np.where(here, np.log(p)[..., None], rest[..., None]), jnp.float32), labels


def test_keeps_the_contract():
    check_loss(
        with_default_groups,
        longhand,
        images=True,
        hyper={"alpha": 0.5, "offset": 2.0},
        examples=4,
        size=(2, 3, 4),
    )


def test_object():
    def function(logits, labels, groups, **hyper):
        return importance_aware(logits, labels, groups, **hyper)

    one, other = ImportanceAware((1, 2, 2, 3)), ImportanceAware((1, 2, 2, 3), alpha=0.1, offset=1.0)
    check_object(one, other, function, case((2, 3, 4), 4))


@pytest.mark.fast
def test_golden_value():
    logits, labels = at_probabilities([[0.9, 0.6], [0.3, 0.8]])
    value = importance_aware(logits, labels, (1, 2, 3, 3))
    np.testing.assert_allclose(value, 1.9866859, rtol=1e-6)
    # f_1 = 0.18 and f_2 = 0.1625.
    first, second, third = (
        -np.log([0.9])[0] / 4,
        -np.log([0.6])[0] / 4,
        -np.log([0.3 * 0.8])[0] / 4,
    )
    np.testing.assert_allclose(value, first + 2.18 * (second + 2.1625 * third), rtol=1e-6)


@pytest.mark.fast
def test_one_group_is_cross_entropy():
    some = case((2, 3, 4), 5)
    values = importance_aware(some.logits, some.truth, (7,) * 5)
    nll = np.asarray(softmax_cross_entropy(some.logits, some.truth))
    expected = nll.sum(axis=(1, 2)) / some.valid.sum(axis=(1, 2))
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_only_the_order_of_the_groups_counts():
    some = case((2, 3, 4), 4)
    values = [
        importance_aware(some.logits, some.truth, groups)
        for groups in ((1, 2, 2, 3), (-5, 0, 0, 9), np.array([1, 2, 2, 3], np.int8))
    ]
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])


def test_the_gradient_flows_through_the_factors():
    # Only pixel 0 is of group 1; moving it also moves f_1, which weighs the others.
    logits, labels = at_probabilities([[0.9, 0.6], [0.3, 0.8]])
    gradient = jax.grad(lambda x: importance_aware(x, labels, (1, 2, 3, 3)))(logits)[0, 0, 0]
    slope_of_nll = -(1.0 - 0.9) / 4.0
    slope_of_f = 0.5 / 8.0 * 2.0 * 0.9 * 0.9 * 0.1
    rest = (-np.log(0.6) - 2.1625 * np.log(0.3 * 0.8)) / 4.0
    np.testing.assert_allclose(gradient, slope_of_nll + slope_of_f * rest, rtol=1e-5)


def test_an_image_without_labels_does_not_count():
    some = case((3, 2, 3), 4, void=0.0)
    labels = some.truth.copy()
    labels[1] = 255
    loss = ImportanceAware((1, 2, 2, 3))
    values = loss(some.logits, labels)
    assert values[1] == 0.0
    np.testing.assert_allclose(loss.average(some.logits, labels), (values[0] + values[2]) / 2.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "groups", "message"),
    [
        ((2, 3), (1, 2, 3), r"logits: shape \(2, 3\) given; images"),
        ((2, 2, 3), (1, 2), "groups: 2 given; 3 are accepted"),
        ((2, 2, 3), (1, 2, None), r"groups: \[1, 2, None\] given; one integer"),
        ((2, 2, 3), np.array([1.0, 2.0, 2.0]), "groups: .* given; one integer"),
    ],
)
def test_arguments_that_do_not_fit_are_named(shape, groups, message):
    with pytest.raises(ValueError, match=message):
        importance_aware(jnp.zeros(shape), jnp.zeros(shape[:-1], int), groups)
    with pytest.raises(ValueError, match="truth: None given; ImportanceAware takes"):
        ImportanceAware((1, 2)).average(jnp.zeros([1, 1, 2]))
