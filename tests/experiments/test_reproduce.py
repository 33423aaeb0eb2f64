"""Tables of rows: run, scored, gathered, and not run again."""

import json
from pathlib import Path

import pytest

from experiments import _rows, evaluate, train
from experiments._rows import Row, given_up_runs, record, run_rows
from experiments.reproduce.__main__ import main
from experiments.reproduce.items import ITEMS
from jaxseg.errors import InputError
from jaxseg.train import RunFolder, load_config, with_arguments
from jaxseg.train._lock import locked
from jaxseg.train.given_up import give_up

CONFIG = """
from jaxseg import losses
from jaxseg.methods import SGD, ObjectiveMethod, Term
from jaxseg.train import Experiment, MeshShape
from tests.tiny import Blocks, network

def experiment():
    return Experiment(
        name="{name}",
        data=Blocks(),
        target=Blocks(shift=60),
        method=ObjectiveMethod(
            network=network(normalize=True),
            objective={{"source": Term(losses.SoftmaxCrossEntropy())}},
            steps=3,
            optimizer=SGD(learning_rate=0.1),
        ),
        batch=4,
        mesh=MeshShape(data=1),
    )
"""


def test_rows_are_run_once_scored_and_recorded(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(CONFIG.format(name=name))
    rows = (
        Row("first", tmp_path / "first.py"),
        Row("second", tmp_path / "second.py", ("--optimizer.learning-rate", "0.2"), after="first"),
        Row("both", together=("first", "second")),
        Row("again", None, ("--evaluation.flip",), together=("first",)),
    )
    out = tmp_path / "out"
    folders = run_rows(rows, [0], out, [], "test")
    assert [path.relative_to(out) for path in folders] == [
        Path("first/seed0"),
        Path("second/seed0"),
        Path("both/seed0"),
        Path("again/seed0"),
    ]
    found = record(rows, folders)
    assert [row["row"] for row in found] == ["first", "second", "both", "again"]
    assert found[-1]["options"] == ["--evaluation.flip"]
    protocols = [
        json.loads((out / f"{row}/seed0/evaluations/blocks-60-test.json").read_text())["protocol"]
        for row in ("first", "again")
    ]
    assert ["flip" in protocol for protocol in protocols] == [False, True]
    for row in found:
        scores = row["seeds"]["seed0"]["scores"]
        assert list(scores) == ["blocks-60/test", "blocks-0/test"]  # the target first, whatever their names
        assert all(0.0 <= score["mean_iou"] <= 1.0 for score in scores.values())
    config = json.loads((out / "second/seed0/config.json").read_text())
    assert found[1]["seeds"]["seed0"].get("commit") == config["versions"].get("commit")
    settings = config["resolved"]
    assert settings["initialize"] == str(out / "first/seed0")
    assert settings["method"]["optimizer"]["learning_rate"] == 0.2
    written = {path: path.stat().st_mtime_ns for path in out.rglob("metrics.jsonl")}
    assert len(written) == 2
    run_rows(rows, [0], out, [], "test")
    assert {path: path.stat().st_mtime_ns for path in out.rglob("metrics.jsonl")} == written
    lost = out / "first/seed0/evaluations/blocks-0-test.json"
    lost.unlink()  # as where the command was killed between two scores
    run_rows(rows[:1], [0], out, [], "test")
    assert lost.is_file()
    ours = json.loads(lost.read_text()) | {"seconds": None}
    evaluate.main([str(out / "first/seed0"), "--evaluation.flip"])  # by hand, under another protocol
    assert json.loads(lost.read_text()) | {"seconds": None} != ours
    run_rows(rows[:1], [0], out, [], "test")
    assert json.loads(lost.read_text()) | {"seconds": None} == ours


def test_a_row_that_diverges_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(CONFIG.format(name="good"))
    (tmp_path / "bad.py").write_text(CONFIG.format(name="bad"))
    rows = (
        Row("bad", tmp_path / "bad.py", ("--optimizer.learning-rate", "1e30")),
        Row("after", tmp_path / "good.py", after="bad"),
        Row("both", together=("bad", "good")),
        Row("good", tmp_path / "good.py"),
    )
    out = tmp_path / "out"
    folders = run_rows(rows, [0], out, [], "test")
    assert folders == [out / "good/seed0"]
    more = (rows[3], Row("better", tmp_path / "good.py"))
    # By rows, the first first, whatever seed it lost.
    give_up(
        RunFolder(out / "better/seed0"), with_arguments(load_config(more[1].config), ["--seed", "0"]), "x"
    )
    order = [out / "better/seed1", out / "good/seed0", out / "good/seed1"]
    assert run_rows(more[::-1], [0, 1], out, [], "test") == order
    lines = given_up_runs(rows, [0], out, folders)
    assert [line.split(":")[0] for line in lines] == ["bad, seed 0", "after, seed 0", "both, seed 0"]
    assert "no run. term 'source' is nan at step" in lines[0]
    assert not (out / "after").exists()
    written = (out / "bad/seed0/metrics.jsonl").read_bytes()
    assert run_rows(rows, [0], out, [], "test") == folders  # tried once
    assert (out / "bad/seed0/metrics.jsonl").read_bytes() == written
    found = record(rows, folders)
    assert [set(row["seeds"]) for row in found] == [set(), set(), set(), {"seed0"}]


def test_a_run_that_another_process_trains_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(CONFIG.format(name="first"))
    rows, out = (Row("first", tmp_path / "first.py"),), tmp_path / "out"
    folder = RunFolder(out / "first/seed0")
    with locked(folder.path / ".lock"):
        folder.open(load_config(rows[0].config), rows[0].config, [])
        written = folder.config.read_text()
        with pytest.raises(InputError, match="is being trained by process"):
            run_rows(rows, [0], out, ["--batch", "2"], "test")
        assert folder.config.read_text() == written


@pytest.mark.fast
def test_the_list_names_every_item_and_a_misspelt_one_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    shown = capsys.readouterr().out
    assert all(item.name in shown and item.title in shown for item in ITEMS)
    with pytest.raises(InputError, match=r"'maxsquare.gta' is not known; did you mean maxsquare.gta5\?"):
        main(["maxsquare.gta"])
    with pytest.raises(InputError, match=r"rows: maxsquare.gta5 has no 'maxsquares', only source, "):
        main(["maxsquare.gta5", "--rows", "maxsquares"])
    with pytest.raises(InputError, match="seeds: 0; at least 1"):
        main(["maxsquare.gta5", "--seeds", "0"])


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
def test_every_row_of_an_item_can_be_built_and_starts_from_an_earlier_one(item) -> None:
    earlier: set[str] = set()
    names: set[str] = set()
    for row in item.rows:
        assert {*row.together, *([row.after] if row.after else [])} <= earlier
        if row.config is not None:
            experiment = load_config(row.config)
            experiment = with_arguments(experiment, list(row.options)) if row.options else experiment
            experiment.validate()
            assert experiment.name not in names  # by which reports tell rows apart
            names.add(experiment.name)
        earlier.add(row.name)
    assert all(row.config.is_file() for row in item.published if row.config is not None)


def test_the_papers_scale_names_everything_that_is_missing_in_one_line() -> None:
    with pytest.raises(InputError) as caught:
        main(["maxsquare.gta5", "--scale", "paper"])
    message = str(caught.value)
    assert "gta5: no folder given" in message
    assert "cityscapes: no folder given" in message
    assert "DeepLab_resnet_pretrained_init" in message
    assert "\n" not in message


def test_options_of_a_target_go_to_the_data_of_what_trains_on_it(tmp_path: Path) -> None:
    words = ["--target.count", "3", "--data.size", "96", "128", "--target.shift=60", "--batch=4"]
    for name, domains in (
        ("adapts", "target=Blocks(shift=60)"),
        ("source", ""),
        ("oracle", "data=Blocks(shift=60)"),
    ):
        given = domains if domains.startswith("data") else f"data=Blocks(),\n        {domains}"
        text = CONFIG.format(name=name).replace("data=Blocks(),\n        target=Blocks(shift=60)", given)
        (tmp_path / f"{name}.py").write_text(text.replace(",\n        ,", ","))
    rows = [Row(name, tmp_path / f"{name}.py") for name in ("adapts", "source", "oracle")]
    targets = _rows.target_names(rows)
    assert targets == {"blocks-60"}
    adapts, source, oracle = (_rows.with_fields(load_config(row.config), words, targets) for row in rows)
    assert adapts == words
    assert source == ["--data.size", "96", "128", "--batch=4"]
    assert oracle == ["--data.count", "3", "--data.shift=60", "--batch=4"]
    assert _rows.with_fields(load_config(rows[2].config), words, set()) == source
    given = ["--target.count", "6", "--steps", "1"]
    (alone,) = run_rows(rows[2:], [0], tmp_path / "out", given, "test", table=rows)  # as --rows oracle
    assert RunFolder(alone).experiment().data.count == 6


def test_a_config_file_is_listed_with_the_tables_it_is_a_row_of(capsys: pytest.CaptureFixture[str]) -> None:
    config = Path("configs/dusk/wasserstein_huber.py")
    (item,) = [item for item in ITEMS if item.name == "wasserstein.table3_dusk"]
    assert main([str(config.resolve()), "--list"]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if not line.startswith(" ")] == ["wasserstein.table3_dusk"]
    assert train.dry_run(load_config(config), config) == 0
    told = capsys.readouterr().out
    assert f"in the tables\n  wasserstein.table3_dusk  {item.title}\n" in told
    for nothing in ("configs/streets/own_nnx.py", "no-such"):
        with pytest.raises(InputError, match=f"no table or figure is or has {nothing!r}"):
            main([nothing, "--list"])
