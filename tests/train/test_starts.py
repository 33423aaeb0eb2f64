"""What an experiment starts from, and numbers that cannot be: told before a folder is made."""

import dataclasses
import io
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import evaluate, sweep
from experiments.reproduce import __main__ as listing
from jaxseg import losses, models
from jaxseg.data.augment import FourierSwap
from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace
from jaxseg.methods import SGD, Adam, MeanTeacher, ObjectiveMethod, OneOf, Term, WarmStart
from jaxseg.models import LinenNetwork, Normalization
from jaxseg.train import (
    EvaluationProtocol,
    Experiment,
    RunFolder,
    check,
    load_config,
    train,
    trainer,
    variables_of,
)
from jaxseg.train._variables import drawing_size, given_variables, with_target
from tests.tiny import Blocks, network
from tests.train.test_inputs import experiment, trained

CONFIG = """
from tests.train.test_inputs import experiment as built

def experiment():
    return built()
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("starts") / "tiny.py"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def start(config: Path) -> Path:
    """A run that others may start from."""
    built, folder = load_config(config), RunFolder(config.parent / "run")
    folder.open(built, config, [])
    train(built, folder, stream=io.StringIO())
    return folder.path


def begun_from(start: Path, net: LinenNetwork | None = None, **fields: Any) -> Experiment:
    built = experiment(initialize=start, **fields)
    return dataclasses.replace(built, method=dataclasses.replace(built.method, network=net or network()))


def test_a_run_of_the_same_network_may_be_started_from(start: Path) -> None:
    check(begun_from(start))


def test_a_run_of_another_network_is_refused_and_the_arrays_named(start: Path, tmp_path: Path) -> None:
    other = begun_from(start, network(normalize=True))
    words = r"initialize: .*run is another one: batch_stats\..* is missing there and of shape \(3,\) here"
    with pytest.raises(InputError, match=words):
        check(other)
    with pytest.raises(InputError, match=r"initialize: the network of"):
        trained(tmp_path / "other", other)  # also where nobody checked
    darker = dataclasses.replace(network(), normalization=Normalization(order="bgr"))
    with pytest.raises(
        InputError, match=r"initialize: the weights of .*set network\.normalization to theirs"
    ):
        check(begun_from(start, darker))


def test_a_run_on_other_classes_starts_from_all_but_the_head(
    start: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @dataclasses.dataclass(frozen=True)
    class Halves(Blocks):
        @property
        def labels(self) -> LabelSpace:
            return LabelSpace("halves", ("near", "far"), ((0, 0, 0), (9, 9, 9)), {0: 0, 1: 1, 2: 1, 255: 255})

    net = dataclasses.replace(network(2), head=("Dense_0",))
    built = begun_from(start, net, data=Halves(), target=Halves(shift=60))
    with pytest.raises(InputError, match=r"run: .* other classes .*; .*start with --no-initialize-head"):
        check(built)
    built = dataclasses.replace(built, initialize_head=False)
    check(built)
    fresh = net.init(jax.random.key(0), jnp.zeros((1, 8, 16, 3)))
    given = given_variables(built, start, fresh)
    assert "all but its head (Dense_0) is taken" in capsys.readouterr().err
    jax.tree.map(np.testing.assert_array_equal, given, fresh)  # this network is nothing but its head
    wide = dataclasses.replace(network(), head=())
    trained = variables_of(RunFolder(start))[1]
    given = given_variables(begun_from(start, wide, initialize_head=False), start, fresh)
    jax.tree.map(np.testing.assert_array_equal, given, trained)


def test_networks_that_need_large_images_are_read_too() -> None:
    assert drawing_size(models.fcn8s(3, variant="metapix", width=0.02)) == (193, 193)
    assert drawing_size(network()) == (64, 64)


def test_scores_of_parts_of_a_batch_are_those_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statistics of a target that was not read yet are the source's, in training as afterwards."""
    net = dataclasses.replace(network(normalize=True), per_domain=True)
    source, target = (Term(losses.SoftmaxCrossEntropy(), domain=domain) for domain in ("source", "target"))
    warm = WarmStart(steps=2, objective={"source": source})
    method = ObjectiveMethod(net, {"source": source, "target": target}, steps=1, warm_start=warm)
    scored: list[Any] = []

    def noted(*given: Any) -> dict[str, Any]:
        scored.append(with_target(*given))
        return scored[-1]

    monkeypatch.setattr(trainer, "with_target", noted)
    trained(tmp_path / "run", experiment(method=method, accumulate=2, evaluate_every=2))
    stats = scored[0]["batch_stats"]
    jax.tree.map(np.testing.assert_array_equal, stats["source"], stats["target"])
    assert np.abs(stats["source"]["BatchNorm_0"]["mean"]).max() > 0


@pytest.mark.parametrize("seed", [2**31, -(2**31) - 1])
def test_seeds_have_32_bits(seed: int) -> None:
    with pytest.raises(InputError, match=rf"seed: {seed}; it is a number of 32 bits"):
        check(experiment(seed=seed))


def test_a_network_that_scores_other_classes_than_it_says_is_told(tmp_path: Path) -> None:
    net = dataclasses.replace(network(2), classes=3)
    method = ObjectiveMethod(net, {"source": Term(losses.SoftmaxCrossEntropy())}, steps=1)
    with pytest.raises(
        InputError, match=r"network\.classes: 3, and its 'logits' output scores 2; build its module"
    ):
        trained(tmp_path / "run", experiment(method=method))


