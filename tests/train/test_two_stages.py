"""A second stage goes on from a run with batch statistics, and freezes them."""

import io
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses, models
from jaxseg.methods import SGD, ObjectiveMethod, State, Term, WarmStart
from jaxseg.models import LinenNetwork, Normalization, Output, layers
from jaxseg.train import Experiment, MeshShape, RunFolder, load_config, train
from jaxseg.train._variables import with_target
from tests.tiny import Blocks


class Normalized(nn.Module):
    """Scores over one normalised convolution."""

    mode: str

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = layers.Conv(8, (3, 3), name="trunk")(image)
        x = nn.relu(layers.BatchNorm(self.mode, name="norm")(x, train=train))
        return Output(logits=nn.Dense(3, name="head")(x))


CONFIG = """
from tests.train.test_two_stages import staged

def experiment():
    return staged("first", "train", None)
"""


def staged(name: str, mode: str, initialize: Path | None, steps: int = 3) -> Experiment:
    method = ObjectiveMethod(
        network=LinenNetwork(3, Normalization(), module=Normalized(mode)),
        objective={"source": Term(losses.SoftmaxCrossEntropy())},
        steps=steps,
        optimizer=SGD(learning_rate=0.1),
    )
    return Experiment(name, Blocks(), method, batch=4, mesh=MeshShape(data=1), initialize=initialize)


def run(folder: Path, experiment: Experiment) -> State:
    source = folder.parent / f"{folder.name}.py"
    source.write_text(CONFIG)
    opened = RunFolder(folder)
    opened.open(experiment, source, [])
    return train(experiment, opened, stream=io.StringIO())


def test_the_statistics_of_the_first_stage_are_those_of_the_second(tmp_path: Path) -> None:
    first = run(tmp_path / "first", staged("first", "train", None))
    moved = first.batch_stats["norm"]["mean"]
    assert np.abs(moved).max() > 0.01  # they have left their start
    second = run(tmp_path / "second", staged("second", "frozen", tmp_path / "first"))
    jax.tree.map(np.testing.assert_array_equal, second.batch_stats, first.batch_stats)
    for name in ("trunk", "norm", "head"):
        before, after = first.params[name], second.params[name]
        assert any(
            not np.array_equal(a, b)
            for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
        )


def test_frozen_statistics_normalise_in_training_too() -> None:
    image = jnp.asarray(np.random.default_rng(0).normal(3.0, 2.0, (2, 8, 16, 3)), jnp.float32)
    networks = {mode: staged("x", mode, None).method.network for mode in ("train", "frozen")}
    variables = networks["train"].init(jax.random.key(0), image)
    variables["batch_stats"] = jax.tree.map(lambda leaf: leaf + 0.3, variables["batch_stats"])
    outputs = {
        (mode, training): np.asarray(network.apply(variables, image, train=training)[0].logits)
        for mode, network in networks.items()
        for training in (True, False)
    }
    np.testing.assert_array_equal(outputs["frozen", True], outputs["frozen", False])
    np.testing.assert_array_equal(outputs["frozen", False], outputs["train", False])
    assert np.abs(outputs["train", True] - outputs["frozen", True]).max() > 0.1


def test_the_recipes_second_stage_begins_where_the_first_ends() -> None:
    root = Path(__file__).resolve().parents[2] / "configs/structural"
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    for loss in ("ce", "bce", "ssl", "plus_ce", "plus_bce", "plus_ssl"):
        first, second = (load_config(root / f"voc_{loss}{end}_paper.py") for end in ("_stage1", ""))
        assert second.initialize == Path("runs", first.name, f"seed{first.seed}")
        if loss.endswith("ssl"):
            shapes = [
                jax.eval_shape(e.method.network.init, jax.random.key(0), image) for e in (first, second)
            ]
            assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    "network",
    [
        models.compact(3, width=4, split=2, batch_norm="per_domain"),
        models.fcn8s(3, width=0.02, split=1, trunk="vgg16_bn", dropout=0.0),
    ],
    ids=["compact", "fcn8s"],
)
def test_a_target_that_was_never_read_has_what_the_source_has(network: LinenNetwork) -> None:
    source, target = (Term(losses.SoftmaxCrossEntropy(), domain=domain) for domain in ("source", "target"))
    rng = np.random.default_rng(0)
    image = jnp.asarray(rng.normal(size=(1, 8, 8, 3)), jnp.float32)
    shapes = jax.eval_shape(network.init, jax.random.key(0), image)
    variables = jax.tree.map(lambda leaf: rng.uniform(0.1, 1.0, leaf.shape).astype(np.float32), shapes)
    scores = jax.jit(
        lambda variables, domain: network.apply(variables, image, train=False, domain=domain)[0].logits,
        static_argnames="domain",
        compiler_options={"xla_backend_optimization_level": 0},
    )
    of_source, of_target = (np.asarray(scores(variables, domain)) for domain in ("source", "target"))
    assert np.abs(of_source - of_target).max() > 1e-3
    alone = ObjectiveMethod(network, {"source": source}, steps=2)
    both = ObjectiveMethod(
        network,
        {"source": source, "target": target},
        steps=2,
        warm_start=WarmStart(steps=2, objective={"source": source}),
    )
    for method, phases, expected in (
        (alone, 1, of_source),
        (both, 1, of_source),  # after the warm start
        (both, 2, of_target),
        (both, 0, of_target),  # nothing was trained yet: they are as they were given
    ):
        found = with_target(method, variables, phases)
        np.testing.assert_array_equal(scores(found, "target"), expected)
        np.testing.assert_array_equal(scores(found, "source"), of_source)
