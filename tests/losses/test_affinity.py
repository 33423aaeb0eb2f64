import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses._affinity import AffinityField, affinity_field
from tests.losses.cases import case, cases, softmax
from tests.losses.contract import (
    check_extremes,
    check_gradient,
    check_object,
    check_traces,
    check_transformations,
    check_value,
    check_void,
)
from tests.losses.images import check_borders_only, gradient_memory


def divergence(j, i):
    """KL of two Bernoulli distributions, their four probabilities clipped."""
    clip = functools.partial(np.clip, a_min=1e-4, a_max=1.0)
    return clip(j) * np.log(clip(j) / clip(i)) + clip(1 - j) * np.log(clip(1 - j) / clip(1 - i))


def pairs_of(labels, valid, size):
    """(pixel i, neighbour j) of every ordered pair of valid pixels."""
    for image in np.ndindex(labels.shape[:-2]):
        for row, column in np.ndindex(labels.shape[-2:]):
            for down in (-size, 0, size):
                for right in (-size, 0, size):
                    i, j = (*image, row, column), (*image, row + down, column + right)
                    inside = 0 <= j[-2] < labels.shape[-2] and 0 <= j[-1] < labels.shape[-1]
                    if i != j and inside and valid[i] and valid[j]:
                        yield i, j


def longhand(logits, labels, valid, margin=3.0, edge_weight=1.0, inner_weight=1.0, size=1):
    p = softmax(logits)
    edge, inner = np.zeros(labels.shape), np.zeros(labels.shape)
    edges = inners = 0
    for i, j in pairs_of(labels, valid, size):
        for c in range(logits.shape[-1]):
            kl = divergence(p[j][c], p[i][c])
            if (labels[i] == c) != (labels[j] == c):
                edge[i] += max(0.0, margin - kl)
                edges += 1
            else:
                inner[i] += kl
                inners += 1
    return valid.sum() * (edge_weight * edge / max(edges, 1) + inner_weight * inner / max(inners, 1))


def released(logits, labels, valid, **hyper):
    """The loss as one number: the mean over the edge terms plus that over the others."""
    return longhand(logits, labels, valid, **hyper).sum() / valid.sum()


HYPER = {"margin": 2.0, "edge_weight": 0.7, "inner_weight": 1.3}


def test_value_and_gradient_longhand():
    @hypothesis.settings(max_examples=3, deadline=None, derandomize=True, database=None)
    @hypothesis.given(cases(images=True))
    def check(some):
        check_value(affinity_field, longhand, some, HYPER)

    check()
    check_gradient(affinity_field, longhand, case((2, 3, 4), 4, masked=True), HYPER)


@pytest.mark.parametrize(
    "check",
    [check_void, pytest.param(check_transformations, marks=pytest.mark.slow), check_extremes, check_traces],
    ids=lambda check: check.__name__,
)
def test_keeps_the_contract(check):
    check(affinity_field, case((3, 4), 3, masked=True), HYPER)


@pytest.mark.parametrize("size", [2, 3])
def test_wider_windows(size):
    loss, reference = (functools.partial(each, size=size) for each in (affinity_field, longhand))
    check_value(loss, reference, case((2, 5, 6), 3, masked=size == 3), HYPER)


def test_object():
    one, other = AffinityField(margin=2.0), AffinityField(margin=3.5, inner_weight=0.5)
    check_object(one, other, affinity_field, case((4, 5), 3, masked=True))
    assert jax.tree.leaves(one) == [2.0, 1.0, 1.0]


def test_golden_values():
    # Two pixels, two classes: each class gives the same divergence, of .9 from .5 and back.
    logits = jnp.log(jnp.array([[[0.5, 0.5], [0.9, 0.1]]]))
    alike = affinity_field(logits, jnp.array([[0, 0]]))
    np.testing.assert_allclose(alike, [[0.3680642, 0.5108256]], rtol=1e-6)
    apart = affinity_field(logits, jnp.array([[0, 1]]))
    np.testing.assert_allclose(apart, [[2.6319358, 3.0 - 0.5108256]], rtol=1e-6)
    certain = jnp.array([[[50.0, -50.0], [-50.0, 50.0]]])
    np.testing.assert_allclose(affinity_field(certain, jnp.array([[0, 0]])), [[9.2094193] * 2], rtol=1e-6)
    assert not affinity_field(certain, jnp.array([[0, 1]])).any()


def test_one_boundary_makes_edges_of_two_classes():
    # Classes 0 and 1 meet, class 2 is nowhere: it must be alike on both sides.
    logits = jnp.log(jnp.array([[[0.7, 0.1, 0.2], [0.1, 0.5, 0.4]]]))
    labels = jnp.array([[0, 1]])
    inner = affinity_field(logits, labels, edge_weight=0.0)
    np.testing.assert_allclose(inner, [[divergence(0.4, 0.2), divergence(0.2, 0.4)]], rtol=1e-5)
    edge = affinity_field(logits, labels, inner_weight=0.0, margin=5.0)
    expected = [
        10.0 - divergence(0.1, 0.7) - divergence(0.5, 0.1),
        10.0 - divergence(0.7, 0.1) - divergence(0.1, 0.5),
    ]
    np.testing.assert_allclose(edge, [np.array(expected) / 2.0], rtol=1e-5)


def test_average_is_the_released_number():
    some = case((2, 5, 6), 4, masked=True)
    found = jax.jit(AffinityField().average)(some.logits, some.truth, where=some.where)
    np.testing.assert_allclose(found, released(some.logits, some.truth, some.valid), rtol=1e-5)


def test_pairs_with_a_void_pixel_are_dropped():
    # A column of void: the two halves are as if each stood alone.
    some = case((4, 7), 3, void=0.0)
    labels = some.truth.copy()
    labels[:, 3] = 255
    loss = jax.jit(functools.partial(affinity_field, edge_weight=0.0))
    whole = loss(some.logits, labels)
    halves = [loss(some.logits[:, at], labels[:, at]) for at in (np.s_[:3], np.s_[4:])]
    for half, at in zip(halves, (np.s_[:3], np.s_[4:]), strict=True):
        ratio = whole[:, at] / half
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-5)
    assert not whole[:, 3].any()


def test_images_smaller_than_the_window():
    for shape in ((1, 1), (1, 2), (2, 1)):
        some = case(shape, 3, void=0.0)
        gradient = jax.jit(jax.value_and_grad(AffinityField(size=2).average))
        value, gradient = gradient(some.logits.astype(np.float32), some.truth)
        assert value == 0.0
        assert not gradient.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: affinity_field(jnp.zeros([3, 3]), jnp.zeros([3], int)),
            r"logits: shape \(3, 3\) given; images",
        ),
        (lambda: affinity_field(jnp.zeros([3, 3, 2]), jnp.zeros([3, 3])), "labels: dtype float32 given"),
        (
            lambda: affinity_field(jnp.zeros([3, 3, 2]), jnp.zeros([3, 3], int), size=0),
            "size: 0 given; a dist",
        ),
        (
            lambda: affinity_field(jnp.zeros([3, 3, 2]), jnp.zeros([3, 3], int), margin=jnp.ones(2)),
            r"margin: shape \(2,\) given; \(\)",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)


def test_sharded_images_exchange_borders_only():
    check_borders_only(AffinityField())


def test_memory_of_the_gradient():
    assert gradient_memory(AffinityField()) < 200e6
