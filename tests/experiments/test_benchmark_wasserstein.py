"""The benchmark of Wasserstein steps: what is timed is a training step of the loss that is named."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from experiments.benchmark import wasserstein as benchmark
from experiments.benchmark.__main__ import BENCHMARKS
from experiments.benchmark.wasserstein import BASE, Wasserstein, run
from jaxseg.errors import InputError
from tests.tiny import network


def test_a_row_is_timed_beside_cross_entropy_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark.models, "compact", lambda classes, width: network(classes))
    out = tmp_path / "wasserstein.json"
    small = Wasserstein(shape=(1, 8, 16), width=4, iterations=2, labelled=(0.5,), rounds=1, out=out)
    run(dataclasses.replace(small, only=("sinkhorn, kernel",)))
    found = json.loads(out.read_text())["steps"]["0.5"]
    assert found["rounds"] == 1
    assert list(found["losses"]) == [BASE, "sinkhorn, kernel"]
    base, row = found["losses"].values()
    assert base["time_ratio"] == base["memory_ratio"] == 1.0
    assert min(row["milliseconds"], row["temporary_megabytes"], row["time_ratio"]) > 0.0
    shown = capsys.readouterr().out
    assert "[1x8x16x19], compact of width 4, 2 iterations" in shown
    assert "50% of the pixels labelled, medians of 1 rounds" in shown


def test_soft_labels_are_distributions_and_hard_ones_their_best_class() -> None:
    part = benchmark._batch((2, 24, 16), 0.8)["source"]
    targets, label = np.asarray(part["targets"]), np.asarray(part["label"])
    void = label == 255
    assert 0.1 < void.mean() < 0.25
    assert not targets[void].any()
    np.testing.assert_allclose(targets[~void].sum(-1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(targets[~void].argmax(-1), label[~void])


@pytest.mark.fast
def test_it_is_a_benchmark_and_says_what_cannot_be() -> None:
    assert isinstance(BENCHMARKS["wasserstein"][0], Wasserstein)
    for fields, words in (
        ({"only": ("sinkhorn",)}, r"only: 'sinkhorn' is no loss; use 'cross entropy', "),
        ({"shape": (0, 8, 8)}, r"shape: \(0, 8, 8\)"),
        ({"labelled": (0.5, 1.5)}, r"labelled: \(0.5, 1.5\); shares above 0"),
        ({"rounds": 0}, "rounds: 0; at least 1"),
    ):
        with pytest.raises(InputError, match=words):
            run(Wasserstein(**fields))
