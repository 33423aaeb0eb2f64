"""Where the gradient comes from, by the probability of the true class: against a sum pixel by pixel."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.methods._gradient_share import bin_names, gradient_shares
from jaxseg.models import Network, Output
from tests.models._fresh import QUICK


def shares(loss: Any, logits: np.ndarray, labels: np.ndarray, weight: float = 1.0) -> Any:
    objective = {
        "source": Term(loss, weight=weight),
        "low": Term(loss, head="aux"),
        "far": Term(loss, domain="target"),
    }

    @functools.partial(jax.jit, compiler_options=QUICK)
    def found(logits: Any, labels: Any) -> Any:
        network = Network(logits.shape[-1])
        return gradient_shares(network, objective, Output(logits), {"label": labels})

    return jax.tree.map(float, found(jnp.asarray(logits, jnp.float32), jnp.asarray(labels)))


def test_shares_of_cross_entropy_are_those_of_a_sum_pixel_by_pixel() -> None:
    random = np.random.default_rng(0)
    logits, labels = random.normal(0, 2, (2, 5, 6, 3)), random.integers(0, 3, (2, 5, 6)).astype(np.uint8)
    labels[0, 0] = 255
    push, count = dict.fromkeys(bin_names(), 0.0), dict.fromkeys(bin_names(), 0.0)
    for z, label in zip(logits.reshape(-1, 3), labels.ravel(), strict=True):
        if label == 255:
            continue
        p = np.exp(z) / np.exp(z).sum()
        name = f"{np.floor(10 * p[label]) / 10:.1f}"
        push[name] += np.abs(p - np.eye(3)[label]).sum()
        count[name] += 1
    found = shares(losses.SoftmaxCrossEntropy(), logits, labels, weight=0.3)
    assert found["gradient_share"] == pytest.approx(
        {n: v / sum(push.values()) for n, v in push.items()}, abs=1e-6
    )
    assert found["pixel_share"] == pytest.approx(
        {n: v / sum(count.values()) for n, v in count.items()}, abs=1e-6
    )
    assert found["ascent_share"] == 0.0


def two_classes(*p: float) -> np.ndarray:
    return np.stack([np.log(p), np.log1p(-np.array(p))], axis=-1)[None, None]


def test_only_the_switched_loss_ascends() -> None:
    logits, labels = two_classes(0.05, 0.25, 0.65, 0.95), np.zeros((1, 1, 4), np.int32)
    descending = shares(losses.Conservative(), logits, labels)
    switched = shares(losses.ConservativeSwitched(), logits, labels)
    # Their slopes differ in sign alone, and that above p = 1/e.
    assert switched["gradient_share"] == pytest.approx(descending["gradient_share"], abs=1e-6)
    assert descending["ascent_share"] == 0.0
    above = descending["gradient_share"]["0.6"] + descending["gradient_share"]["0.9"]
    assert switched["ascent_share"] == pytest.approx(above, abs=1e-6)
    # p (1 - p) dCL/dp with dCL/dp = (2 (1 + ln p) ln(-ln p) + (1 + ln p)^2 / ln p) / p.
    p = np.array([0.05, 0.25, 0.65, 0.95])
    slope = (1 - p) * (2 * (1 + np.log(p)) * np.log(-np.log(p)) + (1 + np.log(p)) ** 2 / np.log(p))
    expected = np.abs(slope) / np.abs(slope).sum()
    found = [descending["gradient_share"][name] for name in ("0.0", "0.2", "0.6", "0.9")]
    assert found == pytest.approx(expected, rel=1e-4)


def test_without_a_label_nothing_pushes_and_sure_pixels_are_in_the_last_bin() -> None:
    logits = np.array([[[[60.0, 0.0]]]])
    void = shares(losses.SoftmaxCrossEntropy(), logits, np.full((1, 1, 1), 255))
    assert set(void["gradient_share"].values()) == set(void["pixel_share"].values()) == {0.0}
    assert shares(losses.Conservative(), logits, np.zeros((1, 1, 1), np.int32))["pixel_share"]["0.9"] == 1.0
