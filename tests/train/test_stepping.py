"""What is said and measured beside the steps: gradients of terms, profiles, programs that are compiled anew."""

import contextlib
import dataclasses
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.methods import SGD, Method, ObjectiveMethod, Term, WarmStart
from jaxseg.train import Experiment, MeshShape, RunFolder, _program, train
from jaxseg.train._diagnosis import diagnosis
from jaxseg.train._stepping import PROFILED, Stepping
from tests.methods.adversaries import batch, single
from tests.methods.players import game
from tests.methods.test_dann import batch as of_images
from tests.methods.test_dann import method as dann
from tests.methods.test_label_adversary import method as label_adversary
from tests.models._fresh import QUICK
from tests.tiny import Blocks, network

OBJECTIVE = {
    "source": Term(losses.SoftmaxCrossEntropy()),
    "target": Term(losses.Entropy(), weight=0.3, domain="target"),
}


def trained(folder: Path, profile: Path | None = None, **fields: Any) -> tuple[Any, RunFolder, str]:
    method = ObjectiveMethod(
        network(normalize=True, dropout=0.1), OBJECTIVE, steps=9, optimizer=SGD(learning_rate=0.1)
    )
    mesh = MeshShape(data=1)
    experiment = Experiment(
        "stepping", Blocks(), method, target=Blocks(shift=60), batch=4, mesh=mesh, **fields
    )
    config = folder.parent / f"{folder.name}.py"
    config.write_text("")
    run, out = RunFolder(folder), io.StringIO()
    run.open(experiment, config, [])
    return train(experiment, run, stream=out, profile=profile), run, out.getvalue()


def test_diagnosis_finds_norms_and_cosines_of_very_different_gradients() -> None:
    rng = np.random.default_rng(0)
    gradients = {"source": rng.normal(size=50), "target": 1e-6 * rng.normal(size=50), "third": np.zeros(50)}
    objective = {**OBJECTIVE, "third": Term(losses.Focal(), weight=2.0)}
    warm = WarmStart(steps=1, objective={"source": Term(losses.SoftmaxCrossEntropy())})
    method = ObjectiveMethod(network(), objective, steps=1, warm_start=warm)

    def norm(weighted: Method) -> float:
        assert isinstance(weighted, ObjectiveMethod)
        total = sum(float(weighted.objective[name].weight) * gradient for name, gradient in gradients.items())
        return float(np.float32(np.linalg.norm(total)))

    found = diagnosis(method, 1, norm)
    for name, gradient in gradients.items():
        assert found["gradient_norms"][name] == pytest.approx(np.linalg.norm(gradient), rel=1e-6)
    a, b = gradients["source"], gradients["target"]
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert found["gradient_cosines"]["source,target"] == pytest.approx(cosine, abs=1e-6)
    assert found["gradient_cosines"]["source,third"] is None


ALONE = {"source": Term(losses.SoftmaxCrossEntropy(), weight=0.4)}


