"""Reading run folders: what is there, what is missing, what is no run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jaxseg import report
from jaxseg.errors import InputError

MakeRun = Callable[..., Path]


@pytest.mark.fast
def test_a_whole_run_is_read_without_remarks(make_run: MakeRun) -> None:
    run = report.read_run(make_run("oracle", 3, mean_iou=0.5, pictures=("a", "b.c")))
    assert (run.name, run.seed, run.config_file, run.arguments) == (
        "oracle",
        3,
        "configs/demo.py",
        ("--seed", "3"),
    )
    assert [record["step"] for record in run.train] == list(range(1, 9))
    assert [record["on"] for record in run.progress] == ["target/val"]
    evaluation = run.evaluations["target-test"]
    assert (evaluation.on, evaluation.step, evaluation.images, evaluation.mean_iou) == (
        "streets-real/test",
        8,
        20,
        0.5,
    )
    assert evaluation.labels.names[3] == "road"
    assert evaluation.iou["road"] == 0.5
    assert evaluation.group_mean_iou == {"1": 0.9, "4": 0.2}
    assert set(run.pictures["target-test"]) == {"a", "b.c"}
    assert all(run.pictures["target-test"]["b.c"].__dict__.values())
    assert run.remarks == ()


@pytest.mark.fast
def test_what_is_no_run_is_an_input_error(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: there is no such folder"):
        report.read_run(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: this is no run folder, it has no config\.json"):
        report.read_run(tmp_path / "empty")
    run = make_run(folder="inner")
    with pytest.raises(InputError, match=r"give the runs inside it: inner"):
        report.read_run(run.parent)
    with pytest.raises(InputError, match="this is no run folder"):
        report.read_run(run / "config.json")
    with pytest.raises(InputError, match="no run folder is given"):
        report.read_runs([])


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff"])
def test_a_damaged_config_is_an_input_error(make_run: MakeRun, text: str) -> None:
    run = make_run()
    (run / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"config\.json: "):
        report.read_run(run)


def test_a_cut_last_line_is_left_out_and_said(make_run: MakeRun) -> None:
    run = make_run()
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"kind": "train", "step": 9, "lo')
    read = report.read_run(run)
    assert read.train[-1]["step"] == 8
    assert read.remarks == ("metrics.jsonl: line 10 is cut off and left out.",)


def test_damaged_lines_in_the_middle_are_left_out_and_counted(make_run: MakeRun) -> None:
    run = make_run()
    lines = (run / "metrics.jsonl").read_text().splitlines()
    lines[2], lines[4] = "[1, 2]", '{"kind": "train", "step": "five"}'
    (run / "metrics.jsonl").write_text("\n".join(lines))
    read = report.read_run(run)
    assert [record["step"] for record in read.train] == [1, 2, 4, 6, 7, 8]
    assert read.remarks == ("metrics.jsonl: 2 lines (first: 3) cannot be read and left out.",)


def test_steps_that_a_resumed_run_repeats_are_taken_from_the_resumed_part(make_run: MakeRun) -> None:
    run = make_run(steps=3)
    again = [{"kind": "train", "step": step, "loss": 9.0} for step in (2, 3, 4)]
    again += [
        {"kind": "evaluation", "step": 3, "on": on, "mean_iou": 0.6} for on in ("target/val", "source/val")
    ]
    with open(run / "metrics.jsonl", "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in again)
    read = report.read_run(run)
    assert [(record["step"], record["loss"]) for record in read.train] == [
        (1, 2.0),
        (2, 9.0),
        (3, 9.0),
        (4, 9.0),
    ]
    assert sorted((record["on"], record["mean_iou"]) for record in read.progress) == [
        ("source/val", 0.6),
        ("target/val", 0.6),
    ]


def test_missing_and_damaged_parts_become_remarks(make_run: MakeRun) -> None:
    run = make_run(mean_iou=None)
    (run / "metrics.jsonl").unlink()
    (run / "evaluations").mkdir()
    (run / "evaluations" / "bad.json").write_text("{")
    (run / "evaluations" / "odd.json").write_text(json.dumps({"labels": {"names": ["a"], "palette": []}}))
    read = report.read_run(run)
    assert read.train == read.progress == ()
    assert read.evaluations == {}
    assert read.pictures == {}
    told = " ".join(read.remarks)
    for words in (
        "metrics.jsonl is missing",
        "evaluations/bad.json cannot be read",
        "evaluations/odd.json",
        "No eval",
    ):
        assert words in told


def test_a_config_without_facts_still_gives_a_run(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text("{}")
    run = report.read_run(tmp_path / "bare")
    assert (run.name, run.seed, run.labels, run.config) == ("bare", None, None, {})


def test_runs_of_one_name_are_grouped_and_a_repeated_seed_counts_once(make_run: MakeRun) -> None:
    folders = [
        make_run("a", 1, folder="first"),
        make_run("b", 0),
        make_run("a", 0),
        make_run("a", 1, folder="later"),
    ]
    experiments, remarks = report.group(report.read_runs([*folders, folders[1]]))
    assert [(e.name, e.seeds) for e in experiments] == [("a", (0, 1)), ("b", (0,))]
    assert experiments[0].runs[1].path == folders[3]
    assert len(remarks) == 1
    assert "first is left out" in remarks[0]
