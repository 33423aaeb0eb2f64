"""Labels of whole images, end to end: the trainer, evaluation, the commands, and what must be refused."""

import io
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import evaluate as evaluate_command
from experiments import predict
from experiments import train as train_command
from jaxseg import losses
from jaxseg.data.augment import ColorJitter, ScaleCropFlip
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Adam, ObjectiveMethod, Term
from jaxseg.train import (
    EvaluationProtocol,
    Experiment,
    MeshShape,
    RunFolder,
    Score,
    classify,
    evaluate,
    train,
)
from tests.tiny import SPACE, Blocks, Patches, classifier, network

CONFIG = """
from jaxseg import losses
from jaxseg.methods import Adam, ObjectiveMethod, Term
from jaxseg.train import EvaluationProtocol, Experiment, MeshShape
from tests.tiny import Patches, classifier

def experiment():
    return Experiment(
        name="patches",
        data=Patches(),
        target=Patches(shift=30),
        method=ObjectiveMethod(
            network=classifier(),
            objective={
                "source": Term(losses.SoftmaxCrossEntropy()),
                "target": Term(losses.MaximumSquares(), weight=0.1, domain="target"),
            },
            steps=30,
            optimizer=Adam(learning_rate=0.1),
        ),
        batch=8,
        evaluation=EvaluationProtocol(batch=8),
        evaluate_every=20,
        mesh=MeshShape(data=1),
    )
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that the train command made."""
    folder = tmp_path_factory.mktemp("classification")
    config = folder / "patches_config.py"
    config.write_text(CONFIG)
    assert train_command.main([str(config), "--run", str(folder / "run")]) == 0
    return folder / "run"


def test_a_run_gives_accuracies_and_never_speaks_of_pixels(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (score, *_) = evaluate_command.evaluate_run(RunFolder(trained), "test").values()
    assert score.counts.sum() == 19  # of 20 images one is unlabelled, and the last batch is padded by four
    assert score.counts.sum(axis=1).tolist() == [10, 7, 2]
    record = json.loads((trained / "evaluations" / "patches-30-test.json").read_text())
    hits = np.diag(record["confusion"])
    assert record["accuracy"] == pytest.approx(hits.sum() / 19)
    assert record["accuracy"] > 0.9
    assert record["class_accuracy"] == {
        name: pytest.approx(hit / n)
        for name, hit, n in zip(("left", "right", "top"), hits, (10, 7, 2), strict=True)
    }
    assert record["mean_class_accuracy"] == pytest.approx(np.mean(hits / [10, 7, 2]))
    assert record["protocol"] == "last checkpoint, input native size, one label an image, single scale"
    logged = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    evaluations = [line for line in logged if line["kind"] == "evaluation"]
    assert [line["step"] for line in evaluations] == [20, 20, 30, 30]
    assert {"accuracy", "mean_class_accuracy"} < set(evaluations[0])
    said = capsys.readouterr().out
    page = (trained / "report.html").read_text()
    assert "mean class accuracy" in said
    assert "accuracy of left to top" in page
    for text in (json.dumps(record), json.dumps(logged), said, page):
        assert not any(
            word in text for word in ("mIoU", "mean_iou", "IoU", "pixel accuracy", "pixel_accuracy")
        )
        assert "No pictures of" not in text


def test_figures_of_images_are_read_off_the_matrix() -> None:
    score = Score(
        on="patches/test",
        images=6,
        protocol=EvaluationProtocol(),
        counts=np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]),
        space=SPACE,
        seconds=1.0,
        task="classification",
    )
    assert score.figures == {
        "accuracy": pytest.approx(5 / 6),
        "mean_class_accuracy": pytest.approx((3 / 4 + 1) / 2),
    }
    assert score.of_classes == {"left": 0.75, "right": 1.0, "top": None}
    assert score.headline == "accuracy 83.3"
    assert "  top       absent\n  accuracy   83.33   mean class accuracy 87.50" in evaluate_command.table(
        score, 3
    )


@pytest.mark.slow
def test_eight_devices_compute_what_one_computes(tmp_path: Path) -> None:
    states = []
    for name, mesh in (("one", MeshShape(data=1)), ("batch", MeshShape(data=8)), ("rows", MeshShape(2, 4))):
        experiment = Experiment(
            name="patches",
            data=Patches(),
            target=Patches(shift=30),
            method=ObjectiveMethod(
                network=classifier(),
                objective={
                    "source": Term(losses.SoftmaxCrossEntropy()),
                    "target": Term(losses.MaximumSquares(), weight=0.3, domain="target"),
                },
                steps=1,
                optimizer=SGD(learning_rate=0.1),
            ),
            augment={"crop": ScaleCropFlip(size=(8, 8), scale=(0.8, 1.2)), "color": ColorJitter()},
            batch=8,
            mesh=mesh,
        )
        (tmp_path / f"{name}.py").write_text("")
        run = RunFolder(tmp_path / name)
        run.open(experiment, tmp_path / f"{name}.py", [])
        states.append(train(experiment, run, stream=io.StringIO()))
    for other in states[1:]:
        for x, y in zip(jax.tree.leaves(states[0]), jax.tree.leaves(other), strict=True):
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6)