@pytest.mark.parametrize(
    ("method", "made", "weights"),
    [
        (single(objective=ALONE), batch, {"adversarial_main": 0.5}),
        (label_adversary(objective=ALONE), batch, {"adversarial": 0.7}),
        (dann(objective=ALONE), of_images, {"domain": 0.7}),
        (game(objective=ALONE), batch, {"encoder": 0.6, "encoder_classes": 1.0}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_game_is_measured_apart_from_the_objective(
    method: Any, made: Callable[[], Any], weights: dict[str, float]
) -> None:
    """The objective's gradient is that without the game, and with the game's it makes up that of the step."""
    given = made()
    step = jax.jit(type(method).step, static_argnums=3, compiler_options=QUICK)
    start = jax.jit(lambda image: method.begin(method.init(jnp.int32(0), image), 0), compiler_options=QUICK)
    state = start(given["source"]["image"])
    state = dataclasses.replace(state, step=jnp.int32(2))  # at step 0 DANN reverses nothing
    plain = ObjectiveMethod(method.network, ALONE, method.steps)
    without = plain.begin(dataclasses.replace(state, **method.variables(state)), 0)
    told = jax.jit(lambda given: plain.step(without, given, 0)[1], compiler_options=QUICK)(given)
    expected = float(told["gradient_norm"]) / 0.4

    found = diagnosis(method, 0, lambda other: float(step(other, state, given, 0)[1]["gradient_norm"]))
    norms, cosines = found["gradient_norms"], found["gradient_cosines"]
    weights = {"source": 0.4, **weights}
    assert norms["source"] == pytest.approx(expected, rel=1e-4)
    assert list(norms) == list(weights)
    assert list(norms.values())[1] > 0
    square = sum((weights[name] * norm) ** 2 for name, norm in norms.items())
    for pair, cosine in cosines.items():
        both = [weights[name] * norms[name] for name in pair.split(",")]
        square += 2 * (cosine or 0.0) * both[0] * both[1]  # None, where the discriminator reads no classes
    assert square**0.5 == pytest.approx(float(step(method, state, given, 0)[1]["gradient_norm"]), rel=1e-4)


def test_training_measures_its_terms_shows_a_profile_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    """The norm of the sum, which the step reports, follows from the terms' norms and their cosine."""
    expected, _, _ = trained(tmp_path / "plain")
    state, run, said = trained(tmp_path / "measured", profile=tmp_path / "profile", diagnose_every=4)
    jax.tree.map(np.testing.assert_array_equal, expected, state)
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    measured = [line for line in lines if line["kind"] == "diagnosis"]
    assert [line["step"] for line in measured] == [4, 8]
    steps = [line["step"] for line in lines]
    assert steps == sorted(steps)  # trackers leave out a line whose step goes back
    for line in measured:
        a, b = line["gradient_norms"]["source"], 0.3 * line["gradient_norms"]["target"]
        together = a**2 + b**2 + 2 * a * b * line["gradient_cosines"]["source,target"]
        (step,) = [each for each in lines if each["kind"] == "train" and each["step"] == line["step"]]
        assert together**0.5 == pytest.approx(step["gradient_norm"], rel=1e-4)
    assert f"profile of steps {PROFILED.start + 1} to {PROFILED.stop}" in said
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))
    assert "warning" not in said
    _, _, said = trained(tmp_path / "measured", profile=tmp_path / "again")  # it is trained already
    assert "no profile: it begins with the 4th step that is taken, and 0 were;" in said


def test_a_run_that_is_too_short_for_a_profile_says_so_and_ends_well(tmp_path: Path) -> None:
    notes = stepped((4,) * PROFILED.start, tmp_path / "profile")
    assert notes[-1].startswith("no profile: it begins with the 4th step that is taken, and 3 were;")
    assert not (tmp_path / "profile").exists()


def stepped(heights: Sequence[int], profile: Path | None = None) -> list[str]:
    """What is said while a step is taken on images of each of these heights, and at the end."""
    notes: list[str] = []
    mesh = MeshShape(data=1).build(2)
    method = ObjectiveMethod(network(), {"source": OBJECTIVE["source"]}, steps=3)
    stepping = Stepping(mesh, False, notes.append, lambda line: None, profile=profile)
    with jax.set_mesh(mesh), contextlib.closing(stepping):
        state = method.begin(method.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0)
        for number, height in enumerate(heights, start=1):
            part = {
                "image": jnp.zeros((2, height, 5, 3), jnp.uint8),
                "label": jnp.zeros((2, height, 5), jnp.uint8),
            }
            settings = (method, {}, None)
            state, _ = stepping(_program.step, settings, state, {"source": part}, 0, number)
        stepping.end()
    return notes


def test_a_step_that_is_compiled_again_says_what_changed() -> None:
    warnings = [note for note in stepped((4, 4, 6)) if note.startswith("warning")]
    assert len(warnings) == 1
    assert "batch['source']['image']: uint8[2,4,5,3] everywhere -> uint8[2,6,5,3] everywhere" in warnings[0]
    assert "state" not in warnings[0]
