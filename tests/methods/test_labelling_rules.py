"""Self-training's rules of labelling against sorting and NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.methods import Labelling
from jaxseg.methods._thresholds import confidence_histogram, quantised


def probabilities(pixels: int, classes: int, sharpness: float, seed: int = 0) -> np.ndarray:
    logits = sharpness * np.random.default_rng(seed).normal(size=(pixels, classes))
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log(p: np.ndarray) -> jax.Array:
    return jnp.log(jnp.asarray(p, jnp.float32))


def sorted_thresholds(p: np.ndarray, portion: float) -> np.ndarray:
    """The released code's: confidences of the pixels predicted as a class, in falling order."""
    best, confidence = p.argmax(-1), p.max(-1)
    values = []
    for c in range(p.shape[-1]):
        falling = np.sort(confidence[best == c])[::-1]
        rank = int(np.floor(portion * len(falling)))
        values.append(falling[rank - 1] if rank else 1.0)
    return np.asarray(values)


@pytest.mark.parametrize("sharpness", [1.0, 12.0])  # 12: half of the confidences are above 0.9999
def test_thresholds_are_those_of_sorting_to_the_bins_width(sharpness: float) -> None:
    p = probabilities(60000, 5, sharpness)
    p[p.argmax(-1) == 3] = [0.3, 0.4, 0.1, 0.1, 0.1]  # class 3 is never predicted
    counts = np.asarray(confidence_histogram(log(p)), np.int64)
    assert counts.sum(1).tolist() == np.bincount(p.argmax(-1), minlength=5).tolist()
    for portion in (0.15, 0.2, 0.5):
        found = Labelling(portion=portion).thresholds(counts)
        exact = sorted_thresholds(p.astype(np.float32), portion)
        assert found[3] == exact[3] == 1.0
        assert ((exact - found >= 0) | (exact == 1)).all()
        assert np.abs(exact - found).max() < 1e-4
        rest = 1 - exact[exact < 1]
        assert (np.abs(exact - found)[exact < 1] <= 5e-4 * rest + 2e-7).all()


@pytest.mark.parametrize("sharpness", [1.0, 6.0])
def test_the_share_of_each_class_that_reaches_its_threshold_is_the_portion(sharpness: float) -> None:
    p = probabilities(60000, 5, sharpness, seed=1)
    counts = np.asarray(confidence_histogram(log(p)), np.int64)
    labelling = Labelling(portion=0.25)
    thresholds = labelling.thresholds(counts)
    labels = np.asarray(labelling.labels(log(p), jnp.asarray(thresholds)))
    best = p.argmax(-1)
    for c in range(5):
        own = best == c
        reached = own & (p.max(-1) >= thresholds[c])
        assert reached[own].mean() == pytest.approx(0.25, abs=2e-3)
        assert (labels[reached] != 255).all()  # some of another class, whose threshold they exceed by more
        assert (labels[own & ~reached] != c).all()


def test_one_threshold_for_all_classes_is_that_of_all_confidences() -> None:
    p = probabilities(20000, 4, 2.0, seed=2)
    counts = np.asarray(confidence_histogram(log(p)), np.int64)
    found = Labelling(portion=0.3, policy="global").thresholds(counts)
    assert len(set(found.tolist())) == 1
    assert found[0] == pytest.approx(np.sort(p.max(-1))[::-1][5999], abs=1e-4)


def test_fdas_rule_keeps_what_exceeds_the_smaller_of_its_percentile_and_the_cap() -> None:
    p = probabilities(3001, 3, 4.0, seed=3)
    labelling = Labelling(rule="fda", portion=0.34, cap=0.9)
    thresholds = labelling.thresholds(np.asarray(confidence_histogram(log(p)), np.int64))
    best, confidence = p.argmax(-1), p.max(-1)
    expected = best.copy()
    for c in range(3):
        rising = np.sort(confidence[best == c])
        value = min(rising[round(0.66 * len(rising))], 0.9)
        assert thresholds[c] == pytest.approx(value, abs=1e-4)
        expected[(best == c) & (confidence < thresholds[c])] = 255
    np.testing.assert_array_equal(labelling.labels(log(p), jnp.asarray(thresholds)), expected)