def test_terms_on_whole_images_are_the_longhand_losses() -> None:
    rng = np.random.default_rng(0)
    images = {domain: rng.uniform(0, 255, (4, 6, 6, 3)).astype(np.float32) for domain in ("source", "target")}
    label = np.array([0, 2, 255, 1], np.int32)
    batch = {
        domain: {"image": jnp.asarray(image), "label": jnp.asarray(label), "valid": jnp.ones(4, bool)}
        for domain, image in images.items()
    }
    method = ObjectiveMethod(
        network=classifier(),
        objective={
            "source": Term(losses.SoftmaxCrossEntropy()),
            "target": Term(losses.MaximumSquares(), domain="target"),
        },
        steps=1,
    )
    state = method.begin(method.init(jnp.int32(0), jnp.zeros((1, 6, 6, 3))), 0)
    kernel = np.asarray(state.params["Dense_0"]["kernel"], np.float64)
    p = {}
    for domain, image in images.items():
        x = (image.astype(np.float64) - 127.5) / 127.5
        x = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
        scores = np.exp(x.mean((1, 2)) @ kernel)
        p[domain] = scores / scores.sum(-1, keepdims=True)
    _, metrics = jax.jit(method.step, static_argnums=2)(state, batch, 0)
    known = label < 3
    expected = -np.log(p["source"][known, label[known]]).mean()
    assert float(metrics["terms"]["source"]) == pytest.approx(expected, rel=1e-4)
    assert float(metrics["terms"]["target"]) == pytest.approx(
        -0.5 * (p["target"] ** 2).sum(-1).mean(), rel=1e-4
    )


def test_pictures_are_classified_and_nothing_is_written(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    green = np.zeros((300, 410, 3), np.uint8) + np.array([50, 200, 50], np.uint8)
    Image.fromarray(green).save(tmp_path / "green.png")
    for more in ([], ["--size", "8", "8", "--flip"]):
        assert (
            predict.main([str(trained), str(tmp_path / "green.png"), "--out", str(tmp_path / "o"), *more])
            == 0
        )
        assert capsys.readouterr().out.startswith(f"{tmp_path / 'green.png'}: right ")
    assert not (tmp_path / "o").exists()


def test_probabilities_sum_to_one_and_a_mirror_image_changes_nothing_that_is_symmetric() -> None:
    net = classifier()
    variables = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    plain = classify(net, variables, image, (8, 8))
    assert plain.sum() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(classify(net, variables, image, (8, 8), flip=True), plain, rtol=1e-5)


@pytest.mark.parametrize(
    ("net", "data", "words"),
    [
        (network(), Patches(), r"gives a map of predictions, the data one label an image; use a classifier"),
        (classifier(), Blocks(), r"gives one prediction an image, the data a label map; use a segmentation"),
    ],
)
def test_a_network_of_the_other_task_is_refused_in_training_and_scoring(
    net: Any, data: Any, words: str
) -> None:
    variables = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    with pytest.raises(InputError, match=words):
        evaluate(net, variables, data, "val", EvaluationProtocol())
    method = ObjectiveMethod(network=net, objective={"s": Term(losses.SoftmaxCrossEntropy())}, steps=1)
    state = method.begin(method.init(jnp.int32(0), jnp.zeros((1, 8, 8, 3))), 0)
    rows = data.source("train")[:2]
    part = {key: jnp.stack([jnp.asarray(row[key]) for row in rows]) for key in ("image", "label")}
    with pytest.raises(InputError, match=words):
        method.step(state, {"source": {**part, "valid": part["label"] < 255}}, 0)


def test_a_loss_of_areas_is_refused_in_one_line() -> None:
    method = ObjectiveMethod(
        network=classifier(),
        objective={"s": Term(losses.MaximumSquaresImageWise())},
        steps=1,
        optimizer=Adam(),
    )
    state = method.begin(method.init(jnp.int32(0), jnp.zeros((1, 8, 8, 3))), 0)
    part = {"image": jnp.zeros((2, 8, 8, 3)), "label": jnp.zeros(2, jnp.int32), "valid": jnp.ones(2, bool)}
    with pytest.raises(InputError, match=r"term.loss: MaximumSquaresImageWise cannot be used") as caught:
        method.step(state, {"source": part}, 0)
    assert "\n" not in str(caught.value)


def test_data_and_target_of_different_tasks_are_refused() -> None:
    method = ObjectiveMethod(network=network(), objective={"s": Term(losses.SoftmaxCrossEntropy())}, steps=1)
    with pytest.raises(InputError, match="data and target: one has a label an image, the other one a pixel"):
        Experiment(name="tiny", data=Blocks(), target=Patches(), method=method).validate()
