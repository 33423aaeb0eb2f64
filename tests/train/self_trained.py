"""Self-training small enough for tests: an experiment, its run, and the labels that it leaves behind."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxseg import losses
from jaxseg.methods import SGD, Constant, Portions, SelfTraining, State, Term
from jaxseg.train import Experiment, MeshShape, RunFolder, check, train
from jaxseg.train import labelling as passes
from tests.tiny import Blocks, network

SOURCE = Term(losses.SoftmaxCrossEntropy())
HARD = Term(losses.SoftmaxCrossEntropy(), domain="target")
SOFT = Term(losses.SoftCrossEntropy(), domain="target")


METHOD_FIELDS = {field.name for field in dataclasses.fields(SelfTraining)}


def experiment(**fields: Any) -> Experiment:
    method: dict[str, Any] = {
        "network": network(normalize=True, dropout=0.2),
        "objective": {"source": SOURCE, "target": SOFT},
        "labels": "lrent",
        "steps": 2,
        "rounds": 2,
        "optimizer": SGD(learning_rate=0.1, schedule=Constant()),
        "portion": Portions(0.3, 0.1, 0.5),
        "flip": False,
    }
    method |= {name: fields.pop(name) for name in list(fields) if name in METHOD_FIELDS}
    values: dict[str, Any] = {
        "name": "labelling",
        "data": Blocks(),
        "target": Blocks(shift=60),
        "method": SelfTraining(**method),
        "batch": 4,
        "mesh": MeshShape(data=1),
    }
    return Experiment(**(values | fields))


def opened(path: Path, built: Experiment) -> RunFolder:
    source = path.parent / f"{path.name}.py"
    source.write_text("")
    folder = RunFolder(path)
    folder.open(built, source, [])
    return folder


def trained(path: Path, built: Experiment) -> State:
    return train(built, opened(path, built), stream=io.StringIO())


def files(path: Path) -> dict[str, bytes]:
    """All that a round left behind, but for the clock."""
    found = {}
    for file in sorted((path / "pseudo_labels").rglob("*.*")):
        content = file.read_bytes()
        if file.name == "manifest.json":
            content = json.dumps({**json.loads(content), "seconds": 0}).encode()
        found[str(file.relative_to(path))] = content
    return found


def labels(path: Path, built: Experiment, variables: Any = None) -> dict[str, bytes]:
    """The label files of round 0, made by fresh variables or those given."""
    mesh, sources, _ = check(built)
    net = built.method.network
    made = net.init(jax.random.key(1), jnp.zeros((1, 8, 16, 3))) if variables is None else variables
    with jax.set_mesh(mesh):
        passes.label_target(built, 0, made, sources, path / "pseudo_labels", mesh)
    return {name: content for name, content in files(path).items() if "begun" not in name}
