"""The accuracy of adversaries is drawn where it was logged, and nowhere else."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

from jaxseg.report import _sections
from jaxseg.report.runs import group, read_runs


def test_the_accuracy_of_a_discriminator_is_a_plot_in_percent(make_run: Callable[..., Path]) -> None:
    run = make_run("game", steps=2)
    plain = str(_sections.curves(group(read_runs([run]))[0], (f"a{i}-" for i in itertools.count())))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        if line["kind"] == "train":
            line["discriminator_accuracy"] = 0.5 + 0.1 * line["step"]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = str(_sections.curves(group(read_runs([run]))[0], (f"b{i}-" for i in itertools.count())))
    assert "discriminator accuracy" not in plain
    assert told.count("<figcaption>discriminator accuracy (%)</figcaption>") == 1
    assert told.count("<svg") == plain.count("<svg") + 1
    assert ">60<" in told.partition("discriminator accuracy")[2]  # a tick of the axis, in percent
