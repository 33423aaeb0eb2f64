"""Sweeps: what shares a program, members that are the runs that stand alone, and what stops neither."""

import io
import json
import signal
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.data.augment import ColorJitter
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Adam, AdversarialMethod, Level, Method, ObjectiveMethod, Poly, Term, WarmStart
from jaxseg.train import Experiment, MeshShape, RunFolder, Stopped, train
from jaxseg.train._program import step
from jaxseg.train._stack import settings_of
from jaxseg.train.checkpoint import Checkpoints, abstract_state
from jaxseg.train.progress import Progress
from jaxseg.train.sweep import Outcome, Sweep, train_sweep
from tests.methods.adversaries import Linear, adversary
from tests.tiny import Blocks, network
from tests.train import self_trained

CONFIG = "from tests.train.test_sweep import base as experiment\n"
SOURCE = Term(losses.SoftmaxCrossEntropy())
CLOCK = ("seconds", "images_per_second", "input_wait")


def base(**fields: Any) -> Experiment:
    values: dict[str, Any] = {
        "name": "tiny",
        "data": Blocks(),
        "target": Blocks(shift=60),
        "method": ObjectiveMethod(
            network=network(normalize=True, dropout=0.2),
            objective={
                "source": SOURCE,
                "target": Term(losses.MaximumSquares(), weight=0.3, domain="target"),
            },
            warm_start=WarmStart(steps=1, objective={"source": SOURCE}, optimizer=Adam()),
            steps=3,
            optimizer=SGD(learning_rate=0.1, schedule=Poly()),
        ),
        "augment": {"jitter": ColorJitter(0.2, 0.2, 0.2)},
        "batch": 4,
        "mesh": MeshShape(data=1),
        "checkpoint_every": 2,
        "threads": 0,
    }
    return Experiment(**(values | fields))


def run(sweep: Sweep, folder: Path, **how: Any) -> list[Outcome]:
    config = folder.parent / "config_of_sweep.py"
    config.write_text(CONFIG)
    return train_sweep(sweep, folder, config, **({"stream": io.StringIO()} | how))


def alone(outcome: Outcome, folder: Path) -> RunFolder:
    """The same experiment trained by itself."""
    by_itself = RunFolder(folder)
    source = folder.parent / "config_of_sweep.py"
    source.write_text(CONFIG)
    by_itself.open(outcome.member.experiment, source, outcome.member.options)
    train(outcome.member.experiment, by_itself, stream=io.StringIO())
    return by_itself


def lines(folder: RunFolder) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in CLOCK} for line in read]


def record(folder: RunFolder) -> dict[str, Any]:
    return {key: value for key, value in folder.record().items() if key != "config"}


def numbers(value: Any) -> list[float]:
    return [float(leaf) for leaf in jax.tree.leaves(value) if not isinstance(leaf, str)]


class Traces:
    """Counts how often a method's step is traced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: type) -> None:
        self.count, step = 0, method.step

        def counted(*arguments: Any) -> Any:
            self.count += 1
            return step(*arguments)

        monkeypatch.setattr(method, "step", counted)


GRID = {"objective.target.weight": (0.1, 0.7), "optimizer.learning_rate": (0.2,), "seed": (0, 1)}


@pytest.fixture(scope="module")
def traced() -> list[int]:
    """How often the looped sweep traced the method's step, once it has run."""
    return []


@pytest.fixture(scope="module")
def looped(tmp_path_factory: pytest.TempPathFactory, traced: list[int]) -> list[Outcome]:
    with pytest.MonkeyPatch.context() as patch:
        traces = Traces(patch, ObjectiveMethod)
        found = run(Sweep(base(), GRID), tmp_path_factory.mktemp("sweep") / "loop", mode="loop")
    traced.append(traces.count)
    return found


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    return run(Sweep(base(), GRID), tmp_path_factory.mktemp("sweep") / "vmap", mode="vmap")


def final(method: Method, folder: RunFolder) -> tuple[int, Any]:
    """Step of the last checkpoint, and the state there."""
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with Checkpoints(folder.checkpoints, write=False) as kept:
        last = kept.latest()
        assert last is not None
        return last, kept.restore(last, abstract_state(method, last, (8, 16), one))


def same_bits(outcome: Outcome, other: RunFolder) -> None:
    method = outcome.member.experiment.method
    (a, x), (b, y) = final(method, outcome.folder), final(method, other)
    assert a == b == method.total_steps
    jax.tree.map(np.testing.assert_array_equal, x, y)
    assert lines(outcome.folder) == lines(other)


