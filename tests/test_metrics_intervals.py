"""Intervals over seeds: from the printed t table, and against SciPy."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxseg import metrics
from jaxseg.errors import InputError
from jaxseg.metrics import Interval


@pytest.mark.fast
def test_interval_from_the_t_table():
    """1, 2, 3: mean 2, s = 1, t(0.975, 2) = 4.3027 and t(0.95, 2) = 2.9200 from the printed table."""
    interval = metrics.mean_and_interval([1.0, 2.0, 3.0])
    assert (interval.mean, interval.n) == (2.0, 3)
    assert interval.half_width == pytest.approx(4.3027 / math.sqrt(3), rel=2e-5)
    assert metrics.mean_and_interval([1.0, 2.0, 3.0], 0.9).half_width == pytest.approx(
        2.92 / math.sqrt(3), rel=1e-4
    )


@given(
    values=hnp.arrays(np.float64, st.integers(2, 12), elements=st.floats(-1, 1)),
    confidence=st.floats(0.5, 0.999),
)
def test_interval_is_scipys(values, confidence):
    assume(values.std() > 1e-6)
    interval = metrics.mean_and_interval(values, confidence)
    expected = scipy.stats.t.interval(confidence, len(values) - 1, values.mean(), scipy.stats.sem(values))
    np.testing.assert_allclose(
        (interval.mean - interval.half_width, interval.mean + interval.half_width), expected, atol=1e-9
    )


@pytest.mark.fast
def test_one_seed_has_no_interval():
    interval = metrics.mean_and_interval([0.4])
    assert (interval.mean, interval.n) == (0.4, 1)
    assert math.isnan(interval.half_width)
    assert not interval.above(0.0)
    assert f"{interval:.1%}" == "40.0% (n=1)"


def test_equal_seeds_have_no_width_and_a_failed_one_spoils_the_mean():
    assert metrics.mean_and_interval([0.5, 0.5, 0.5]) == Interval(0.5, 0.0, 3)
    failed = metrics.mean_and_interval([0.5, math.nan])
    assert math.isnan(failed.mean)
    assert math.isnan(failed.half_width)
    assert failed.n == 2


@pytest.mark.parametrize(
    ("spec", "text"),
    [("", "0.4521 ± 0.0130 (n=3)"), (".1%", "45.2% ± 1.3% (n=3)"), ("+.2f", "+0.45 ± 0.01 (n=3)")],
)
def test_interval_as_text(spec, text):
    assert format(Interval(0.45213, 0.013, 3), spec) == text


def test_interval_in_percent():
    percent = Interval(0.452, 0.013, 3).scaled(100)
    assert f"{percent:.1f}" == "45.2 ± 1.3 (n=3)"
    assert Interval(1.0, 0.5, 2).scaled(-2) == Interval(-2.0, 1.0, 2)


@given(
    pairs=hnp.arrays(np.float64, st.tuples(st.integers(2, 10), st.just(2)), elements=st.floats(0, 1)),
    confidence=st.sampled_from([0.9, 0.95, 0.99]),
)
def test_paired_difference_is_scipys_paired_test(pairs, confidence):
    a, b = pairs.T
    assume((a - b).std() > 1e-6)
    gain = metrics.paired_difference(a, b, confidence)
    test = scipy.stats.ttest_rel(a, b)
    low, high = test.confidence_interval(confidence)
    np.testing.assert_allclose(
        (gain.mean - gain.half_width, gain.mean + gain.half_width), (low, high), atol=1e-9
    )
    assume(abs(test.pvalue - (1 - confidence)) > 1e-6)
    assert gain.above() == (test.pvalue < 1 - confidence and gain.mean > 0)


def test_pairing_removes_what_a_seed_does_to_both():
    base = np.array([0.30, 0.45, 0.60])
    gain = metrics.paired_difference(base + np.array([0.010, 0.011, 0.012]), base)
    assert gain.mean == pytest.approx(0.011)
    assert gain.above()
    assert metrics.mean_and_interval(base).half_width > 0.3


def test_intervals_refuse_what_does_not_fit():
    with pytest.raises(InputError, match="at least one"):
        metrics.mean_and_interval([])
    with pytest.raises(InputError, match="confidence=95"):
        metrics.mean_and_interval([1.0, 2.0], 95.0)
    with pytest.raises(InputError, match="3 and 2 values"):
        metrics.paired_difference([1.0, 2.0, 3.0], [1.0, 2.0])
