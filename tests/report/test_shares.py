"""The section on where the gradient comes from: what it tells, and that it is there only where it was recorded."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

from jaxseg.report import _shares, write
from jaxseg.report.runs import group, read_runs


def recorded(run: Path, gradient: list[list[float]], ascent: float) -> Path:
    """The run with shares of three bins in each of its training records, in turn."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    turn = itertools.cycle(gradient)
    for line in lines:
        if line["kind"] == "train":
            line["gradient_share"] = dict(zip(("0.0", "0.5", "0.9"), next(turn), strict=True))
            line["pixel_share"] = {"0.0": 0.25, "0.5": 0.25, "0.9": 0.5}
            line["ascent_share"] = ascent
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def test_means_over_training_and_runs_are_told(make_run: Callable[..., Path]) -> None:
    runs = [
        recorded(make_run("conservative", 0), [[0.5, 0.1, 0.4], [0.3, 0.1, 0.6]], 0.0),
        recorded(make_run("conservative", 1), [[0.2, 0.2, 0.6]], 0.0),
        recorded(make_run("switched", 0), [[0.1, 0.2, 0.7]], 0.8),
    ]
    experiments, _ = group(read_runs(runs))
    page = str(_shares.shares(experiments, (f"plot{i}-" for i in itertools.count())))
    # (0.5 + 0.3) / 2 and 0.2: their mean; 0.5 and 0.6.
    for number in ("30.0", "15.0", "55.0", "10.0", "20.0", "70.0"):
        assert f">{number}<" in page, number
    assert page.count("<svg") == 4 + 2  # four plots, and the key's two strokes
    assert "Where the gradient comes from" in write(runs, runs[0] / "page.html").read_text()


def test_without_records_there_is_no_section(make_run: Callable[..., Path]) -> None:
    experiments, _ = group(read_runs([make_run("plain")]))
    assert _shares.shares(experiments, iter(())) == ""
