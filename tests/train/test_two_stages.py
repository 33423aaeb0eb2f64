"""A second stage goes on from a run with batch statistics, and freezes them."""

import io
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxseg import losses
from jaxseg.methods import SGD, ObjectiveMethod, State, Term
from jaxseg.models import LinenNetwork, Normalization, Output, layers
from jaxseg.train import Experiment, MeshShape, RunFolder, load_config, train
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