def same_to_rounding(outcome: Outcome, other: RunFolder) -> None:
    method = outcome.member.experiment.method
    (a, x), (b, y) = final(method, outcome.folder), final(method, other)
    assert a == b == method.total_steps
    jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, rtol=1e-5, atol=1e-6), x, y)
    a, b = lines(outcome.folder), lines(other)
    assert [line["step"] for line in a] == [line["step"] for line in b]
    np.testing.assert_allclose(numbers(a), numbers(b), rtol=1e-5, atol=1e-6)


def test_a_sweep_over_leaves_and_seeds_is_traced_once_a_phase(
    looped: list[Outcome], traced: list[int]
) -> None:
    assert len(looped) == 4
    assert traced == [2]


def traced_by(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the step is traced for all members, nothing compiled or run."""
    traces = Traces(monkeypatch, ObjectiveMethod)
    shapes = {"image": ((4, 8, 16, 3), np.uint8), "label": ((4, 8, 16), np.uint8)}
    batch = {"source": {name: jax.ShapeDtypeStruct(*shape) for name, shape in shapes.items()}}
    with jax.set_mesh(MeshShape(data=1).build(4)):
        for member in sweep.members:
            state = abstract_state(member.experiment.method, 0, (8, 16))
            step.trace(*settings_of(member.experiment), state, batch, 0)
    return traces.count


def test_rates_schedules_and_weights_are_leaves_of_one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    method = ObjectiveMethod(network=network(), objective={"source": SOURCE}, steps=5, optimizer=SGD())
    grid = {
        "objective.source.weight": (0.5, 1),
        "optimizer.learning_rate": (0.1, 0.2),
        "optimizer.weight_decay": (0.0, 0.1),
        "optimizer.schedule.power": (0.5, 0.9),
        "optimizer.groups.head": (1.0, 10.0),
        "augment.jitter.brightness": (0.1, 0.3),
    }
    sweep = Sweep(base(method=method, target=None), grid)
    assert (len(sweep.members), len(sweep.programs), sweep.static) == (64, 1, ())
    assert len(sweep.programs[0].varying) == 6
    assert traced_by(sweep, monkeypatch) == 1


def test_24_settings_of_the_structural_loss_are_4_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    method = ObjectiveMethod(
        network=network(), objective={"ssl": Term(losses.StructuralSimilarity())}, steps=1, optimizer=SGD()
    )
    grid = {
        "objective.ssl.loss.sigma": (1.0, 1.5, 2.0),
        "objective.ssl.loss.beta": (0.05, 0.1),
        "objective.ssl.loss.reweight": (True, False),
        "objective.ssl.loss.mine": (True, False),
    }
    sweep = Sweep(base(method=method, target=None), grid)
    assert sweep.static == ("objective.ssl.loss.reweight", "objective.ssl.loss.mine")
    assert [len(program.members) for program in sweep.programs] == [6] * 4
    assert traced_by(sweep, monkeypatch) == 4


def test_members_of_a_loop_are_bit_for_bit_the_runs_that_stand_alone(
    looped: list[Outcome], tmp_path: Path
) -> None:
    assert [outcome.member.settings["seed"] for outcome in looped] == [0, 1, 0, 1]
    stands = alone(looped[3], tmp_path / "alone")
    same_bits(looped[3], stands)
    assert record(stands) == record(looped[3].folder)
    assert looped[3].member.experiment.method.objective["target"].weight == 0.7
    method = looped[0].member.experiment.method
    kernels = [final(method, outcome.folder)[1].params["Dense_0"]["kernel"] for outcome in looped]
    assert not np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_members_in_lock_step_compute_what_those_of_a_loop_compute(
    looped: list[Outcome], stacked: list[Outcome], tmp_path: Path
) -> None:
    split = run(Sweep(base(), GRID), tmp_path / "shard", mode="shard")
    for found in (stacked, split):
        for one, other in zip(looped, found, strict=True):
            assert one.member.settings == other.member.settings
            assert record(one.folder) == record(other.folder)
            same_to_rounding(one, other.folder)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"diagnose_every": 2}, "diagnose_every"),
        ({"mesh": MeshShape(data=1, parameters="sharded")}, "mesh.parameters"),
    ],
)
def test_lock_step_refuses_what_it_would_leave_out(
    tmp_path: Path, fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=rf"^{named}: .* --mode loop"):
        run(Sweep(base(**fields), GRID), tmp_path / "refused", mode="vmap")


class Killed(BaseException):
    """The end of a process, as far as a test can have it."""


@pytest.mark.parametrize(
    ("mode", "calls", "told"), [("loop", 7, False), ("vmap", 10, False), ("vmap", 10, True)]
)
def test_a_sweep_that_was_stopped_ends_with_the_bits_of_one_that_never_was(
    looped: list[Outcome],
    stacked: list[Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    calls: int,
    told: bool,
) -> None:
    """Killed between the saves of two members, or stopped by a signal: 2 x 2 members, 4 steps, saved every 2."""
    sweep = Sweep(base(), GRID)
    whole = looped if mode == "loop" else stacked
    awaited, asked = Progress.awaited, 0

    def interrupted(self: Progress, batches: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == calls and told:
            signal.raise_signal(signal.SIGTERM)
        elif asked == calls:
            raise Killed
        return awaited(self, batches)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "awaited", interrupted)
        with pytest.raises(Stopped if told else Killed):
            run(sweep, tmp_path / "cut", mode=mode)
    assert asked < 16
    again = run(sweep, tmp_path / "cut", mode=mode)
    for one, other in zip(whole, again, strict=True):
        same_bits(one, other.folder)


@pytest.mark.parametrize("mode", ["loop", "vmap"])
def test_a_member_that_diverges_is_given_up_and_the_others_go_on(tmp_path: Path, mode: str) -> None:
    method = ObjectiveMethod(network=network(), objective={"source": SOURCE}, steps=4, optimizer=SGD())
    sweep = Sweep(base(method=method, target=None), {"optimizer.learning_rate": (1e38, 0.1)})
    said = io.StringIO()
    lost, kept = run(sweep, tmp_path / "sweep", mode=mode, stream=said)
    assert lost.diverged is not None
    assert "at step" in lost.diverged
    assert "\n" not in lost.diverged
    assert "learning_rate=1e+38/seed0: diverged" in said.getvalue()
    assert kept.diverged is None
    same_to_rounding(kept, alone(kept, tmp_path / "alone"))
    before = lost.folder.metrics.stat().st_mtime_ns
    again, _ = run(sweep, tmp_path / "sweep", mode=mode)
    assert again.diverged == lost.diverged
    assert lost.folder.metrics.stat().st_mtime_ns == before


@pytest.mark.slow
def test_an_adversarial_method_sweeps_too(tmp_path: Path) -> None:
    method = AdversarialMethod(
        network=network(),
        discriminator=adversary(Linear(normalize=True)),
        objective={"source": SOURCE},
        levels={"main": Level(weight=0.5)},
        steps=2,
        optimizer=SGD(learning_rate=0.1),
        discriminator_optimizer=Adam(learning_rate=0.01),
    )
    grid = {"levels.main.weight": (0.1, 0.3, 0.5), "discriminator_optimizer.learning_rate": (0.1,)}
    sweep = Sweep(base(method=method), grid)
    assert len(sweep.programs) == 1
    found = run(sweep, tmp_path / "vmap", mode="vmap", chunk=2)  # a full chunk, then one with a slot to spare
    for place in (0, 2):
        same_to_rounding(found[place], alone(found[place], tmp_path / f"alone{place}"))


@pytest.mark.slow
def test_members_that_label_their_own_targets_go_in_lock_step_too(tmp_path: Path) -> None:
    sweep = Sweep(self_trained.experiment(), {"optimizer.learning_rate": (0.1, 0.3)})
    found = run(sweep, tmp_path / "vmap", mode="vmap")
    shares = [[line["share"] for line in lines(one.folder) if line["kind"] == "labelling"] for one in found]
    assert shares[0][0] == shares[1][0]  # of the same first network
    assert shares[0][1] != shares[1][1]
    same_to_rounding(found[1], alone(found[1], tmp_path / "alone"))


def test_static_axes_are_told_from_dynamic_ones() -> None:
    sweep = Sweep(base(), {"batch": (2, 4), "objective.target.weight": (0.1, 1.0), "forward": ("separate",)})
    assert sweep.static == ("batch",)
    assert [len(program.members) for program in sweep.programs] == [2, 2]


def test_microbatches_are_a_program_of_their_own() -> None:
    """Members of one program all run the network that it was traced with, and parts are a part of that."""
    sweep = Sweep(base(), {"accumulate": (1, 2), "seed": (0, 1)})
    assert sweep.static == ("accumulate",)
    assert [program.members for program in sweep.programs] == [(0, 1), (2, 3)]
    assert len(Sweep(base(), {"accumulate": (None, 1)}).programs) == 1  # both take a batch whole
