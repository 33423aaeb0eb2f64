"""Several runs scored together: a folder of their own, a row of the table, nothing overwritten."""

import dataclasses
import io
import json
from pathlib import Path

import pytest

from experiments import evaluate
from jaxseg import losses, report
from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, LabelSpace
from jaxseg.methods import SGD, ObjectiveMethod, Term
from jaxseg.train import Experiment, MeshShape, RunFolder, load_config, train, with_arguments
from tests.tiny import Blocks, network

CONFIG = """
from jaxseg import losses
from jaxseg.methods import SGD, ObjectiveMethod, Term
from jaxseg.train import Experiment, MeshShape
from tests.tiny import Blocks, network

def experiment():
    return Experiment(
        name="NAME",
        data=Blocks(count=4),
        target=Blocks(count=4, shift=60),
        method=ObjectiveMethod(
            network=network(),
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=STEPS,
            optimizer=SGD(learning_rate=0.5),
        ),
        batch=2,
        mesh=MeshShape(data=1),
    )
"""


@dataclasses.dataclass(frozen=True)
class Four(Blocks):
    """A data set of other classes."""

    @property
    def labels(self) -> LabelSpace:
        return CAMVID.subset("four", [0, 1, 2, 3])


def made(folder: Path, name: str, seed: int, steps: int) -> Path:
    config = folder / f"{name}.py"
    config.write_text(CONFIG.replace("NAME", name).replace("STEPS", str(steps)))
    options = ["--seed", str(seed)]
    run = RunFolder(folder / name / f"seed{seed}")
    experiment = with_arguments(load_config(config), options)
    run.open(experiment, config, options)
    train(experiment, run, stream=io.StringIO())
    return run.path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Path]:
    """Two methods of two seeds, each scored on test."""
    folder = tmp_path_factory.mktemp("ensemble")
    found = {
        (name, seed): made(folder, name, seed, steps)
        for name, steps in (("advent", 2), ("min-ent", 3))
        for seed in (0, 1)
    }
    for path in found.values():
        evaluate.evaluate_run(RunFolder(path), "test", quiet=True)
    return found


