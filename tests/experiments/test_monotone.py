"""The page on where losses push: slopes against the equations, shares against means by hand, and what is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import _pushes, monotone
from experiments._pushes import SHOWN
from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import Term
from jaxseg.methods._gradient_share import bin_names
from jaxseg.train import RunFolder, load_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs/streets"


def recorded(folder: Path, config: str, shares: list[dict[str, float]], ascent: float) -> Path:
    """A run folder whose metrics hold these shares of the gradient, a step each; pixels are a tenth in every bin."""
    source = CONFIGS / config
    run = RunFolder(folder)
    run.open(load_config(source), source, [])
    for step, share in enumerate(shares, start=1):
        line = {"kind": "train", "step": step, "phase": "train", "loss": 1.0, "terms": {}}
        pixels = dict.fromkeys(bin_names(), 0.1)
        gradient = dict.fromkeys(bin_names(), 0.0) | share
        run.log(line | {"gradient_share": gradient, "pixel_share": pixels, "ascent_share": ascent})
    return folder


def test_the_conservative_loss_falls_and_another_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The switched loss, which rises from p = 1/a on, is refused in its place."""
    assert max(_pushes.monotone()) <= monotone.ROUNDING
    monkeypatch.setattr(_pushes, "BASES", (math.e, 2.0))
    monkeypatch.setattr(losses, "Conservative", losses.ConservativeSwitched)
    assert min(_pushes.monotone()) > 1e3 * monotone.ROUNDING
    with pytest.raises(RuntimeError, match="rises with p somewhere"):
        monotone.main([str(tmp_path)])


def test_curves_are_the_equations() -> None:
    p, nll = SHOWN, -np.log(SHOWN)
    # d CL / dz = p (1 - p) d CL / dp of Eq. 2 with a = e.
    slope = p * (1 - p) * (2 * (1 - nll) * np.log(nll) - (1 - nll) ** 2 / nll) / p
    value = (1 - nll) ** 2 * np.log(nll)
    for term, wanted in (
        (Term(losses.SoftmaxCrossEntropy(), weight=2.0), (2 * nll, 2 * (p - 1))),
        (Term(losses.Conservative()), (5 * value, 5 * slope)),
        (Term(losses.ConservativeSwitched(scale=1.0)), (np.abs(value), np.sign(value) * slope)),
    ):
        for found, expected in zip(_pushes.by_p({"source": term}), wanted, strict=True):
            np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def test_a_page_tells_means_over_steps_and_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [
        recorded(
            tmp_path / "a", "conservative.py", [{"0.0": 0.5, "0.9": 0.5}, {"0.0": 0.3, "0.9": 0.7}], 0.0
        ),
        recorded(
            tmp_path / "b", "conservative.py", [{"0.0": 0.6, "0.9": 0.4}, {"0.6": 1.0}, {"0.6": 1.0}], 0.0
        ),
        recorded(tmp_path / "c", "conservative_switched.py", [{"0.1": 0.25, "0.9": 0.75}], 0.75),
    ]
    for run, seed in zip(runs, (0, 1, 0), strict=True):
        record = json.loads((run / "config.json").read_text())
        (run / "config.json").write_text(json.dumps(record | {"seed": seed}))
    monotone.main([*map(str, runs), "--out", str(tmp_path / "out")])
    told: dict[str, Any] = json.loads((tmp_path / "out/monotone.json").read_text())["losses"]
    assert list(told) == ["Conservative", "ConservativeSwitched"]
    first, second = told.values()
    assert first["seeds"] == [0, 1]
    assert first["steps"] == [1, 2]  # the third is of one seed alone
    assert first["gradient_share"]["0.0"] == pytest.approx([0.55, 0.15])
    assert first["gradient_share"]["0.6"] == pytest.approx([0.0, 0.5])
    # Seeds: means of p >= 0.9 are 0.6 and 0.4/3; Student's t with one degree of freedom, 12.706.
    sure = first["means"]["gradient, p >= 0.9"]
    assert sure["mean"] == pytest.approx((0.6 + 0.4 / 3) / 2)
    assert sure["half_width"] == pytest.approx(12.7062 * (0.6 - 0.4 / 3) / 2, rel=1e-4)
    assert first["rises_from_p"] is None
    assert second["rises_from_p"] == pytest.approx(1 / math.e, abs=0.006)  # the grid's step is 0.005
    assert second["means"]["gradient that lowers p"]["mean"] == 0.75
    assert second["means"]["pixels, p >= 0.9"] == {"mean": pytest.approx(0.1), "half_width": None, "n": 1}
    assert "| ConservativeSwitched | 1 | 25.0 | 0.0 | 75.0 | 10.0 | 75.0 |" in capsys.readouterr().out
    svg = (tmp_path / "out/monotone.svg").read_text()
    assert svg.startswith("<svg xmlns=")
    assert "var(" not in svg
    assert svg.count("share of the gradient") >= 1
    assert "ConservativeSwitched" in (tmp_path / "out/monotone.html").read_text()


def test_runs_that_measured_nothing_are_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"plain: it measured no share of the gradient; give runs of"
    ) as caught:
        monotone.main([str(recorded(tmp_path / "plain", "source.py", [{"0.0": 1.0}], 0.0))])
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="its metrics hold no share of the gradient"):
        monotone.main([str(recorded(tmp_path / "new", "conservative.py", [], 0.0))])
