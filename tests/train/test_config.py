"""Config files, command-line arguments, resolved records: right, or refused in one line that helps."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, MeanTeacher, ObjectiveMethod, Term, WarmStart
from jaxseg.train import Experiment, MeshShape, RunFolder, load_config, with_arguments
from jaxseg.train.experiment import differences, resolved
from tests.tiny import Blocks, network

CONFIG = """
from jaxseg import losses
from jaxseg.methods import SGD, ObjectiveMethod, Term
from jaxseg.train import Experiment
from tests.tiny import Blocks, network

def experiment():
    return Experiment(
        name="tiny",
        data=Blocks(),
        target=Blocks(shift=60),
        method=ObjectiveMethod(
            network=network(),
            objective={
                "source": Term(losses.SoftmaxCrossEntropy()),
                "target": Term(losses.MaximumSquaresImageWise(), weight=0.3, domain="target"),
            },
            steps=6,
            optimizer=SGD(learning_rate=0.1),
        ),
        batch=4,
    )
"""


def config(folder: Path, text: str = CONFIG) -> Path:
    path = folder / "config.py"
    path.write_text(text)
    return path


def experiment(**fields: Any) -> Experiment:
    method = ObjectiveMethod(
        network=network(), objective={"source": Term(losses.SoftmaxCrossEntropy())}, steps=6
    )
    return Experiment(**({"name": "tiny", "data": Blocks(), "method": method, "batch": 4} | fields))


def of_steps(main: int, warm: int | None = None) -> ObjectiveMethod:
    terms = {"source": Term(losses.SoftmaxCrossEntropy())}
    first = None if warm is None else WarmStart(steps=warm, objective=terms)
    return ObjectiveMethod(network(), terms, main, warm_start=first)


@pytest.mark.fast
def test_options_reach_nested_fields_without_a_prefix_for_the_method(tmp_path: Path) -> None:
    built = with_arguments(
        load_config(config(tmp_path)),
        [
            "--objective.target.weight",
            "0.2",
            "--objective.target.loss.alpha",
            "0.5",
            "--seed",
            "3",
            "--optimizer.learning-rate",
            "0.5",
            "--data.count",
            "7",
            "--steps",
            "9",
            "--mesh.space",
            "2",
        ],
    )
    assert built.method.objective["target"].weight == 0.2
    assert built.method.objective["target"].loss.alpha == 0.5
    assert built.method.objective["source"].weight == 1.0
    assert built.method.optimizer == SGD(learning_rate=0.5)
    assert (built.seed, built.data.count, built.method.steps, built.mesh.space) == (3, 7, 9, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--objective.target.wieght", "1"],
            "--objective.target.wieght is not known; did you mean --objective.target.weight",
        ),
        (["--sed", "1"], "--sed is not known; did you mean --seed"),
        (["--zzzzzzzz", "1"], "--help lists them"),
        (["--seed", "many"], "--seed.*many"),
    ],
)
def test_options_that_cannot_be_are_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        with_arguments(load_config(config(tmp_path)), arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "defines no function experiment"),
        ("def experiment():\n    return 3", "returned a int"),
    ],
)
def test_a_file_that_is_no_config_is_said_so(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_config(config(tmp_path, text))


def test_a_precision_that_the_config_has_built_in_is_not_undone_in_silence() -> None:
    built = dataclasses.replace(load_config(Path("configs/streets/source.py")), precision="bfloat16")
    with pytest.raises(InputError, match=r"--precision None leaves .* bfloat16; use float32"):
        with_arguments(built, ["--precision", "None"])
    assert with_arguments(built, ["--precision", "float32"]).precision == "float32"


def test_a_misspelt_config_path_is_answered_with_the_nearest(tmp_path: Path) -> None:
    config(tmp_path)
    with pytest.raises(InputError, match=r"did you mean .*config\.py"):
        load_config(tmp_path / "confg.py")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"batch": 0}, "batch: 0"),
        ({"checkpoint_every": 0}, "checkpoint_every: 0"),
        ({"evaluate_every": -1}, "evaluate_every: -1"),
        ({"method": of_steps(-3)}, "steps: phase 'train' has -3; it is 0 or more"),
        ({"method": of_steps(0)}, r"steps: 0 in all; .* experiments.evaluate"),
        ({"method": of_steps(-1, warm=2)}, "steps: phase 'train' has -1"),
        ({"method": of_steps(0, warm=-2)}, "steps: phase 'warm_start' has -2"),
        (
            {"method": MeanTeacher(network(), 6), "target": Blocks(shift=60), "diagnose_every": 2},
            "diagnose_every: MeanTeacher has no terms .* phase 'train'; leave it out",
        ),
    ],
)
def test_fields_that_do_not_fit_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        experiment(**fields).validate()


def test_a_phase_may_have_no_steps_where_another_has_some() -> None:
    experiment(method=of_steps(0, warm=1), diagnose_every=2).validate()
    experiment(method=of_steps(1, warm=0), diagnose_every=2).validate()


def test_class_count_and_missing_target_are_named() -> None:
    wrong = ObjectiveMethod(network=network(5), objective={"s": Term(losses.SoftmaxCrossEntropy())}, steps=1)
    with pytest.raises(InputError, match=r"scores 5 classes and the labels .tiny. have 3"):
        experiment(method=wrong).validate()
    unsupervised = ObjectiveMethod(
        network=network(), objective={"t": Term(losses.Entropy(), domain="target")}, steps=1
    )
    with pytest.raises(InputError, match=r"target: .* set a target data set"):
        experiment(method=unsupervised).validate()


def test_resolved_is_plain_json_and_names_types() -> None:
    weights = np.array([1.0, 2.0, 3.0], np.float32)
    method = ObjectiveMethod(
        network=network(), objective={"s": Term(losses.SoftmaxCrossEntropy(class_weights=weights))}, steps=1
    )
    plain = resolved(experiment(method=method))
    assert json.loads(json.dumps(plain)) == plain
    assert plain["method"]["objective"]["s"]["loss"]["type"] == "SoftmaxCrossEntropy"
    assert plain["method"]["objective"]["s"]["loss"]["class_weights"] == [1.0, 2.0, 3.0]
    assert plain["method"]["network"]["module"]["classes"] == 3
    assert plain["mesh"] == {"type": "MeshShape", "data": 0, "space": 1, "parameters": "replicated"}


def test_a_run_is_rebuilt_from_its_folder_and_refused_to_another_config(tmp_path: Path) -> None:
    path = config(tmp_path)
    arguments = ["--seed", "5"]
    first = with_arguments(load_config(path), arguments)
    folder = RunFolder(tmp_path / "run")
    folder.open(first, path, arguments)
    assert resolved(folder.experiment()) == resolved(first)
    (folder.checkpoints / "3").mkdir(parents=True)
    folder.open(first, path, arguments)
    moved = with_arguments(load_config(path), [*arguments, "--threads", "1", "--mesh.data", "1"])
    folder.open(moved, path, arguments)  # where it runs may change
    other = with_arguments(load_config(path), [*arguments, "--objective.target.weight", "0.7"])
    with pytest.raises(InputError, match=r"method.objective.target.weight: 0.3 -> 0.7"):
        folder.open(other, path, arguments)


def test_checkpoints_without_a_config_are_not_gone_on_with(tmp_path: Path) -> None:
    path = config(tmp_path)
    folder = RunFolder(tmp_path / "run")
    folder.open(load_config(path), path, [])
    (folder.checkpoints / "3").mkdir(parents=True)
    folder.config.unlink()
    with pytest.raises(InputError, match=r"holds checkpoints and no config.json.*; put that file back"):
        folder.open(load_config(path), path, [])
    assert not folder.config.exists()


def test_a_run_from_before_a_field_was_there_is_the_same_run(tmp_path: Path) -> None:
    path = config(tmp_path)
    folder = RunFolder(tmp_path / "run")
    folder.open(load_config(path), path, [])
    (folder.checkpoints / "3").mkdir(parents=True)
    record = folder.record()
    assert record["resolved"]["evaluation"].pop("scales") == []
    folder.config.write_text(json.dumps(record))
    folder.open(load_config(path), path, [])
    assert folder.experiment().evaluation.scales == ()


def test_a_run_that_never_saved_anything_gives_way_to_another_config(tmp_path: Path) -> None:
    path = config(tmp_path)
    folder = RunFolder(tmp_path / "run")
    folder.open(load_config(path), path, [])
    folder.open(with_arguments(load_config(path), ["--batch", "2"]), path, ["--batch", "2"])
    assert folder.experiment().batch == 2


def test_a_run_whose_code_has_changed_is_refused(tmp_path: Path) -> None:
    path = config(tmp_path)
    folder = RunFolder(tmp_path / "run")
    folder.open(load_config(path), path, [])
    (folder.path / "config.py").write_text(CONFIG.replace("steps=6", "steps=7"))
    with pytest.raises(InputError, match=r"no longer builds .*method.steps: 6 -> 7"):
        folder.experiment()


def test_a_folder_that_is_no_run_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run folder"):
        RunFolder(tmp_path).record()


def test_metrics_after_the_checkpoint_are_forgotten_with_a_cut_line(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for step in (1, 2, 3):
        folder.log({"kind": "train", "step": step})
    with folder.metrics.open("a") as file:
        file.write('{"kind": "tra')
    folder.forget_after(2)
    assert [json.loads(line)["step"] for line in folder.metrics.read_text().splitlines()] == [1, 2]


def test_differences_name_added_removed_and_changed_fields() -> None:
    assert differences({"a": 1, "b": [1]}, {"b": [2], "c": None, "d": 4}) == [
        "a: 1 -> None",
        "b: [1] -> [2]",
        "d: None -> 4",
    ]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("shape", "batch", "words"),
    [
        (MeshShape(data=3), 8, "8 images do not divide over 3 devices"),
        (MeshShape(), 6, "6 images do not divide over 8 devices"),
        (MeshShape(data=4, space=4), 8, "needs 16 devices and there are 8"),
        (MeshShape(space=0), 8, "space is at least 1"),
    ],
)
def test_meshes_that_do_not_fit_are_named(shape: MeshShape, batch: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        shape.build(batch)


def test_a_mesh_takes_what_space_leaves() -> None:
    mesh = MeshShape(space=2).build(8)
    assert dict(mesh.shape) == {"sweep": 1, "data": 4, "space": 2}
