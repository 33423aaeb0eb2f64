"""The sweep command: its plan, its members as runs, its table, and one line where the grid is at fault."""

import csv
import html
import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments import sweep
from experiments.benchmark.__main__ import main as benchmark
from jaxseg.errors import InputError
from jaxseg.metrics import mean_and_interval
from jaxseg.train import RunFolder
from jaxseg.train.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
from jaxseg import losses
from jaxseg.methods import SGD, ObjectiveMethod, Term
from jaxseg.train import Experiment, MeshShape
from tests.tiny import Blocks, network

def experiment():
    return Experiment(
        name="tiny",
        data=Blocks(),
        method=ObjectiveMethod(
            network=network(),
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=4,
            optimizer=SGD(learning_rate=0.1),
        ),
        batch=4,
        mesh=MeshShape(data=1),
        threads=0,
    )
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny_config.py"
    path.write_text(CONFIG)
    return path


def table(out: Path) -> list[dict[str, str]]:
    with (out / "results.csv").open() as file:
        return list(csv.DictReader(file))


def test_members_of_another_sweep_are_not_taken_for_its_own(config: Path, tmp_path: Path) -> None:
    command = [str(config), "--out", str(tmp_path / "out"), "--grid", "seed=0..0"]
    assert sweep.main([*command, "objective.source.weight=0.5"]) == 0
    rows = table(tmp_path / "out")
    with pytest.raises(
        InputError, match=r"weight=0\.5/seed0 was .* another config \(batch: 4 -> 2\); take another"
    ):
        sweep.main([*command, "objective.source.weight=0.5", "--batch", "2"])
    assert table(tmp_path / "out") == rows


def test_a_sweep_leaves_runs_and_one_table_with_intervals_over_seeds(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = [str(config), "--out", str(out), "--grid", "optimizer.learning_rate=0.2,1e38"]
    command += ["optimizer.momentum=0.9,0.5", "seed=0..1", "--optimizer.weight-decay", "0.001"]
    awaited, asked = Progress.awaited, 0

    def stopping(self: Progress, batches: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 15:
            signal.raise_signal(signal.SIGTERM)
        return awaited(self, batches)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "awaited", stopping)
        assert sweep.main(command) == 128 + signal.SIGTERM
    assert "the same command goes on" in capsys.readouterr().err
    assert sweep.main(command) == 0
    said = capsys.readouterr().out
    assert "8 members, 4 settings" in said
    assert "optimizer.learning_rate  dynamic  0.2, 1e+38" in said
    assert "compiles  1, each for 8 members" in said
    assert "timed steps" in said
    rows = table(out)
    assert len(rows) == 8
    ended = {(row["learning_rate"], row["ended"]) for row in rows}
    assert ended == {("0.2", "done"), ("1e+38", "diverged")}
    folder = RunFolder(out / "learning_rate=0.2,momentum=0.5" / "seed1")
    (row,) = [row for row in rows if row["folder"] == str(folder.path)]
    score = json.loads((folder.evaluations / "blocks-0-val.json").read_text())
    assert float(row["mean_iou"]) == score["mean_iou"]
    assert folder.experiment().method.optimizer.learning_rate == 0.2
    assert folder.experiment().method.optimizer.weight_decay == 0.001
    both = [row for row in rows if (row["learning_rate"], row["momentum"]) == ("0.2", "0.5")]
    expected = mean_and_interval([float(row["mean_iou"]) for row in both]).scaled(100.0)
    shown = f"| learning_rate 0.2, momentum 0.5 | {expected.mean:.1f} \u00b1 {expected.half_width:.1f} |"
    assert shown in (out / "results.md").read_text().replace("**", "")
    page = (out / "report.html").read_text()
    assert "learning_rate by momentum" in page
    assert page.count("<svg") >= 3
    assert "diverged" in page
    assert html.escape(f"python -m experiments.sweep {shlex.join(command)}") in page
    written = {path: path.stat().st_mtime_ns for path in out.rglob("metrics.jsonl")}
    assert sweep.main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("metrics.jsonl")} == written


def test_members_in_lock_step_are_measured_trained_and_scored(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["--grid", "optimizer.learning_rate=0.1,0.2,0.3", "--mode", "vmap", "--chunk", "2"]
    assert sweep.main([str(config), "--out", str(out), *words]) == 0
    said = capsys.readouterr().out
    assert "vmap: states stacked, in lock step, 2 at a time" in said
    assert "on each device for a chunk" in said
    assert "2 x a chunk, 8 steps of" in said
    assert [row["ended"] for row in table(out)] == ["done"] * 3


def test_a_dry_run_tells_the_plan_and_writes_nothing(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "--grid",
        "batch=2,4",
        "optimizer.learning_rate=1e-3..1:log",
        "seed=0..2",
        "--random",
        "4",
        "--dry-run",
    ]
    assert sweep.main([str(config), *words, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "12 members, 4 settings, drawn with seed 0" in said
    assert "batch                    static   2, 4" in said
    assert "0.001..1:log" in said
    assert "From shapes" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no axis"),
        (["--grid", "optimizer.learning_rte=1"], "did you mean --optimizer.learning-rate"),
        (["--grid", "optimizer.learning_rate=fast"], "could not convert string to float: 'fast'"),
        (["--grid", "seed=3..1"], "is empty"),
        (["--grid", "seed=0,1", "--chunk", "4", "--mode", "loop"], "loop runs one member after the other"),
        (["--grid", "seed=0,1", "--chunk", "-1", "--mode", "vmap"], "chunk: -1"),
        (["--grid", "seed=0,1", "--bach", "4"], "--bach is not known; did you mean --batch"),
    ],
)
def test_what_cannot_be_swept_is_told_in_one_line(config: Path, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        sweep.main([str(config), *words])
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_benchmark_times_a_sweep_against_separate_runs(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep.json"
    words = [
        "sweep",
        "--config",
        str(config),
        "--axis",
        "objective.source.weight",
        "--members",
        "2",
        "--steps",
        "2",
    ]
    command = [sys.executable, "-m", "experiments.benchmark", *words, "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["sweep"]
    assert set(rows) == {"separate", "loop"}
    assert rows["loop"]["ratio"] == pytest.approx(rows["separate"]["seconds"] / rows["loop"]["seconds"])


def test_the_benchmark_refuses_a_sweep_of_one() -> None:
    with pytest.raises(InputError, match="members, steps: 1, 100"):
        benchmark(["sweep", "--members", "1"])
