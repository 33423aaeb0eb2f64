"""The demonstration and the overfitting command, in small: every row is trained, scored and told, and none twice."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from configs.streets import common
from experiments import demo, overfit
from jaxseg import report
from jaxseg.errors import InputError
from tests.tiny import network

SEEDS, STEPS = 1, 2
TINY = (
    *("--steps", str(STEPS), "--batch", "2", "--mesh.data", "1"),
    *("--data.size", "32", "32", "--data.images", "2", "1", "2"),
    *("--target.size", "32", "32", "--target.images", "2", "1", "2"),
    *("--augment.crop.size", "32", "32"),
)
NAMES = {
    "source": "streets-source",
    "batch_statistics": "streets-batch-statistics",
    "max_squares": "streets-max-squares",
    "max_squares_iw": "streets-max-squares-iw",
    "oracle": "streets-oracle",
}
"""The rows that the README's table of the demo has, and what their experiments are called."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAXSEG_CACHE", str(tmp_path / "cache"))


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def made(out: Path) -> dict[Path, int]:
    """What training and scoring wrote into the run folders, and when."""
    found = [
        *out.glob("*/seed0/metrics.jsonl"),
        *out.glob("*/seed0/checkpoints/**/*"),
        *out.glob("*/seed0/evaluations/*"),
    ]
    return {path: path.stat().st_mtime_ns for path in found}


def test_the_demo_reports_every_row_and_called_again_trains_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = report.write

    def of_several(runs: Any, file: Path, **named: Any) -> Path:
        """A run's own report takes seconds, and is tested elsewhere."""
        return write(runs, file, **named) if len(runs) > 1 else file

    monkeypatch.setattr(common, "NETWORK", network(19, normalize=True))
    monkeypatch.setattr(report, "write", of_several)
    out = tmp_path / "demo"
    command = ["--seeds", str(SEEDS), "--out", str(out), *TINY]
    assert demo.main(command) == 0
    said = capsys.readouterr().out
    assert f"report: {out / 'report.html'}" in said
    page = (out / "report.html").read_text()
    for row, name in NAMES.items():
        folder = out / row / "seed0"
        log = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in log] == [1, STEPS]
        score = read(folder / "evaluations" / "streets-real-test.json")
        assert (score["on"], score["step"], score["images"]) == ("streets-real/test", STEPS, 2)
        starts_from = None if row in ("source", "oracle") else str(out / "source" / "seed0")
        assert read(folder / "config.json")["resolved"]["initialize"] == starts_from
        assert f">{name}<" in page
        assert re.search(rf"^{name} .* {SEEDS}$", said, re.MULTILINE)
    with Image.open(out / "pictures.png") as pictures:
        assert pictures.size[0] > (2 + len(NAMES)) * 32  # image, truth, and a column for every row

    written = made(out)
    assert len(written) > 3 * len(NAMES)
    assert demo.main(command) == 0
    assert made(out) == written
    runs = [out / row / "seed0" for row in ("oracle", "source")]  # as where the others were given up
    demo.save_pictures([*runs, out / "source" / "seed1"], tmp_path / "two.png")
    with Image.open(tmp_path / "two.png") as two, Image.open(out / "pictures.png") as pictures:
        assert two.size[0] < pictures.size[0]
    demo.save_pictures([], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
    again = capsys.readouterr().out
    assert again.split("report: ")[0] == said.split("report: ")[0]


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (demo, ["--seeds", "0"], "seeds: 0; at least 1"),
        (overfit, ["--steps", "0"], "steps: 0; at least 1"),
        (overfit, ["--steps", "-3"], "steps: -3; at least 1"),
        (overfit, ["--only", "compactt"], "only: 'compactt' is not known; use compact, enet"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(command: Any, arguments: list[str], words: str) -> None:
    with pytest.raises(InputError) as caught:
        command.main(arguments)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("aim", "status", "taken"), [(0.0001, 0, 25), (1.0, 1, 27)])
def test_overfitting_ends_where_the_aim_is_reached_or_the_steps_are_used_up(
    aim: float,
    status: int,
    taken: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = (lambda: network(overfit.CLASSES, normalize=True), 4e-3, (32, 32))
    monkeypatch.setattr(overfit, "NETWORKS", {"small": small})
    monkeypatch.setattr(overfit, "AIM", aim)
    file = tmp_path / "fits.json"
    assert overfit.main(["--steps", "27", "--out", str(file)]) == status
    assert f"% of the pixels after {taken} steps" in capsys.readouterr().out
    found = read(file)["networks"]
    assert list(found) == ["small"]
    row = found["small"]
    assert (row["steps"], row["size"], row["learning_rate"]) == (taken, [32, 32], 4e-3)
    assert (row["accuracy"] >= aim) == (status == 0)
    assert row["loss"] > 0
