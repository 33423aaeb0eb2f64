"""What is said and measured beside the steps: gradients of terms, profiles, programs that are compiled anew."""

import io
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Method, ObjectiveMethod, Term, WarmStart
from jaxseg.train import Experiment, MeshShape, RunFolder, _program, train
from jaxseg.train._diagnosis import diagnosis, terms_of
from jaxseg.train._stepping import PROFILED, Stepping
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
    assert list(terms_of(method, 0)) == ["source"]


def test_a_method_without_terms_is_told() -> None:
    class Bare(Method):
        phases = ObjectiveMethod(network(), OBJECTIVE, steps=1).phases

    with pytest.raises(InputError, match="Bare has no weighted terms"):
        diagnosis(Bare(), 0, lambda method: 0.0)


def test_training_measures_its_terms_shows_a_profile_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    """The norm of the sum, which the step reports, follows from the terms' norms and their cosine."""
    expected, _, _ = trained(tmp_path / "plain")
    state, run, said = trained(tmp_path / "measured", profile=tmp_path / "profile", diagnose_every=4)
    jax.tree.map(np.testing.assert_array_equal, expected, state)
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    measured = [line for line in lines if line["kind"] == "diagnosis"]
    assert [line["step"] for line in measured] == [4, 8]
    for line in measured:
        a, b = line["gradient_norms"]["source"], 0.3 * line["gradient_norms"]["target"]
        together = a**2 + b**2 + 2 * a * b * line["gradient_cosines"]["source,target"]
        (step,) = [each for each in lines if each["kind"] == "train" and each["step"] == line["step"]]
        assert together**0.5 == pytest.approx(step["gradient_norm"], rel=1e-4)
    assert f"profile of steps {PROFILED.start + 1} to {PROFILED.stop}" in said
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))
    assert "warning" not in said


def test_a_step_that_is_compiled_again_says_what_changed() -> None:
    notes: list[str] = []
    mesh = MeshShape(data=1).build(2)
    method = ObjectiveMethod(network(), {"source": OBJECTIVE["source"]}, steps=3)
    with jax.set_mesh(mesh):
        state = method.begin(method.init(jnp.int32(0), jnp.zeros((1, 4, 5, 3))), 0)
        stepping = Stepping(mesh, False, notes.append, lambda line: None)
        for number, height in enumerate((4, 4, 6), start=1):
            part = {
                "image": jnp.zeros((2, height, 5, 3), jnp.uint8),
                "label": jnp.zeros((2, height, 5), jnp.uint8),
            }
            settings = (method, {}, None)
            state, _ = stepping(_program.step, settings, state, {"source": part}, 0, number)
    warnings = [note for note in notes if note.startswith("warning")]
    assert len(warnings) == 1
    assert "batch['source']['image']: uint8[2,4,5,3] everywhere -> uint8[2,6,5,3] everywhere" in warnings[0]
    assert "state" not in warnings[0]
