"""What the tour draws of entropy and maximum squares, against the equations printed on MaxSquare's poster."""

import matplotlib
import numpy as np
import pytest

from experiments import losses_tour
from experiments.losses_tour import POINTS
from jaxseg import losses


def test_gradients_are_the_printed_ones_and_their_share_that_reaches_the_logit() -> None:
    found = losses_tour.unsupervised_gradients()
    printed = {
        "entropy": np.abs(np.log(POINTS) - np.log(1 - POINTS)),
        "maximum squares": np.abs(4 * POINTS - 2),
    }
    assert list(found) == list(printed)
    for name, (in_p, in_logit) in found.items():
        np.testing.assert_allclose(in_p, printed[name], rtol=2e-4, atol=1e-4)
        np.testing.assert_allclose(in_logit, POINTS * (1 - POINTS) * printed[name], atol=1e-5)


def test_the_picture_has_both_and_refuses_losses_that_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib.use("Agg")
    figure = losses_tour.gradients()
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == [
        "entropy: |log p - log(1 - p)|",
        "maximum squares: |4p - 2|",
    ]
    highest = [line.get_xdata()[0] for line in right.lines if len(line.get_xdata()) == 1]
    # p (1 - p)(4 p - 2) has its maximum at 1/2 + 1/sqrt(12); the curves are symmetric about 1/2.
    assert abs(highest[1] - 0.5) == pytest.approx(1 / np.sqrt(12), abs=0.003)
    monkeypatch.setattr(losses, "Entropy", lambda **_: losses.RobustEntropy())
    with pytest.raises(RuntimeError, match="the gradient of entropy in p is not the poster's"):
        losses_tour.gradients()
