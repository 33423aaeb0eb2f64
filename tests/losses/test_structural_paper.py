"""SSL's numbers: those of the paper's Figure 2, and what was derived from its equations by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.losses import mean
from jaxseg.losses._moments import local_moments
from jaxseg.losses._structural import largest_structural_error, structural_error, structural_similarity
from tests.losses.images import FIGURE_2, P, Y
from tests.losses.structural import longhand_bound

compiled = jax.jit(structural_similarity, static_argnames=("reweight", "mine", "stabilizer", "border"))
compiled_error = jax.jit(structural_error, static_argnames="stabilizer")


def test_figure_2_cross_entropy():
    values = np.asarray(compiled(FIGURE_2, Y, reweight=False, mine=False)[0])[..., 1]
    np.testing.assert_allclose(values.sum(), 2.805671, atol=2e-6)
    np.testing.assert_allclose(values[1, 1] / values.sum(), 0.573637, atol=1e-6)


def test_figure_2_as_the_paper_draws_it():
    # Its numbers come from one mean and deviation of the whole patch, uniform weights and no C4: a window of 5 x 5
    # that leaves out what is beyond the image holds the whole patch at every pixel.
    maps = jnp.stack([Y.astype(np.float32), P.astype(np.float32)], axis=-1)
    mu, variance = local_moments(maps, 5, np.inf, border="renormalize")
    y_nor, p_nor = np.moveaxis(np.asarray((maps - mu) / np.sqrt(variance)), -1, 0)
    np.testing.assert_allclose(np.unique(y_nor.round(4)), [-1.118, 0.8944], atol=1e-4)
    np.testing.assert_allclose(np.unique(p_nor.round(4)), [-1.4055, 0.6069, 0.8944], atol=1e-4)
    weighted = (
        np.abs(y_nor - p_nor) * np.asarray(compiled(FIGURE_2, Y, reweight=False, mine=False)[0])[..., 1]
    )
    np.testing.assert_allclose(weighted.sum(), 3.0596, atol=5e-5)
    np.testing.assert_allclose(weighted[1, 1] / weighted.sum(), 0.9074, atol=5e-5)


@pytest.mark.parametrize(
    ("stabilizer", "error", "value", "sums", "losses"),
    [
        ("deviation", 1.6266266, 2.6179545, (2.86777, 3.57694, 3.14179), (2.6179545, 0.7594612)),
        ("variance", 1.6197139, 2.6068290, (2.86011, 3.40285, 2.98184), (2.6068290, 1.3737934)),
    ],
)
def test_figure_2_with_windows(stabilizer, error, value, sums, losses):
    given = {"stabilizer": stabilizer}
    np.testing.assert_allclose(compiled_error(FIGURE_2, Y, **given)[1, 1, 1], error, rtol=1e-6)
    values, hard = compiled(FIGURE_2, Y, **given)
    np.testing.assert_allclose(values[1, 1, 1], value, rtol=1e-6)
    assert hard[..., 1].sum() == 1
    np.testing.assert_allclose(mean(values[..., 1], hard[..., 1]), losses[0], rtol=1e-6)
    values, hard = compiled(FIGURE_2, Y, border="edge", **given)
    assert hard[..., 1].sum() == (2 if stabilizer == "variance" else 4)
    np.testing.assert_allclose(mean(values[..., 1], hard[..., 1]), losses[1], rtol=2e-6)
    for border, expected in zip(("zero", "reflect", "edge"), sums, strict=True):
        everywhere, hard = compiled(FIGURE_2, Y, mine=False, border=border, **given)
        assert hard.all()
        np.testing.assert_allclose(everywhere[..., 1].sum(), expected, atol=1e-5)
    values, hard = compiled(FIGURE_2, Y, reweight=False, **given)
    np.testing.assert_allclose(mean(values[..., 1], hard[..., 1]), 1.6094379, rtol=1e-6)


def test_the_two_equations_differ_where_the_fact_sheet_says():
    flat = np.full([5, 5], 0.96)
    flat[2, 2] = 0.94
    alone = np.full([5, 5], 0.05)
    alone[2, 2] = 0.3
    for p, y, expected in (
        (flat, np.ones([5, 5], int), {"deviation": 1.41204, "variance": 0.17027}),
        (alone, np.zeros([5, 5], int), {"deviation": 0.10357, "variance": 0.67009}),
    ):
        y[2, 2] = 1
        logits = np.stack([np.zeros([5, 5]), np.log(p / (1 - p))], axis=-1)
        for stabilizer, error in expected.items():
            found = compiled_error(logits, y, stabilizer=stabilizer)[2, 2, 1]
            np.testing.assert_allclose(found, error, atol=5e-4)


@pytest.mark.parametrize(
    ("size", "sigma", "deviation", "variance"),
    [
        (3, 1.0, 3.85291, 3.83232),
        (3, 1.5, 4.67155, 4.62314),
        (3, 2.0, 5.00715, 4.94286),
        (3, 3.0, 5.26478, 5.18631),
        (5, 1.5, 6.32247, 6.16565),
        (7, 1.5, 6.85003, 6.64070),
        (9, 1.5, 6.96060, 6.73904),
        (11, 1.5, 6.97555, 6.75229),
        (1, 1.5, 0.0, 0.0),
    ],
)
def test_largest_error_of_the_fact_sheet(size, sigma, deviation, variance):
    for stabilizer, expected in (("deviation", deviation), ("variance", variance)):
        for largest in (None, 11):
            found = largest_structural_error(size, sigma, stabilizer=stabilizer, largest=largest)
            np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)
        if size > 1:
            np.testing.assert_allclose(
                longhand_bound(size, sigma, stabilizer=stabilizer), expected, rtol=2e-6
            )
