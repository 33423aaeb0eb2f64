"""The input benchmark: both sides do the work they are timed for."""

import json
import re
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import pytest

from experiments.benchmark import input as benchmark
from experiments.benchmark.__main__ import BENCHMARKS, main
from experiments.benchmark.input import Input, run_input
from jaxseg.data.augment import ColorJitter, ScaleCropFlip
from jaxseg.errors import InputError

ORDERS = (slice(None), slice(None, None, -1))
"""As it is, and mirrored."""


@pytest.mark.fast
def test_both_formats_hold_the_same_scenes() -> None:
    png, jpeg = (
        benchmark.Encoded(benchmark.examples(encoding, 3, (32, 64))) for encoding in benchmark.FORMATS
    )
    assert png.examples[0][0].startswith(b"\x89PNG")
    assert jpeg.examples[0][0].startswith(b"\xff\xd8")
    for one, other in ((png[index], jpeg[index]) for index in range(3)):
        assert one["image"].shape == (32, 64, 3)
        assert np.abs(one["image"].astype(int) - other["image"]).mean() < 12
        np.testing.assert_array_equal(one["label"], other["label"])


def test_ours_alone_is_timed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = Input(
        size=(32, 64), images=4, batch=2, threads=1, against="nothing", rounds=1, out=tmp_path / "input.json"
    )
    run_input(options)
    said = capsys.readouterr().out
    rows = json.loads((tmp_path / "input.json").read_text())["input"]
    assert set(rows) == {f"{what} {f}" for what in ("decode", "decode and augment") for f in ("png", "jpeg")}
    for name, row in rows.items():
        assert row["jaxseg"] > 0
        shown = re.search(rf"\| {name} \| ([\d.]+) \|", said)
        assert shown is not None
        assert float(shown[1]) == pytest.approx(row["jaxseg"], abs=0.06)  # each is rounded by itself


@pytest.mark.slow
@pytest.mark.parametrize("against", ["torch", "torch-uint8"])
def test_torch_is_timed_beside(against: Literal["torch", "torch-uint8"]) -> None:
    pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    options = Input(size=(32, 64), images=4, batch=2, threads=1, rounds=1, against=against)
    for row in benchmark.measure("jpeg", options).values():
        assert row["ratio"] == pytest.approx(row["jaxseg"] / row["torch"], rel=0.01)


@pytest.mark.fast
def test_the_command_explains_each_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    for name in BENCHMARKS:
        with pytest.raises(SystemExit) as stop:
            main([name, "--help"])
        assert stop.value.code == 0
        assert f"experiments.benchmark {name}" in capsys.readouterr().out
    assert "input" in BENCHMARKS


@pytest.mark.parametrize("whole", [False, True])
def test_torch_augments_as_we_do(whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the range of scales shrunk to 1, and of colours to nothing, only the mirror image is left to chance."""
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    monkeypatch.setattr(benchmark, "SCALE", (1.0, 1.0))
    monkeypatch.setattr(benchmark, "JITTER", 0.0)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 128, 3), dtype=np.uint8)
    label = rng.integers(0, 11, (64, 128), dtype=np.uint8)
    pixels, truth = benchmark.augmented_by_torch(
        torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(label), (32, 64), whole=whole
    )
    crop, expected = ScaleCropFlip(size=(32, 64), scale=(1.0, 1.0), flip=False)(
        jax.random.key(0), image[None], label[None]
    )
    found = pixels.permute(1, 2, 0).numpy()
    apart = [np.abs(found[:, order] - crop[0]).max() for order in ORDERS]
    order = ORDERS[int(np.argmin(apart))]
    np.testing.assert_allclose(found[:, order], crop[0], atol=1.01 if whole else 0.01)
    np.testing.assert_array_equal(truth.numpy()[:, order], np.asarray(expected)[0])


def test_torch_jitters_as_we_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every factor fixed at 1.2 by a range that has no width; our formula is taken at the same factors."""
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    monkeypatch.setattr(benchmark, "_uniform", lambda low, high: 1.2)
    image = np.random.default_rng(0).integers(0, 256, (8, 12, 3)).astype(np.float32)
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape: jax.numpy.full(shape, 1.0))
    expected, _ = ColorJitter(0.2, 0.2, 0.2).apply(jax.random.key(0), image[None], None)
    found = benchmark._jittered(torch.from_numpy(image.transpose(2, 0, 1).copy()))
    np.testing.assert_allclose(found.permute(1, 2, 0).numpy(), expected[0], atol=1e-3)


def test_torch_pads_with_grey_and_void(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    monkeypatch.setattr(benchmark, "SCALE", (0.5, 0.5))
    image, label = torch.zeros((3, 16, 32), dtype=torch.uint8), torch.zeros((16, 32), dtype=torch.uint8)
    pixels, truth = benchmark.augmented_by_torch(image, label, (16, 32))
    assert float((truth == 255).float().mean()) == 0.75
    assert (pixels[:, truth == 255] == 127.5).all()
    assert (pixels[:, truth == 0] == 0).all()


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"batch": 5}, "batch: 5; at least 1, and a divisor of images"), ({"rounds": 0}, "rounds, threads: 0")],
)
def test_bad_options_are_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        run_input(Input(**fields))