def with_loss(loss: losses.Loss) -> Experiment:
    method = ObjectiveMethod(network=network(), objective={"source": Term(loss)}, steps=3)
    return experiment(method=method)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (
            losses.MaximumSquaresImageWise(variant="relased"),
            "variant: 'relased' given; one of 'paper', 'released'",
        ),
        (losses.Conservative(clamp_on="foo"), "clamp_on: 'foo' given"),
        (losses.StructuralSimilarity(size=4), "size: 4 given; an odd number"),
        (losses.Wasserstein(ground=np.eye(2)), "ground: "),  # of two classes, not three
    ],
)
def test_a_loss_that_refuses_its_fields_is_told_with_its_option(loss: losses.Loss, words: str) -> None:
    with pytest.raises(
        InputError, match=rf"^objective\.source\.loss: {type(loss).__name__} refuses it: {words}"
    ):
        with_loss(loss).validate()


def test_losses_deep_in_an_objective_are_tried_too() -> None:
    either = OneOf(
        {"a": {"one": Term(losses.SoftmaxCrossEntropy())}, "b": {"two": Term(losses.Focal())}}, chosen="a"
    )
    objective = {"labels": either}
    built = experiment(method=ObjectiveMethod(network=network(), objective=objective, steps=3))
    built.validate()
    wrong = {"labels": dataclasses.replace(either, objectives={"a": {"one": Term(losses.SSIM(size=2))}})}
    with pytest.raises(
        InputError, match=r"^objective\.labels\.objectives\.a\.one\.loss: SSIM refuses it: size: 2"
    ):
        dataclasses.replace(built, method=dataclasses.replace(built.method, objective=wrong)).validate()


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (SGD(learning_rate=-0.1), r"optimizer\.learning_rate: -0\.1; at least 0, and finite"),
        (SGD(learning_rate=math.nan), r"optimizer\.learning_rate: nan"),
        (SGD(momentum=1.0), r"optimizer\.momentum: 1; at least 0 and below 1"),
        (Adam(b1=1.5), r"optimizer\.b1: 1\.5"),
        (Adam(weight_decay=math.inf), r"optimizer\.weight_decay: inf"),
    ],
)
def test_numbers_of_an_optimizer_that_cannot_be(optimizer: Any, words: str) -> None:
    built = experiment()
    method = dataclasses.replace(built.method, optimizer=optimizer)
    with pytest.raises(InputError, match=words):
        dataclasses.replace(built, method=method).validate()


def test_other_numbers_that_cannot_be() -> None:
    with pytest.raises(InputError, match=r"translate\.beta: 2; a share"):
        experiment(translate=FourierSwap(beta=2.0)).validate()
    teacher = MeanTeacher(network=network(), steps=3, decay=1.5)
    with pytest.raises(InputError, match=r"decay: 1\.5; the share of the teacher"):
        experiment(method=teacher).validate()


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (EvaluationProtocol(size=(0, 0)), r"evaluation\.size: 0x0; give a height and a width"),
        (EvaluationProtocol(batch=0), r"evaluation\.batch: 0; at least 1"),
        (EvaluationProtocol(scales=(-1.0,)), r"evaluation\.scales: "),
    ],
)
def test_a_protocol_that_cannot_be_is_told_before_training(protocol: EvaluationProtocol, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(experiment(evaluation=protocol))


def test_a_size_that_the_network_cannot_score_is_told_before_training() -> None:
    class Even(type(network())):  # type: ignore[misc]
        def validate(self, height: int, width: int) -> None:
            if height % 8:
                raise InputError(f"image size {height}x{width}: use multiples of 8")

    built = experiment()
    even = Even(**{field.name: getattr(network(), field.name) for field in dataclasses.fields(network())})
    method = dataclasses.replace(built.method, network=even)
    check(dataclasses.replace(built, method=method))
    scored = dataclasses.replace(built, method=method, evaluation=EvaluationProtocol(scales=(1.0, 1.5)))
    with pytest.raises(InputError, match=r"evaluation\.size: images are scored at 12x24: image size 12x24"):
        check(scored)


def test_options_that_would_change_nothing_of_a_scored_run_are_refused(start: Path) -> None:
    assert evaluate.main([str(start), "--evaluation.flip", "--threads", "1", "--pictures", "1"]) == 0
    for words in (["--seed", "7"], ["--batch", "2"], ["--objective.source.weight", "5"]):
        with pytest.raises(InputError, match=r"options: .* would change nothing of a run that is trained"):
            evaluate.main([str(start), *words])


def test_options_that_would_change_nothing_of_a_sweep_or_a_list_are_refused(config: Path) -> None:
    with pytest.raises(InputError, match="draw_seed: nothing is drawn without --random"):
        sweep.main([str(config), "--grid", "seed=0..1", "--draw-seed", "3", "--dry-run"])
    with pytest.raises(InputError, match="grid: seed is an axis and an option"):
        sweep.main([str(config), "--grid", "seed=0..1", "--seed", "5", "--dry-run"])
    for words in (["--seeds", "3"], ["--rows", "ce"], ["--scale", "paper"], ["--out", "x"]):
        with pytest.raises(InputError, match=f"{words[0][2:]}: it would change nothing of a list"):
            listing.main(["maxsquare.gta5", "--list", *words])