def test_an_ensemble_is_a_row_of_the_table_and_its_runs_stay_as_they_are(
    runs: dict[tuple[str, int], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for path in runs.values() for file in path.glob("evaluations/*")}
    for seed in (0, 1):
        words = [str(runs["advent", seed]), "--with", str(runs["min-ent", seed])]
        assert evaluate.main([*words, "--out", str(tmp_path / f"both/seed{seed}"), "--pictures", "1"]) == 0
    assert "blocks-60/test: 4 images, steps that differ; last checkpoint" in capsys.readouterr().out
    assert {file: file.read_bytes() for file in before} == before
    folder = tmp_path / "both/seed1"
    record = json.loads((folder / "evaluations/blocks-60-test.json").read_text())
    assert [(m["name"], m["seed"], m["step"]) for m in record["ensemble"]["members"]] == [
        ("advent", 1, 2),
        ("min-ent", 1, 3),
    ]
    assert record["step"] is None
    assert (record["ensemble"]["average"], record["images"]) == ("logits", 4)
    assert len(list((folder / "pictures/blocks-60-test").glob("*.prediction.png"))) == 1

    everyone = [*runs.values(), tmp_path / "both/seed0", tmp_path / "both/seed1"]
    target, _ = report.tables(report.group(report.read_runs(everyone))[0])
    rows = {row.experiment: row for row in target.rows}
    assert list(rows) == ["advent", "min-ent", "advent+min-ent"]
    assert rows["advent+min-ent"].seeds == (0, 1)
    assert rows["advent+min-ent"].gain is not None
    assert rows["advent+min-ent"].gain.n == 2
    assert len(target.protocols) == 1
    page = report.write(everyone, tmp_path / "report.html").read_text()
    assert (
        "advent+min-ent is the mean of the logits of advent (seed 0), min-ent (seed 0) and of other seeds"
        in page
    )
    assert "no training curves" not in page
    alone = report.write([folder], tmp_path / "alone.html").read_text()
    assert 'id="curves"' not in alone
    assert "An ensemble of 2 runs, seed 1." in alone
    assert "members.1.step" in alone.replace("<wbr>", "")


def test_the_same_ensemble_may_be_scored_again_and_on_another_split(
    runs: dict[tuple[str, int], Path], tmp_path: Path
) -> None:
    members = [RunFolder(runs["advent", seed]) for seed in (0, 1)]
    for split in ("test", "test", "val"):
        evaluate.evaluate_together(members, split, out=tmp_path / "e", average="probabilities", quiet=True)
    read = report.read_run(tmp_path / "e")
    assert (read.name, read.seed) == ("advent-of-2", None)  # of two seeds, so of none
    assert {name.rpartition("-")[2] for name in read.evaluations} == {"test", "val"}
    assert read.remarks == ()
    with pytest.raises(InputError, match="e holds another ensemble"):
        evaluate.evaluate_together(members, "test", out=tmp_path / "e", average="logits", quiet=True)


def test_one_run_may_be_scored_apart_under_another_protocol(
    runs: dict[tuple[str, int], Path], tmp_path: Path
) -> None:
    run, folder = runs["advent", 0], tmp_path / "advent-crf/seed0"
    before = {file: file.read_bytes() for file in run.glob("evaluations/*")}
    words = ["--name", "advent-crf", "--out", str(folder), "--evaluation.crf.iterations", "2"]
    assert evaluate.main([str(run), *words]) == 0
    assert {file: file.read_bytes() for file in before} == before
    read = report.read_run(folder)
    assert (read.name, read.seed) == ("advent-crf", 0)
    record = json.loads((folder / "evaluations/blocks-60-test.json").read_text())
    assert record["protocol"].endswith("single scale, dense CRF of 2 iterations")
    page = report.write([folder], tmp_path / "alone.html").read_text()
    assert "advent-crf is advent (seed 0), scored apart." in page
    assert "One run, scored apart, seed 0." in page


def test_what_cannot_be_an_ensemble_is_one_line_and_writes_nothing(
    runs: dict[tuple[str, int], Path], tmp_path: Path
) -> None:
    one, two = (str(runs[name, 0]) for name in ("advent", "min-ent"))
    other = RunFolder(tmp_path / "other")
    experiment = Experiment(
        name="other",
        data=Four(),
        method=ObjectiveMethod(
            network=network(4), objective={"s": Term(losses.SoftmaxCrossEntropy())}, steps=1, optimizer=SGD()
        ),
        mesh=MeshShape(data=1),
    )
    (tmp_path / "other.py").write_text("")
    other.open(experiment, tmp_path / "other.py", [])
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    ensemble = tmp_path / "ensemble"
    ensemble.mkdir()
    (ensemble / "config.json").write_text('{"name": "e", "seed": 0, "ensemble": {"members": []}}')
    cases = (
        ([one, "--with", str(other.path)], "other scores the 4 classes of four and .* the 3 of tiny"),
        ([one, "--with", f"{one}/../seed0"], "is given twice"),
        ([one, "--with", str(ensemble)], "ensemble is an ensemble; give the runs"),
        ([str(ensemble)], "ensemble is an ensemble; give the first of its runs"),
        ([one, "--with", str(tmp_path / "nowhere")], "nowhere is no run folder"),
        ([one, "--with", two, "--out", one], "holds a run; give --out another folder"),
        ([one, "--with", two, "--out", str(tmp_path / "full")], "full is not empty and no ensemble"),
        ([one, "--average", "logits"], "average: it is about several runs; give --with"),
        ([one, "--out", "x"], "out: it is about several runs"),
        ([one, "--with", two, "--average", "votes"], "average"),
    )
    for arguments, words in cases:
        with pytest.raises(InputError, match=words) as caught:
            evaluate.main(arguments)
        assert "\n" not in str(caught.value)
    assert (tmp_path / "full/notes.txt").read_text() == "mine"
    assert not (other.path / "evaluations").exists()