def test_lrent_is_selected_where_z_exceeds_1_and_is_within_a_step_of_its_formula() -> None:
    p = probabilities(5000, 4, 2.0, seed=4)
    thresholds = np.array([0.5, 0.7, 0.3, 0.9], np.float32)
    power = (p / thresholds) ** 4.0
    z = power.sum(-1)
    found = np.asarray(Labelling(rule="lrent").labels(log(p), jnp.asarray(thresholds)))
    clear = np.abs(z - 1) > 1e-4
    np.testing.assert_array_equal(found.any(-1)[clear], (z > 1)[clear])
    kept = found.any(-1)
    assert 0.2 < kept.mean() < 0.9
    assert (found[kept].sum(-1, dtype=int) == 255).all()
    assert np.abs(found[kept] / 255 - (power / z[:, None])[kept]).max() <= 1 / 255 + 1e-5


def test_the_fact_sheets_pixel_is_dropped_and_a_surer_one_kept() -> None:
    thresholds = jnp.array([0.9, 0.4, 0.2])
    found = Labelling(rule="lrent").labels(log(np.array([[0.7, 0.2, 0.1], [0.95, 0.03, 0.02]])), thresholds)
    assert found[0].tolist() == [0, 0, 0]
    assert found[1].tolist() == [255, 0, 0]


@pytest.mark.parametrize("rule", ["lrent", "l2"])
def test_soft_rules_tend_to_cbst_as_alpha_falls(rule: str) -> None:
    p, thresholds = probabilities(4000, 4, 2.0, seed=5), jnp.array([0.5, 0.7, 0.3, 0.9])
    hard = np.asarray(Labelling().labels(log(p), thresholds))
    differing = []
    for alpha in (0.5, 0.05, 0.0005):
        soft = np.asarray(Labelling(rule=rule, alpha=alpha).labels(log(p), thresholds))
        one_hot = np.where((hard == 255)[:, None], 0, 255 * np.eye(5)[np.minimum(hard, 4)][:, :4])
        differing.append(np.mean((soft != one_hot).any(-1)))
    assert differing[0] > differing[1] > differing[2]
    assert differing[2] < 0.01


@pytest.mark.parametrize("classes", [2, 19, 150])
def test_quantising_is_off_by_at_most_a_step_and_keeps_the_sum(classes: int) -> None:
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.dirichlet(np.full(classes, a), 500) for a in (0.02, 0.5, 5.0)]).astype(np.float32)
    y[:500, 0], y[:500, 1] = 0, y[:500, 0] + y[:500, 1]
    q = np.asarray(quantised(jnp.asarray(y)))
    assert (q.sum(-1, dtype=int) == 255).all()
    assert np.abs(q / 255 - y).max() <= 1 / 255 + 1e-6
    assert (q[y == 0] == 0).all()
    assert not np.asarray(quantised(jnp.zeros((3, classes)))).any()


@pytest.mark.parametrize("rule", ["hard", "lrent"])
def test_with_a_prior_the_rule_takes_products_that_do_not_sum_to_1(rule: str) -> None:
    p = probabilities(3000, 3, 2.0, seed=6) * np.array([0.9, 0.5, 0.2])
    thresholds = np.array([0.6, 0.3, 0.1], np.float32)
    ratio = p / thresholds
    found = np.asarray(Labelling(rule=rule, spatial_prior=True).labels(log(p), jnp.asarray(thresholds)))
    if rule == "hard":
        expected = np.where(ratio.max(-1) >= 1, ratio.argmax(-1), 255)
        clear = np.abs(ratio.max(-1) - 1) > 1e-5
        np.testing.assert_array_equal(found[clear], expected[clear])
    else:
        z = (ratio**4).sum(-1)
        kept = z > 1 + 1e-4
        assert np.abs(found[kept] / 255 - (ratio**4 / z[:, None])[kept]).max() <= 1 / 255 + 1e-5
        assert not found[z < 1 - 1e-4].any()
